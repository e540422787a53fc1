package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Goal: DAX is seen where it is, on each file system, and nowhere else. */
@Timeout(300)
class DaxProbesOnPmem {

  private final Kernel kernel = new LinuxKernel();
  private final FileProbes probes = new FileProbes(kernel);

  @ParameterizedTest(name = "daxIsSeen on {0}")
  @EnumSource(PmemFileSystem.class)
  void daxIsSeen(PmemFileSystem type) throws Exception {
    try (Mounted mounted = type.make()) {
      Path file = Files.write(mounted.root().resolve("file"), new byte[8192]);
      try (var target = new RealTarget(kernel, file, true)) {
        assertThat(probes.dax(target.fd()).isYes()).isTrue();
        assertThat(probes.mapSync(target.fd(), true).isYes()).isTrue();
        assertThat(probes.blockMap(target.fd()).isYes()).isTrue();
        assertThat(probes.reflink(target.fd(), target.identity().device(), true).isYes())
            .isEqualTo(type.reflinks());
      }
    }
  }

  @ParameterizedTest(name = "aFileThatChoseOtherwiseIsNone on {0}")
  @EnumSource(value = PmemFileSystem.class, names = ".*_INODE", mode = EnumSource.Mode.MATCH_ALL)
  void aFileThatChoseOtherwiseIsNone(PmemFileSystem type) throws Exception {
    try (Mounted mounted = type.make()) {
      PmemFileSystem.run("xfs_io", "-c", "chattr -x", mounted.root().toString());
      Path file = Files.write(mounted.root().resolve("plain"), new byte[8192]);
      assertNoDax(file);
    }
  }

  @Test
  void memoryIsNone() throws Exception {
    Path file = Files.write(Path.of("/dev/shm/plain"), new byte[8192]);
    assertNoDax(file);
    Files.delete(file);
  }

  private void assertNoDax(Path file) {
    try (var target = new RealTarget(kernel, file, true)) {
      var status = new FileStatus();
      assertThat(FileProbes.status(kernel, target.fd(), status)).isZero();
      assertThat(status.isDax()).isFalse();
      assertThat(probes.dax(target.fd()).isNo()).isTrue();
      assertThat(probes.mapSync(target.fd(), true).isNo()).isTrue();
    }
  }
}
