package io.selkie.server.ops;

import io.selkie.posix.Errno;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** The real kernel, but for a few calls that a test plays itself. */
final class PlayedKernel {

  private static final long XFS = 0x58465342L;

  private PlayedKernel() {}

  /** Plays a call, or answers null to leave it to the real kernel. */
  @FunctionalInterface
  interface Part {
    Object call(Kernel real, String method, Object[] arguments) throws Exception;
  }

  /** One that plays what a test wants to. */
  static Kernel of(Part part) {
    Kernel real = new LinuxKernel();
    return (Kernel)
        Proxy.newProxyInstance(
            PlayedKernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (proxy, method, arguments) -> {
              Object played = part.call(real, method.getName(), arguments);
              return played != null ? played : invoke(real, method, arguments);
            });
  }

  private static Object invoke(Kernel real, Method method, Object[] arguments) throws Throwable {
    try {
      return method.invoke(real, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  /**
   * A file system that has reflink: blocks are copied all the same, but who watches calls and
   * leases sees no difference.
   */
  static Kernel withReflink() {
    return of((real, method, arguments) -> {
      if (method.equals("fstatfs")) {
        FileSystemStatus out = (FileSystemStatus) arguments[1];
        int result = real.fstatfs((int) arguments[0], out);
        out.set(
            XFS,
            out.fragmentSize(),
            out.blocks(),
            out.blocksFree(),
            out.blocksAvailable(),
            out.files(),
            out.filesFree());
        return result;
      }
      if (!method.equals("cloneRange")) {
        return null;
      }
      int source = (int) arguments[0];
      long from = (long) arguments[1];
      long length = (long) arguments[2];
      int target = (int) arguments[3];
      long to = (long) arguments[4];
      if ((source == target && from == to) || (from | to) % 4096 != 0) {
        return Errno.EINVAL.result();
      }
      for (long done = 0; done < length; ) {
        long copied = real.copyFileRange(source, from + done, target, to + done, length - done);
        if (copied <= 0) {
          return Errno.EIO.result();
        }
        done += copied;
      }
      return 0;
    });
  }

  /**
   * A slow disk: the first copy takes a while, each further one until a permit is there.
   *
   * @param failure what further copies fail with, once it is set
   */
  static Kernel withSlowCopies(
      Semaphore permits, int bytesAtATime, AtomicReference<Errno> failure) {
    CountDownLatch first = new CountDownLatch(1);
    CountDownLatch never = new CountDownLatch(1);
    return of((real, method, arguments) -> {
      if (!method.equals("copyFileRange")) {
        return null;
      }
      if (first.getCount() == 1) {
        first.countDown();
        never.await(100, TimeUnit.MILLISECONDS);
      } else if (!permits.tryAcquire(60, TimeUnit.SECONDS)) {
        return (long) Errno.EIO.result();
      }
      if (failure.get() != null) {
        return (long) failure.get().result();
      }
      return real.copyFileRange(
          (int) arguments[0],
          (long) arguments[1],
          (int) arguments[2],
          (long) arguments[3],
          Math.min((long) arguments[4], bytesAtATime));
    });
  }
}
