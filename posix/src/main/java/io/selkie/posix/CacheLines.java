package io.selkie.posix;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Makes stores into a {@code MAP_SYNC} mapping durable by writing cache lines back: no system call.
 * On any other mapping it makes nothing durable; use {@link Kernel#msync} there.
 *
 * <p>The instruction is reached through the JDK's own {@code Unsafe}, the one behind {@code
 * MappedByteBuffer.force()} of a MAP_SYNC mapping; the public method works on mappings that a file
 * channel made only, and a channel would be a second open file description, which breaks the lease.
 *
 * <p>Safe for use by several threads; allocates nothing.
 */
public final class CacheLines {
  private static final String FLAG = "--add-exports java.base/jdk.internal.misc=ALL-UNNAMED";

  private final MethodHandle writeBack;
  private final String reason;

  private CacheLines(MethodHandle writeBack, String reason) {
    this.writeBack = writeBack;
    this.reason = reason;
  }

  /** Finds out what this processor and this JVM offer. */
  public static CacheLines detect() {
    // The JVM makes the code behind writebackMemory for its optimising compiler only, yet says that
    // it is enabled: without that compiler (-Xint, -XX:TieredStopAtLevel) the call is a jump to 0.
    String mode = System.getProperty("java.vm.info", "");
    if (mode.contains("interpreted") || mode.contains("emulated-client")) {
      return new CacheLines(null, "the JVM runs without its optimising compiler (" + mode + ")");
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
        return new CacheLines(
            null, "this processor has no cache-line write-back that the JVM knows");
      }
      MethodHandle handle =
          lookup
              .findVirtual(
                  type,
                  "writebackMemory",
                  MethodType.methodType(void.class, long.class, long.class))
              .bindTo(unsafe);
      return new CacheLines(handle, "");
    } catch (IllegalAccessException e) {
      return new CacheLines(null, "the JVM was started without " + FLAG);
    } catch (Throwable e) {
      return new CacheLines(null, "this JVM has no cache-line write-back: " + e);
    }
  }

  /** Whether {@link #writeBack} works here. */
  public boolean isAvailable() {
    return writeBack != null;
  }

  /** Why it does not work here; empty when it does. */
  public String whyNot() {
    return reason;
  }

  /**
   * Writes the lines of a range back; when it returns, what was stored there before by any thread
   * that synchronised with this one is durable.
   *
   * @param address start of the range, inside a MAP_SYNC mapping
   * @param length bytes, 0 or more
   * @throws IllegalStateException where it is not available
   */
  public void writeBack(long address, long length) {
    if (writeBack == null) {
      throw new IllegalStateException("cannot write cache lines back: " + reason);
    }
    if (length <= 0) {
      return;
    }
    try {
      writeBack.invokeExact(address, length);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("write-back of cache lines failed", e);
    }
  }
}
