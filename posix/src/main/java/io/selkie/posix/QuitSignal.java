package io.selkie.posix;

import static io.selkie.posix.MachineCode.hex;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * SIGQUIT, which the JVM keeps for itself: it prints its threads then. A handler of a few octets
 * stands before the JVM's. It adds one to an eventfd, which is a system call that may be made at
 * any time, and goes on to the JVM's with the registers and errno as they came; a thread that waits
 * for the eventfd does the rest. So both happen.
 *
 * <pre>
 *   page + 0   handler(edi signal, rsi siginfo, rdx ucontext)
 *          0     push  rdi
 *          1     push  rsi
 *          2     push  rdx
 *          3     mov   edi, the eventfd
 *          8     lea   rsi, [rip + 33]     48: one
 *         15     mov   edx, 8
 *         20     mov   eax, 1              write
 *         25     syscall                   changes rax, rcx and r11, which any function may
 *         27     pop   rdx
 *         28     pop   rsi
 *         29     pop   rdi
 *         30     mov   rax, the JVM's handler
 *         40     jmp   rax
 *   page + 48  one
 * </pre>
 *
 * <p>Handler and eventfd stay until the process ends, as a handler may be at work at any time.
 */
public final class QuitSignal implements AutoCloseable {
  private static final int SIGQUIT = 3;
  private static final int ONE = 48;

  private final EventFd event;
  private final MachineCode code;
  private final String reason;
  private volatile boolean closed;

  private QuitSignal(EventFd event, MachineCode code, String reason) {
    this.event = event;
    this.code = code;
    this.reason = reason;
  }

  /**
   * From now on SIGQUIT runs this, too. Signals that come together may run it once.
   *
   * @param action run on a thread of its own; must not throw
   * @return what ends that; {@link #isHeard} says whether it has begun
   */
  public static QuitSignal listen(Runnable action) {
    EventFd event;
    try {
      event = new EventFd("SIGQUIT");
    } catch (PosixException e) {
      return new QuitSignal(null, null, e.getMessage());
    }
    MachineCode code;
    try {
      code =
          MachineCode.before(SIGQUIT, "SIGQUIT", 0, false, (_, before) -> code(event.fd(), before));
    } catch (UnsupportedOperationException e) {
      event.close();
      return new QuitSignal(null, null, e.getMessage());
    }
    QuitSignal quit = new QuitSignal(event, code, "");
    Thread.ofPlatform().daemon().name("sigquit").start(() -> quit.run(action));
    return quit;
  }

  /** The machine code, as the class says. */
  private static byte[] code(int fd, long before) {
    return ByteBuffer.allocate(ONE + Long.BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(hex("57  56  52"))
        .put(hex("bf"))
        .putInt(fd)
        .put(hex("48 8d 35 21 00 00 00  ba 08 00 00 00  b8 01 00 00 00  0f 05"))
        .put(hex("5a  5e  5f"))
        .put(hex("48 b8"))
        .putLong(before)
        .put(hex("ff e0"))
        .putLong(ONE, 1)
        .array();
  }

  private void run(Runnable action) {
    while (!closed) {
      int failure = event.await();
      if (failure < 0) {
        throw new IllegalStateException("the eventfd of SIGQUIT: " + Errno.describe(failure));
      }
      if (!closed) {
        action.run();
      }
    }
  }

  /** Whether SIGQUIT runs the action. */
  public boolean isHeard() {
    return code != null;
  }

  /** Why it does not; empty when it does. */
  public String whyNot() {
    return reason;
  }

  /** SIGQUIT is the JVM's alone again. Idempotent. */
  @Override
  public void close() {
    if (isHeard() && !closed) {
      closed = true;
      code.handBack();
      event.signal();
    }
  }
}
