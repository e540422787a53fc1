package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.LinuxKernel;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Goal: a commit on DAX is the write-back of cache lines: no call that syncs, on any of them. */
@Timeout(300)
class DurabilityOnPmem {
  private static final int BYTES = 4 << 20;

  @ParameterizedTest(name = "aCommitSyncsNothing on {0}")
  @EnumSource(
      value = PmemFileSystem.class,
      names = {"XFS_REFLINK_ALWAYS", "XFS_ALWAYS", "EXT4_ALWAYS"})
  void aCommitSyncsNothing(PmemFileSystem type) throws Exception {
    var counted = new PretendedDax();
    try (Mounted mounted = type.make();
        var rig = new RealRig(counted.countingOnly(new LinuxKernel()))) {
      Path file = Files.write(mounted.root().resolve("file"), new byte[BYTES]);
      try (var target = new RealTarget(rig.kernel, file, true)) {
        SealOutcome.Sealed sealed = rig.sealed(target, Purpose.READ_WRITE);
        Seal seal = sealed.seal();
        assertThat(seal.exact()).isTrue();
        for (int at = 0; at < BYTES; at += 4093) {
          seal.mapping().set(ValueLayout.JAVA_BYTE, at, (byte) at);
        }
        counted.forget();

        assertThat(seal.flush(new ByteRange(0, BYTES))).isZero();

        assertThat(counted.count("fsync") + counted.count("fdatasync") + counted.count("msync"))
            .isZero();
        assertThat(counted.count("populateRead")).isEqualTo(BYTES >> 20);
        seal.release();
      }
      mounted.unmount();
      mounted.mount();
      byte[] back = Files.readAllBytes(file);
      for (int at = 0; at < BYTES; at += 4093) {
        assertThat(back[at]).isEqualTo((byte) at);
      }
    }
  }
}
