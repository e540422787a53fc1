package io.selkie.test.dax;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.PmemFileSystem;
import io.selkie.lease.PmemFileSystem.Mounted;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: LAYOUTCOMMIT of a file in DAX state is the write-back of cache lines and no system call
 * that syncs; behind a page cache it is one fdatasync.
 *
 * <p>Method: a running server, one-sided writes and their commits on the wire; the kernel counts.
 */
@Timeout(300)
class LayoutCommitOnPmem {
  private static final int BYTES = 256 * 1024;
  private static final int COMMITS = 20;

  @ParameterizedTest(name = "commitsSyncNothing on {0}")
  @EnumSource(PmemFileSystem.class)
  void commitsSyncNothing(PmemFileSystem type) throws Exception {
    try (Mounted mounted = type.make()) {
      assertThat(syncsOfCommits(mounted)).isEmpty();
    }
  }

  @ParameterizedTest(name = "commitsBehindAPageCacheAreOneFdatasyncEach on {0}")
  @EnumSource(names = {"XFS_INODE", "EXT4_INODE"})
  void commitsBehindAPageCacheAreOneFdatasyncEach(PmemFileSystem type) throws Exception {
    try (Mounted mounted = type.make()) {
      PmemFileSystem.run("xfs_io", "-c", "chattr -x", mounted.root().toString());
      assertThat(syncsOfCommits(mounted)).isEqualTo(Map.of("fdatasync", COMMITS));
    }
  }

  /** What was called while what was written was committed, again and again. */
  private static Map<String, Integer> syncsOfCommits(Mounted mounted) throws Exception {
    Files.write(mounted.root().resolve("file"), new byte[BYTES]);
    Path other = Files.write(mounted.root().resolve("other"), new byte[BYTES]);
    try (ServerOnPmem server = ServerOnPmem.start("", mounted);
        LayoutHolder holder =
            new LayoutHolder(server.server(), ServerOnPmem.nameOf(mounted), "file");
        var calls = new SyncCalls()) {
      Map<String, Integer> counts;
      for (int i = 0; i < COMMITS; i++) {
        holder.access().write(i * 4099L, new byte[] {(byte) i, 1, 2});
        assertThat(holder.commit(i * 4099L, 3)).isZero();
      }
      counts = calls.counts();
      calls.forget();
      PmemFileSystem.run("sync", "-d", other.toString());
      assertThat(calls.counts()).as("one that is seen").isEqualTo(Map.of("fdatasync", 1));
      return counts;
    }
  }
}
