package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;

/**
 * A Unix datagram socket that is connected to the service manager's, which the JDK cannot make: it
 * has those of streams only. Each message is one datagram (sd_notify(3)). No call waits for the
 * service manager longer than {@link #PATIENCE}, {@link #offer} not at all. Safe for use by several
 * threads.
 *
 * <pre>
 *   struct sockaddr_un
 *    0         2                                          110
 *   +---------+--------------------------------------------+
 *   | AF_UNIX | path, ended by 0; or 0 and an abstract name |
 *   +---------+--------------------------------------------+
 * </pre>
 */
public final class NotifySocket implements AutoCloseable {

  private static final String ADVICE =
      "see that NOTIFY_SOCKET names the service manager's socket, or unset it";

  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOCK_NONBLOCK = 0x800;
  private static final short POLLOUT = 4;
  private static final int POLLFD_BYTES = 8;
  private static final int PATH_AT = 2;
  private static final int PATH_BYTES = 108;

  /** How long {@link #send} waits for room. */
  public static final Duration PATIENCE = Duration.ofSeconds(5);

  /** Numbers of the system calls. */
  private record Calls(int socket, int connect, int write) {
    static Calls of(Machine machine) {
      return switch (machine) {
        case X86_64 -> new Calls(41, 42, 1);
        case AARCH64 -> new Calls(198, 203, 64);
      };
    }
  }

  private final Calls calls = Calls.of(Machine.current());
  private final LibC libc = LibraryLoader.create(LibC.class).load("c");
  private final jnr.ffi.Runtime runtime = jnr.ffi.Runtime.getRuntime(libc);
  private final int fd;
  private boolean closed;

  /**
   * Connects.
   *
   * @param address what NOTIFY_SOCKET says: an absolute path, or @ and an abstract name
   * @throws PosixException when there is nobody, or the address is none
   */
  public NotifySocket(String address) throws PosixException {
    byte[] name = address.getBytes(UTF_8);
    boolean isAbstract = address.startsWith("@");
    if (!(isAbstract || address.startsWith("/")) || name.length >= PATH_BYTES) {
      throw new PosixException("connect", Errno.EINVAL.result(), "'" + address + "'", ADVICE);
    }
    fd =
        checked(
            "socket",
            address,
            libc.syscall(calls.socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment socketAddress = arena.allocate(PATH_AT + PATH_BYTES, 8);
      socketAddress.set(JAVA_SHORT, 0, (short) AF_UNIX);
      MemorySegment.copy(name, 0, socketAddress, JAVA_BYTE, PATH_AT, name.length);
      if (isAbstract) {
        socketAddress.set(JAVA_BYTE, PATH_AT, (byte) 0);
      }
      long length = (long) PATH_AT + name.length + (isAbstract ? 0 : 1);
      checked(
          "connect", address, libc.syscall(calls.connect, fd, socketAddress.address(), length, 0));
    } catch (PosixException e) {
      close();
      throw e;
    }
  }

  private int checked(String call, String on, long result) throws PosixException {
    if (result == -1) {
      throw new PosixException(call, -LastError.getLastError(runtime), on, ADVICE);
    }
    return (int) result;
  }

  /**
   * Sends one message; waits up to {@link #PATIENCE} for room.
   *
   * @param message lines of NAME=VALUE
   * @throws PosixException when it could not be delivered
   */
  public void send(String message) throws PosixException {
    // Outside of the monitor, so that nobody who offers waits along.
    Pointer descriptor = Memory.allocateDirect(runtime, POLLFD_BYTES, true);
    descriptor.putInt(0, fd);
    descriptor.putShort(4, POLLOUT);
    var _ = libc.poll(descriptor.address(), 1, (int) PATIENCE.toMillis());
    offer(message);
  }

  /**
   * Sends one message if there is room for it at once.
   *
   * @param message lines of NAME=VALUE
   * @throws PosixException when it could not be delivered; EAGAIN when there is no room
   */
  public synchronized void offer(String message) throws PosixException {
    if (closed) {
      return;
    }
    byte[] bytes = message.getBytes(UTF_8);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(bytes.length);
      MemorySegment.copy(bytes, 0, memory, JAVA_BYTE, 0, bytes.length);
      checked("write", message, libc.syscall(calls.write, fd, memory.address(), bytes.length, 0));
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      var _ = libc.syscall(Machine.current().close, fd, 0, 0, 0);
    }
  }
}
