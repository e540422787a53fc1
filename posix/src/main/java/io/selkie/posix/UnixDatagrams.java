package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jnr.ffi.LastError;

/**
 * Unix sockets of datagrams, which the JDK cannot make, and descriptors in their messages
 * (SCM_RIGHTS). Results are those of the calls, or {@code -errno}.
 *
 * <pre>
 *   struct sockaddr_un
 *    0         2                                          110
 *   +---------+--------------------------------------------+
 *   | AF_UNIX | path, ended by 0; or 0 and an abstract name |
 *   +---------+--------------------------------------------+
 *
 *   struct msghdr
 *    0      8         16    24      32        40           48      56
 *   +------+---------+-----+-------+---------+------------+-------+
 *   | name | namelen | iov | count | control | controllen | flags |
 *   +------+---------+-----+-------+---------+------------+-------+
 *
 *   struct cmsghdr
 *    0     8       12     16
 *   +-----+-------+------+----------------------
 *   | len | level | type | descriptors, 4 bytes each
 *   +-----+-------+------+----------------------
 * </pre>
 */
final class UnixDatagrams {

  static final short POLLIN = 1;
  static final short POLLOUT = 4;

  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOCK_NONBLOCK = 0x800;
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;
  private static final int O_CLOEXEC = 0x80000;
  private static final int POLLFD_BYTES = 8;
  private static final int PATH_AT = 2;
  private static final int PATH_BYTES = 108;
  private static final int MSGHDR_BYTES = 56;
  private static final int CMSGHDR_BYTES = 16;

  /** More descriptors in one message are not taken; the kernel drops them. */
  private static final int DESCRIPTORS_MAX = 8;

  private static final LibC LIBC = Bindings.LIBC;

  /** Numbers of the system calls. */
  private record Calls(int socket, int connect, int bind, int sendmsg, int recvmsg, int pipe2) {
    static Calls of(Machine machine) {
      return switch (machine) {
        case X86_64 -> new Calls(41, 42, 49, 46, 47, 293);
        case AARCH64 -> new Calls(198, 203, 200, 211, 212, 59);
      };
    }
  }

  private static final Calls CALLS = Calls.of(Machine.current());

  private UnixDatagrams() {}

  /** What came. */
  record Received(String text, List<Integer> descriptors) {}

  /** Whether {@link #connect} and {@link #bind} take it: an absolute path, or @ and a name. */
  static boolean isAddress(String address) {
    return (address.startsWith("@") || address.startsWith("/"))
        && address.getBytes(UTF_8).length < PATH_BYTES;
  }

  /** A new socket that makes nobody wait. */
  static int socket() {
    return (int)
        result(
            LIBC.syscall(CALLS.socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0));
  }

  static int connect(int fd, String address) {
    return withAddress(CALLS.connect, fd, address);
  }

  static int bind(int fd, String address) {
    return withAddress(CALLS.bind, fd, address);
  }

  private static int withAddress(int call, int fd, String address) {
    byte[] name = address.getBytes(UTF_8);
    boolean isAbstract = address.startsWith("@");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(PATH_AT + PATH_BYTES, 8);
      memory.set(JAVA_SHORT, 0, (short) AF_UNIX);
      MemorySegment.copy(name, 0, memory, JAVA_BYTE, PATH_AT, name.length);
      if (isAbstract) {
        memory.set(JAVA_BYTE, PATH_AT, (byte) 0);
      }
      long length = (long) PATH_AT + name.length + (isAbstract ? 0 : 1);
      return (int) result(LIBC.syscall(call, fd, memory.address(), length, 0));
    }
  }

  /** Sends one message, with a descriptor unless that is negative. */
  static int send(int fd, String text, int descriptor) {
    byte[] bytes = text.getBytes(UTF_8);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(Math.max(1, bytes.length));
      MemorySegment.copy(bytes, 0, data, JAVA_BYTE, 0, bytes.length);
      MemorySegment header = header(arena, data, bytes.length, descriptor < 0 ? 0 : 1);
      if (descriptor >= 0) {
        MemorySegment control = arena.allocate(controlBytes(1), 8);
        control.set(JAVA_LONG, 0, CMSGHDR_BYTES + 4L);
        control.set(JAVA_INT, 8, SOL_SOCKET);
        control.set(JAVA_INT, 12, SCM_RIGHTS);
        control.set(JAVA_INT, CMSGHDR_BYTES, descriptor);
        header.set(JAVA_LONG, 32, control.address());
      }
      return (int) result(LIBC.syscall(CALLS.sendmsg, fd, header.address(), 0, 0));
    }
  }

  /** Takes one message; null when there is none, or none that can be taken. */
  static Received receive(int fd, int textBytesMax) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(textBytesMax);
      MemorySegment control = arena.allocate(controlBytes(DESCRIPTORS_MAX), 8);
      MemorySegment header = header(arena, data, textBytesMax, DESCRIPTORS_MAX);
      header.set(JAVA_LONG, 32, control.address());
      long length = result(LIBC.syscall(CALLS.recvmsg, fd, header.address(), MSG_CMSG_CLOEXEC, 0));
      if (length < 0) {
        return null;
      }
      byte[] text = data.asSlice(0, length).toArray(JAVA_BYTE);
      return new Received(new String(text, UTF_8), descriptors(control, header.get(JAVA_LONG, 40)));
    }
  }

  private static MemorySegment header(
      Arena arena, MemorySegment data, int length, int descriptors) {
    MemorySegment vector = arena.allocate(16, 8);
    vector.set(JAVA_LONG, 0, data.address());
    vector.set(JAVA_LONG, 8, length);
    MemorySegment header = arena.allocate(MSGHDR_BYTES, 8);
    header.set(JAVA_LONG, 16, vector.address());
    header.set(JAVA_LONG, 24, 1);
    header.set(JAVA_LONG, 40, descriptors == 0 ? 0 : controlBytes(descriptors));
    return header;
  }

  private static long controlBytes(int descriptors) {
    return CMSGHDR_BYTES + (descriptors * 4L + 7) / 8 * 8;
  }

  private static List<Integer> descriptors(MemorySegment control, long length) {
    List<Integer> found = new ArrayList<>();
    if (length < CMSGHDR_BYTES
        || control.get(JAVA_INT, 8) != SOL_SOCKET
        || control.get(JAVA_INT, 12) != SCM_RIGHTS) {
      return found;
    }
    long end = Math.min(control.get(JAVA_LONG, 0), length);
    for (long at = CMSGHDR_BYTES; at + 4 <= end; at += 4) {
      found.add(control.get(JAVA_INT, at));
    }
    return found;
  }

  /** A pipe: the end to read from, the end to write to; null when there is none to be had. */
  static int[] pipe() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ends = arena.allocate(8, 8);
      long made = result(LIBC.syscall(CALLS.pipe2, ends.address(), O_CLOEXEC, 0, 0));
      return made < 0 ? null : new int[] {ends.get(JAVA_INT, 0), ends.get(JAVA_INT, 4)};
    }
  }

  /**
   * Waits for one of two descriptors, or one alone where the other is negative.
   *
   * @return what is so: bit 0 for the first, bit 1 for the second; 0 when the time is over
   */
  static int poll(int first, int second, short events, int timeoutMillis) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment polled = arena.allocate(2 * POLLFD_BYTES, 8);
      polled.set(JAVA_INT, 0, first);
      polled.set(JAVA_SHORT, 4, events);
      polled.set(JAVA_INT, POLLFD_BYTES, second);
      polled.set(JAVA_SHORT, POLLFD_BYTES + 4, events);
      int ready;
      do {
        ready = LIBC.poll(polled.address(), 2, timeoutMillis);
      } while (ready < 0 && Errno.EINTR.is(error()));
      int so = polled.get(JAVA_SHORT, 6) != 0 ? 1 : 0;
      return polled.get(JAVA_SHORT, POLLFD_BYTES + 6) != 0 ? so | 2 : so;
    }
  }

  static void close(int fd) {
    var _ = LIBC.syscall(Machine.current().close, fd, 0, 0, 0);
  }

  private static long result(long returned) {
    return returned == -1 ? error() : returned;
  }

  private static int error() {
    return -LastError.getLastError(jnr.ffi.Runtime.getRuntime(LIBC));
  }
}
