package io.selkie.server.ops;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;

/** The real kernel, but that a file's data cannot be opened for a while. */
final class HangingOpens {

  private final Semaphore hanging = new Semaphore(0);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private volatile Path hangsOn;

  /** Opens of this file's data hang from now on. */
  void hangOn(Path file) {
    hangsOn = file;
  }

  /** A permit for each that hangs. */
  Semaphore hanging() {
    return hanging;
  }

  /** All go on, and none hangs any more. */
  void goOn() {
    goOn.countDown();
  }

  Kernel kernel() {
    Kernel real = new LinuxKernel();
    return (Kernel)
        Proxy.newProxyInstance(
            HangingOpens.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, method, arguments) -> {
              if (hangsOn != null
                  && goOn.getCount() > 0
                  && method.getName().equals("openat2")
                  && opensData((byte[]) arguments[1], (long) arguments[2])) {
                hanging.release();
                goOn.await();
              }
              try {
                return method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private boolean opensData(byte[] name, long flags) throws IOException {
    String path = new String(name, 0, lengthOf(name), StandardCharsets.UTF_8);
    return (flags & OpenFlags.PATH) == 0
        && path.startsWith("/proc/self/fd/")
        && Files.readSymbolicLink(Path.of(path)).equals(hangsOn);
  }

  private static int lengthOf(byte[] name) {
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    return length;
  }
}
