package io.selkie.lease;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.FiemapFlags;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a small file whose data lies in its inode, as ext4 can keep it, is granted to readers, whom
 * the page cache serves, and not to writers, whose bytes would have no block; once it has blocks it
 * is a file as any other.
 */
@Timeout(300)
class InlineDataOnPmem {

  @Test
  void dataInTheInodeIsReadAndNotWritten() throws Exception {
    String device = PmemFileSystem.EXT4_INODE.device();
    PmemFileSystem.run(
        "mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "inline_data", "-I", "256", device);
    Path root = Files.createTempDirectory("inline-");
    PmemFileSystem.run("mount", device, root.toString());
    try (var rig = new RealRig()) {
      Path file = Files.writeString(root.resolve("small"), "a few words", UTF_8);
      PmemFileSystem.run("sync");
      try (var target = new RealTarget(rig.kernel, file, true)) {
        SealOutcome.Sealed read = rig.sealed(target, Purpose.READ);
        assertThat(read.map().extents().getFirst().has(FiemapFlags.DATA_INLINE)).isTrue();
        assertThat(read.seal().exact()).isFalse();
        assertThat(read.seal().mapping().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 'a');
        read.seal().release();

        assertThat(rig.seal(target, Purpose.READ_WRITE))
            .isInstanceOfSatisfying(
                SealOutcome.Refused.class,
                refused -> {
                  assertThat(refused.refusal().reason()).isEqualTo(Reason.UNSUITABLE_EXTENTS);
                  assertThat(refused.refusal().message()).contains("inline");
                });
      }
      Files.write(file, new byte[100_000], StandardOpenOption.APPEND);
      try (var target = new RealTarget(rig.kernel, file, true)) {
        SealOutcome.Sealed grown = rig.sealed(target, Purpose.READ_WRITE);
        assertThat(ExtentRules.firstWith(grown.map(), FiemapFlags.DATA_INLINE)).isNull();
        grown.seal().release();
      }
    } finally {
      PmemFileSystem.run("umount", "-l", root.toString());
    }
  }
}
