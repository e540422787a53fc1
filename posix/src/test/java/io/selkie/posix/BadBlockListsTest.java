package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a list whose disk went is let go of, and is watched again when asked for. */
@Timeout(600)
class BadBlockListsTest {
  @TempDir Path folder;

  private final BlockingQueue<Integer> opened = new LinkedBlockingQueue<>();
  private final BlockingQueue<Integer> read = new LinkedBlockingQueue<>();
  private final BlockingQueue<Integer> closed = new LinkedBlockingQueue<>();
  private volatile boolean diskIsThere = true;

  private final Kernel kernel =
      new ForwardingKernel(new LinuxKernel()) {
        @Override
        public int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
          int fd = delegate().openat2(dirFd, path, openFlags, mode, resolveFlags);
          opened.add(fd);
          return fd;
        }

        @Override
        public long pread(int fd, MemorySegment into, long fileOffset) {
          read.add(fd);
          return diskIsThere ? delegate().pread(fd, into, fileOffset) : Errno.ENODEV.result();
        }

        @Override
        public int close(int fd) {
          closed.add(fd);
          return delegate().close(fd);
        }
      };

  private static int next(BlockingQueue<Integer> queue) throws InterruptedException {
    Integer fd = queue.poll(120, TimeUnit.SECONDS);
    assertThat(fd).isNotNull();
    return fd;
  }

  @Test
  void listThatWentWithItsDiskIsLetGoAndWatchedAgainLater() throws Exception {
    Path list = Files.writeString(folder.resolve("badblocks"), "");
    try (BadBlockLists lists = new BadBlockLists(kernel, folder)) {
      diskIsThere = false;
      lists.watch(list);
      int gone = next(opened);
      assertThat(next(read)).isEqualTo(gone);
      assertThat(next(closed)).isEqualTo(gone);

      diskIsThere = true;
      lists.watch(list);

      int again = next(opened);
      assertThat(next(read)).isEqualTo(again);
      assertThat(closed).isEmpty();
    }
  }
}
