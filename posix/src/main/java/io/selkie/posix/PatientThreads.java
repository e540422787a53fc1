package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;

/**
 * Threads that others need not wait for, for work that is long and not urgent. By sched_setattr(2)
 * they ask the kernel for two things. A nice value of {@value #NICE}, so that who has to do
 * something meanwhile takes nine parts of a processor of ten: less would starve them on a busy
 * machine, perhaps with a lock in their hands, as SCHED_IDLE would. And long slices ({@code
 * sched_runtime}): who wakes up with a shorter one has the processor at once, where otherwise they
 * would go on for some milliseconds.
 *
 * <p>Linux before 6.12 takes the second wish and ignores it.
 *
 * <pre>
 *   struct sched_attr
 *   0      4        8       16     20         24        32         40       48
 *  | size | policy | flags | nice | priority | runtime | deadline | period |
 * </pre>
 */
public final class PatientThreads {

  private static final int ATTR_BYTES = 48;
  private static final int NICE_AT = 16;
  private static final int RUNTIME_AT = 24;
  private static final int NICE = 10;

  /** The most that the kernel grants. */
  private static final long SLICE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private static final LibC LIBC = LibraryLoader.create(LibC.class).load("c");

  private PatientThreads() {}

  /**
   * Makes the calling thread patient, for good.
   *
   * @return 0, or {@code -errno} where the machine forbids it: then it is as other threads are
   */
  public static int join() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(ATTR_BYTES, 8);
      // The policy stays what it is.
      int read =
          result(
              LIBC.syscall(Machine.current().schedGetattr, 0, attributes.address(), ATTR_BYTES, 0));
      if (read < 0) {
        return read;
      }
      attributes.set(JAVA_INT, 0, ATTR_BYTES);
      attributes.set(JAVA_INT, NICE_AT, Math.max(NICE, attributes.get(JAVA_INT, NICE_AT)));
      attributes.set(JAVA_LONG, RUNTIME_AT, SLICE_NANOS);
      return result(LIBC.syscall(Machine.current().schedSetattr, 0, attributes.address(), 0, 0));
    }
  }

  /** The slice that the calling thread has in the kernel's eyes, in nanoseconds; 0 when unknown. */
  public static long sliceNanos() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(ATTR_BYTES, 8);
      int read =
          result(
              LIBC.syscall(Machine.current().schedGetattr, 0, attributes.address(), ATTR_BYTES, 0));
      return read < 0 ? 0 : attributes.get(JAVA_LONG, RUNTIME_AT);
    }
  }

  private static int result(long returned) {
    return returned < 0 ? -LastError.getLastError(jnr.ffi.Runtime.getRuntime(LIBC)) : 0;
  }

  /** Makes the threads of another factory patient; where that is forbidden they are as they are. */
  public static ThreadFactory of(ThreadFactory factory) {
    return task ->
        factory.newThread(() -> {
          var _ = join();
          task.run();
        });
  }
}
