package io.selkie.posix;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Makes stores into a {@code MAP_SYNC} mapping durable by writing cache lines back: no system call.
 * On any other mapping it makes nothing durable; use {@link Kernel#msync} there.
 *
 * <p>On x86-64 the instruction stands in machine code of our own, so that a page which cannot be
 * had is an error ({@link GuardedWriteBack}). Elsewhere it is reached through the JDK's own {@code
 * Unsafe}, the one behind {@code MappedByteBuffer.force()} of a MAP_SYNC mapping, and such a page
 * ends the process; the public method works on mappings that a file channel made only, and a
 * channel would be a second open file description, which breaks the lease.
 *
 * <p>Safe for use by several threads; allocates nothing.
 */
public final class CacheLines {
  private static final String FLAG = "--add-exports java.base/jdk.internal.misc=ALL-UNNAMED";

  private final MethodHandle writeBack;
  private final boolean guarded;
  private final String reason;

  /**
   * One of the kinds.
   *
   * @param writeBack of two numbers; its result is 0 or {@code -errno} when guarded, nothing
   *     otherwise; null when there is none
   * @param reason why there is none, or why it is not guarded
   */
  private CacheLines(MethodHandle writeBack, boolean guarded, String reason) {
    this.writeBack = writeBack;
    this.guarded = guarded;
    this.reason = reason;
  }

  private static CacheLines none(String reason) {
    return new CacheLines(null, false, reason);
  }

  /**
   * Finds out what this processor and this JVM offer. The first call may set a handler of SIGBUS
   * before the JVM's.
   */
  public static CacheLines detect() {
    GuardedWriteBack ours = GuardedWriteBack.ofProcess();
    return ours.handle()
        .map(handle -> new CacheLines(handle, true, ""))
        .orElseGet(() -> ofJvm(ours.whyNot()));
  }

  /**
   * The JVM's own.
   *
   * @param whyNotOurs why a page that cannot be had is not survived
   */
  static CacheLines ofJvm(String whyNotOurs) {
    // The JVM makes the code behind writebackMemory for its optimising compiler only, yet says that
    // it is enabled: without that compiler (-Xint, -XX:TieredStopAtLevel) the call is a jump to 0.
    String mode = System.getProperty("java.vm.info", "");
    if (mode.contains("interpreted") || mode.contains("emulated-client")) {
      return none("the JVM runs without its optimising compiler (" + mode + ")");
    }
    try {
      Class<?> type = Class.forName("jdk.internal.misc.Unsafe");
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      Object unsafe = lookup.findStatic(type, "getUnsafe", MethodType.methodType(type)).invoke();
      boolean enabled =
          (boolean)
              lookup
                  .findStatic(type, "isWritebackEnabled", MethodType.methodType(boolean.class))
                  .invoke();
      if (!enabled) {
        return none("this processor has no cache-line write-back that the JVM knows");
      }
      MethodHandle handle =
          lookup
              .findVirtual(
                  type,
                  "writebackMemory",
                  MethodType.methodType(void.class, long.class, long.class))
              .bindTo(unsafe);
      return new CacheLines(handle, false, whyNotOurs);
    } catch (IllegalAccessException e) {
      return none("the JVM was started without " + FLAG);
    } catch (Throwable e) {
      return none("this JVM has no cache-line write-back: " + e);
    }
  }

  /** Whether {@link #writeBack} works here. */
  public boolean isAvailable() {
    return writeBack != null;
  }

  /** Whether a page that cannot be had is an error, and not the end of the process. */
  public boolean isGuarded() {
    return guarded;
  }

  /** Why it does not work here, or is not guarded; empty when it is. */
  public String whyNot() {
    return reason;
  }

  /**
   * Writes the lines of a range back; when it returns 0, what was stored there before by any thread
   * that synchronised with this one is durable.
   *
   * @param address start of the range, inside a MAP_SYNC mapping
   * @param length bytes, 0 or more
   * @return 0, or EIO, negative, when a page could not be had; where it is not guarded that ends
   *     the process
   * @throws IllegalStateException where it is not available
   */
  public int writeBack(long address, long length) {
    if (writeBack == null) {
      throw new IllegalStateException("cannot write cache lines back: " + reason);
    }
    if (length <= 0) {
      return 0;
    }
    try {
      if (guarded) {
        return (int) writeBack.invokeExact(address, length);
      }
      writeBack.invokeExact(address, length);
      return 0;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("write-back of cache lines failed", e);
    }
  }
}
