package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: pages are touched without a change, and one that cannot be had is an error in its place.
 */
@Timeout(120)
class UnwrittenConverterTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 16;

  /** So many that the loop is compiled by then. */
  private static final int ROUNDS = 20_000;

  private final Kernel real = new LinuxKernel();
  private Path directory;
  private int fd;

  @BeforeEach
  void start() throws Exception {
    directory = RealRig.newDirectory();
    byte[] content = new byte[PAGES * PAGE];
    content[5] = 7;
    Path file = Files.write(directory.resolve("file"), content);
    fd =
        real.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file.toString()),
            OpenFlags.RDWR | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(fd).isPositive();
  }

  @AfterEach
  void stop() throws Exception {
    real.close(fd);
    Files.delete(directory.resolve("file"));
    Files.delete(directory);
  }

  private int convert(int firstPage, int pages) {
    return UnwrittenConverter.byTouching()
        .convert(real, fd, new ByteRange((long) firstPage * PAGE, (long) pages * PAGE));
  }

  @Test
  void pagesBehindTheEndAreAnErrorHoweverTheLoopIsCompiled() throws Exception {
    for (int i = 0; i < ROUNDS; i++) {
      assertThat(convert(0, PAGES)).isZero();
    }
    assertThat(Files.readAllBytes(directory.resolve("file"))[5]).isEqualTo((byte) 7);

    assertThat(real.ftruncate(fd, 8L * PAGE)).isZero();

    for (int i = 0; i < ROUNDS / 10; i++) {
      // The last page only: nothing comes behind it that could tell.
      assertThat(convert(0, 9)).isEqualTo(Errno.EIO.result());
      assertThat(convert(8, 1)).isEqualTo(Errno.EIO.result());
      assertThat(convert(0, 8)).isZero();
    }
  }
}
