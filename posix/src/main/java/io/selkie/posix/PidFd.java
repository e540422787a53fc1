package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import jnr.constants.platform.Signal;
import jnr.ffi.LastError;

/**
 * Another process, held by a descriptor (pidfd_open(2)): a signal sent by it never reaches a
 * stranger who was given the number meanwhile, and the end can be waited for whoever the parent is.
 * Safe for use by several threads.
 */
public final class PidFd implements AutoCloseable {

  // The same numbers on every architecture.
  private static final int PIDFD_SEND_SIGNAL = 424;
  private static final int PIDFD_OPEN = 434;
  private static final int PR_SET_CHILD_SUBREAPER = 36;

  private static final short POLLIN = 1;
  private static final int POLLFD_BYTES = 8;
  private static final int REAL_TIME_MAX = 64;

  private static final LibC LIBC = Bindings.LIBC;

  private final int fd;
  private boolean closed;

  private PidFd(int fd) {
    this.fd = fd;
  }

  /**
   * The number of a signal.
   *
   * @param name with or without SIG, in any case, or a number from 1 to 64
   */
  public static OptionalInt signal(String name) {
    if (name.matches("[0-9]{1,2}")) {
      int number = Integer.parseInt(name);
      return number >= 1 && number <= REAL_TIME_MAX ? OptionalInt.of(number) : OptionalInt.empty();
    }
    String upper = name.toUpperCase(Locale.ROOT);
    String full = upper.startsWith("SIG") ? upper : "SIG" + upper;
    for (Signal signal : Signal.values()) {
      if (signal.name().equals(full) && signal.defined()) {
        return OptionalInt.of(signal.intValue());
      }
    }
    return OptionalInt.empty();
  }

  /**
   * Holds a process.
   *
   * @return empty when there is none of that number
   * @throws PosixException when it cannot be held
   */
  public static Optional<PidFd> open(long pid) throws PosixException {
    int fd = (int) LIBC.syscall(PIDFD_OPEN, pid, 0, 0, 0);
    if (fd >= 0) {
      return Optional.of(new PidFd(fd));
    }
    int result = error();
    if (Errno.ESRCH.is(result)) {
      return Optional.empty();
    }
    throw new PosixException(
        "pidfd_open", result, "process " + pid, "this needs Linux 5.3 and a free descriptor");
  }

  /**
   * From now on whatever the children of this process leave behind becomes its child, also what
   * made itself a daemon: so none of it is lost sight of.
   *
   * @throws PosixException when the kernel does not do that
   */
  public static void adoptOrphans() throws PosixException {
    long prctl = LIBC.syscall(Machine.current().prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0);
    if (prctl < 0) {
      throw new PosixException("prctl", error(), "PR_SET_CHILD_SUBREAPER", "this needs Linux 3.4");
    }
  }

  /**
   * Sends a signal; does not block.
   *
   * @return 0, or {@code -errno}: ESRCH when the process has ended
   */
  public synchronized int send(int signal) {
    if (closed) {
      return Errno.ESRCH.result();
    }
    return LIBC.syscall(PIDFD_SEND_SIGNAL, fd, signal, 0, 0) < 0 ? error() : 0;
  }

  /** The descriptor, for who waits for more than this; this object's to close. */
  int fd() {
    return fd;
  }

  /**
   * Waits for its end; true when it has ended, whether or not somebody has asked how. What
   * interrupts the wait (a signal to this thread) begins it anew.
   */
  public boolean awaitEnd(int timeoutMillis) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment descriptor = arena.allocate(POLLFD_BYTES, 8);
      descriptor.set(JAVA_INT, 0, fd);
      descriptor.set(JAVA_SHORT, 4, POLLIN);
      int ready;
      do {
        ready = LIBC.poll(descriptor.address(), 1, timeoutMillis);
      } while (ready < 0 && Errno.EINTR.is(error()));
      return ready > 0;
    }
  }

  private static int error() {
    return -LastError.getLastError(jnr.ffi.Runtime.getRuntime(LIBC));
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      var _ = LIBC.syscall(Machine.current().close, fd, 0, 0, 0);
    }
  }
}
