package io.selkie.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.HexFormat;

/**
 * A page of machine code of our own with a handler of a signal in it, which stands before the one
 * of the JVM and goes on to that. The page stays until the process ends: a handler may be at work
 * in it at any time.
 */
final class MachineCode {
  private static final int SA_SIGINFO = 4;

  /** struct sigaction of the C library: handler, a mask of 128 octets, flags, restorer. */
  private static final int ACTION_BYTES = 152;

  private static final int ACTION_FLAGS = 136;

  private static final long PAGE_BYTES = 4096;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int PROT_EXEC = 4;

  private final Calls calls;
  private final MemorySegment page;
  private final int signal;
  private final long handler;
  private final long before;

  private MachineCode(Calls calls, MemorySegment page, int signal, long handler, long before) {
    this.calls = calls;
    this.page = page;
    this.signal = signal;
    this.handler = handler;
    this.before = before;
  }

  /** What a page is filled with. */
  interface Assembler {
    /**
     * The code.
     *
     * @param page where it will stand
     * @param before the handler that ours goes on to
     */
    byte[] code(long page, long before);
  }

  /**
   * Sets a handler of a signal; which signals are blocked meanwhile, and how it is called, stays as
   * the handler before it wanted.
   *
   * @param name of the signal, for messages
   * @param handlerAt where in the page the handler begins
   * @param needsInfo whether it reads what the kernel tells with the signal
   * @throws UnsupportedOperationException when this machine or this JVM has no place for it; the
   *     message says why, and nothing has changed
   */
  static MachineCode before(
      int signal, String name, int handlerAt, boolean needsInfo, Assembler assembler) {
    if (Machine.current() != Machine.X86_64) {
      throw new UnsupportedOperationException("there is machine code for x86-64 only");
    }
    try {
      return place(signal, name, handlerAt, needsInfo, assembler);
    } catch (UnsupportedOperationException e) {
      throw e;
    } catch (Throwable e) {
      throw new UnsupportedOperationException("machine code cannot be made: " + e, e);
    }
  }

  @SuppressWarnings("restricted")
  private static MachineCode place(
      int signal, String name, int handlerAt, boolean needsInfo, Assembler assembler)
      throws Throwable {
    Calls calls = new Calls();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
      if ((int) calls.sigaction.invokeExact(signal, MemorySegment.NULL, action) != 0) {
        throw new UnsupportedOperationException("the handler of %s is unknown".formatted(name));
      }
      long before = action.get(JAVA_LONG, 0);
      boolean toldInfo = (action.get(JAVA_INT, ACTION_FLAGS) & SA_SIGINFO) != 0;
      // 0 and 1 stand for the default and for nothing.
      if ((before >= 0 && before <= 1) || (needsInfo && !toldInfo)) {
        throw new UnsupportedOperationException(
            "this JVM has no handler of %s that another could stand before".formatted(name));
      }
      int writable = MapFlags.PROT_READ | MapFlags.PROT_WRITE;
      long page =
          (long) calls.mmap.invokeExact(0L, PAGE_BYTES, writable, MAP_PRIVATE_ANONYMOUS, -1, 0L);
      if (page == -1) {
        throw new UnsupportedOperationException("no memory for machine code is to be had");
      }
      byte[] code = assembler.code(page, before);
      MemorySegment memory = MemorySegment.ofAddress(page).reinterpret(PAGE_BYTES);
      MemorySegment.copy(code, 0, memory, JAVA_BYTE, 0, code.length);
      int protection = MapFlags.PROT_READ | PROT_EXEC;
      if ((int) calls.mprotect.invokeExact(page, PAGE_BYTES, protection) != 0) {
        int _ = (int) calls.munmap.invokeExact(page, PAGE_BYTES);
        throw new UnsupportedOperationException(
            "this system lets no process make machine code of its own");
      }
      MachineCode made = new MachineCode(calls, memory, signal, page + handlerAt, before);
      action.set(JAVA_LONG, 0, page + handlerAt);
      if ((int) calls.sigaction.invokeExact(signal, action, MemorySegment.NULL) != 0) {
        int _ = (int) calls.munmap.invokeExact(page, PAGE_BYTES);
        throw new UnsupportedOperationException("no handler of %s can be set".formatted(name));
      }
      return made;
    }
  }

  /** A function that stands at the beginning of the page. */
  @SuppressWarnings("restricted")
  MethodHandle function(FunctionDescriptor type) {
    return calls.linker.downcallHandle(page, type);
  }

  /** Leaves the signal to the handler before ours, unless another has come before ours. */
  void handBack() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
      int asked = (int) calls.sigaction.invokeExact(signal, MemorySegment.NULL, action);
      if (asked == 0 && action.get(JAVA_LONG, 0) == handler) {
        action.set(JAVA_LONG, 0, before);
        int _ = (int) calls.sigaction.invokeExact(signal, action, MemorySegment.NULL);
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("sigaction cannot be called", e);
    }
  }

  /** Octets as they are written in a listing. */
  static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits.replace(" ", ""));
  }

  /** What jnr cannot call without a binding of structures that are used here only. */
  private static final class Calls {
    final Linker linker = Linker.nativeLinker();
    final MethodHandle sigaction =
        bind("sigaction", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    final MethodHandle mmap =
        bind(
            "mmap",
            FunctionDescriptor.of(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    final MethodHandle mprotect =
        bind("mprotect", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    final MethodHandle munmap =
        bind("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));

    @SuppressWarnings("restricted")
    private MethodHandle bind(String name, FunctionDescriptor type) {
      return linker.downcallHandle(linker.defaultLookup().find(name).orElseThrow(), type);
    }
  }
}
