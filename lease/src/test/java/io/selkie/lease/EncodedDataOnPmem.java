package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.FiemapFlags;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a file whose blocks hold something else than its bytes, as btrfs compresses them, is
 * granted behind its page cache, which shows its bytes, and to nobody who would go to the blocks.
 */
@Timeout(300)
class EncodedDataOnPmem {
  private static final int BYTES = 256 * 1024;

  @Test
  void compressedDataIsGrantedBehindThePageCacheOnly() throws Exception {
    String device = PmemFileSystem.XFS_REFLINK_ALWAYS.device();
    PmemFileSystem.run("mkfs.btrfs", "-q", "-f", device);
    Path root = Files.createTempDirectory("encoded-");
    PmemFileSystem.run("mount", "-o", "compress-force=zstd", device, root.toString());
    try {
      Path file = Files.writeString(root.resolve("text"), "the same word ".repeat(BYTES / 14));
      PmemFileSystem.run("sync");
      try (var rig = new RealRig();
          var target = new RealTarget(rig.kernel, file, true)) {
        for (Purpose purpose : Purpose.values()) {
          SealOutcome.Sealed sealed = rig.sealed(target, purpose);
          assertThat(ExtentRules.firstWith(sealed.map(), FiemapFlags.ENCODED))
              .as("FIEMAP_EXTENT_ENCODED")
              .isNotNull();
          assertThat(sealed.seal().exact()).isFalse();
          assertThat(sealed.seal().mapping().get(ValueLayout.JAVA_BYTE, 4)).isEqualTo((byte) 's');
          sealed.seal().release();
        }
      }
      try (var rig = new RealRig();
          var target = new RealTarget(rig.kernel, file, true)) {
        rig.runtime.reached(_ -> true);
        for (Purpose purpose : Purpose.values()) {
          assertThat(rig.seal(target, purpose))
              .isInstanceOfSatisfying(
                  SealOutcome.Refused.class,
                  refused -> {
                    assertThat(refused.refusal().reason()).isEqualTo(Reason.UNSUITABLE_EXTENTS);
                    assertThat(refused.refusal().message()).contains("encoded");
                  });
        }
      }
    } finally {
      PmemFileSystem.run("umount", "-l", root.toString());
    }
  }
}
