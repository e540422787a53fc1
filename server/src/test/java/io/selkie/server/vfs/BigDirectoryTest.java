package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.server.vfs.Export.HandleMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a directory of 100,000 entries is listed right while another process changes it. */
class BigDirectoryTest {
  private static final int STAYING = 100_000;

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  @Test
  @Tag("slow")
  @Timeout(value = 300, unit = TimeUnit.SECONDS)
  void whateverStaysIsListedExactlyOnceWhileOthersComeAndGo() throws Exception {
    try (VfsFixture fixture = new VfsFixture(new LinuxKernel(), directory, HandleMode.KERNEL)) {
      Path path = fixture.exported;
      for (int i = 0; i < STAYING; i++) {
        Files.createFile(path.resolve("stays-" + i));
      }
      AtomicBoolean done = new AtomicBoolean();
      CountDownLatch churning = new CountDownLatch(1);
      Thread churn =
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; !done.get(); i++) {
                  try {
                    Files.createFile(path.resolve("new-" + i));
                    if (i >= 100) {
                      Files.delete(path.resolve("new-" + (i - 100)));
                      churning.countDown();
                    }
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                }
              });
      try {
        assertThat(churning.await(60, TimeUnit.SECONDS)).isTrue();
        Set<String> seen = new HashSet<>();
        int staying = 0;
        long cookie = 0;
        Listing listing;
        do {
          listing = new Listing(500);
          assertThat(fixture.vfs.readDirectory(fixture.root(), cookie, true, listing))
              .isEqualTo(NFS4_OK);
          for (String name : listing.names()) {
            assertThat(seen.add(name)).as("%s is listed once", name).isTrue();
            staying += name.startsWith("stays-") ? 1 : 0;
          }
          if (!listing.names().isEmpty()) {
            cookie = listing.lastCookie();
          }
        } while (!listing.ended());
        assertThat(staying).isEqualTo(STAYING);
      } finally {
        done.set(true);
        churn.join(TimeUnit.SECONDS.toMillis(60));
      }
    }
  }
}
