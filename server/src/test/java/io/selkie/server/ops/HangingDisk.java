package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Phaser;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** The real kernel, but that some calls into one directory hang for a while. */
final class HangingDisk {

  private static final int O_PATH = 0x20_0000;
  private static final String DESCRIPTORS = "/proc/self/fd/";

  private final Set<String> calls;
  private final Semaphore stuck = new Semaphore(0);
  private final CountDownLatch works = new CountDownLatch(1);
  private final Phaser inside = new Phaser(1);
  private volatile Path directory;

  /**
   * These calls hang, by the names of the methods: a close of what is open for data only, and a
   * look only at what is not, because an open inode is in memory.
   */
  HangingDisk(String... calls) {
    this.calls = Set.of(calls);
  }

  /** The kernel to be used. */
  Kernel kernel() {
    Kernel real = new LinuxKernel();
    return (Kernel)
        Proxy.newProxyInstance(
            HangingDisk.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, method, arguments) -> {
              String call = method.getName();
              if (directory != null && calls.contains(call) && leadsThere(call, arguments)) {
                hang();
              }
              try {
                return method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private void hang() throws InterruptedException {
    inside.register();
    try {
      stuck.release();
      works.await();
    } finally {
      inside.arriveAndDeregister();
    }
  }

  /** Calls into this directory hang from now on. */
  void hangIn(Path below) {
    directory = below;
  }

  /** Waits until so many more calls hang. */
  void awaitStuck(int count) throws InterruptedException {
    assertThat(stuck.tryAcquire(count, 60, TimeUnit.SECONDS)).as("%d calls hang", count).isTrue();
  }

  /** All go on, and none hangs any more; when this returns, all have. */
  void goOn() throws Exception {
    directory = null;
    works.countDown();
    inside.awaitAdvanceInterruptibly(inside.arrive(), 60, TimeUnit.SECONDS);
  }

  private boolean leadsThere(String call, Object[] arguments) {
    int fd = (int) arguments[0];
    return switch (call) {
      case "close" -> isBelow(fd) && isData(fd);
      case "statx" -> isBelow(fd) && !isData(fd);
      case "openat2" -> isBelow(fd) || isBelow(descriptorIn((byte[]) arguments[1]));
      default -> isBelow(fd);
    };
  }

  private boolean isBelow(int fd) {
    Path below = directory;
    try {
      return fd >= 0
          && below != null
          && Files.readSymbolicLink(Path.of(DESCRIPTORS + fd)).startsWith(below);
    } catch (IOException e) {
      // Not open: the real kernel will say so.
      return false;
    }
  }

  private static int descriptorIn(byte[] name) {
    int end = 0;
    while (end < name.length && name[end] != 0) {
      end++;
    }
    String path = new String(name, 0, end, StandardCharsets.UTF_8);
    return path.startsWith(DESCRIPTORS) ? Integer.parseInt(path.substring(14)) : -1;
  }

  private static boolean isData(int fd) {
    try {
      String flags = Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd)).get(1);
      return (Integer.parseInt(flags.substring(6).strip(), 8) & O_PATH) == 0
          && Files.isRegularFile(Path.of(DESCRIPTORS + fd));
    } catch (IOException e) {
      return false;
    }
  }
}
