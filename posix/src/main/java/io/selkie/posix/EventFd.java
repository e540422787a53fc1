package io.selkie.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;

/**
 * A counter of the kernel's that a thread can wait for (eventfd(2)), alone or with other
 * descriptors. Safe for use by several threads.
 */
final class EventFd {
  private static final int EFD_CLOEXEC = 0x8_0000;

  private final LibC libc = LibraryLoader.create(LibC.class).load("c");
  private final int fd;

  /**
   * Makes one, at 0.
   *
   * @param purpose for the message of the failure
   */
  EventFd(String purpose) throws PosixException {
    int made = libc.eventfd(0, EFD_CLOEXEC);
    this.fd = made < 0 ? error() : made;
    if (fd < 0) {
      throw new PosixException("eventfd", fd, purpose, "raise ulimit -n");
    }
  }

  int fd() {
    return fd;
  }

  /** Counts one more: who waits goes on. */
  void signal() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocate(ValueLayout.JAVA_LONG);
      one.set(ValueLayout.JAVA_LONG, 0, 1);
      libc.write(fd, one.address(), Long.BYTES);
    }
  }

  /**
   * Waits until it counts more than 0, and sets it back to 0.
   *
   * @return 0, or {@code -errno}
   */
  int await() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);
      int failure;
      do {
        if (libc.read(fd, count.address(), Long.BYTES) == Long.BYTES) {
          return 0;
        }
        failure = error();
      } while (Errno.EINTR.is(failure));
      return failure;
    }
  }

  /** Nobody waits for it, and nobody will. */
  void close() {
    libc.syscall(Machine.current().close, fd, 0, 0, 0);
  }

  private int error() {
    return -LastError.getLastError(jnr.ffi.Runtime.getRuntime(libc));
  }
}
