package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: who watches the mounts hears of each change, and ends when told. */
@Timeout(120)
class MountsTest {

  private final Kernel kernel = new LinuxKernel();
  private final Semaphore changes = new Semaphore(0);

  private Mounts watch() throws PosixException {
    return Mounts.watch(
        kernel,
        new Mounts.Listener() {
          @Override
          public void changed() {
            changes.release();
          }

          @Override
          public void failed(PosixException why) {
            throw new AssertionError(why);
          }
        });
  }

  @Test
  void descriptorIsInAMountThatIsThere() throws Exception {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes("/"),
            OpenFlags.PATH | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            0);
    try {
      assertThat(Mounts.present()).contains(Mounts.of(fd).orElseThrow());
    } finally {
      kernel.close(fd);
    }
    assertThat(Mounts.of(-1)).isEmpty();
  }

  @Test
  void watchEndsAndGivesItsDescriptorsBack() throws Exception {
    for (int i = 0; i < 50; i++) {
      watch().close();
    }
    try (var fds = Files.list(Path.of("/proc/self/fd"))) {
      long left =
          fds.filter(
                  fd -> {
                    try {
                      String target = Files.readSymbolicLink(fd).toString();
                      return target.endsWith("/mountinfo") || target.contains("eventfd");
                    } catch (IOException _) {
                      return false;
                    }
                  })
              .count();
      assertThat(left).isLessThan(20);
    }
  }

  @Test
  void whoMayMountIsToldOfIt() throws Exception {
    Path directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "mount");
    try (Mounts _ = watch()) {
      Process mount =
          new ProcessBuilder("mount", "-t", "tmpfs", "none", directory.toString()).start();
      boolean mounted = mount.waitFor() == 0;
      if (mounted) {
        new ProcessBuilder("umount", directory.toString()).start().waitFor();
        assertThat(changes.tryAcquire(60, TimeUnit.SECONDS)).as("told of it").isTrue();
      } else {
        // Not even root may in every container; what is left to see is that nothing is made up.
        assertThat(Mounts.present()).isNotEmpty();
      }
    } finally {
      Files.deleteIfExists(directory);
    }
  }
}
