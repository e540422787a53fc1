package io.selkie.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Write-back of cache lines that survives a page which cannot be had.
 *
 * <p>The instruction faults like a load, and the SIGBUS that follows ends the JVM, which guards
 * copies but not this. So the loop around the instruction is machine code of our own, and a handler
 * of SIGBUS stands before the JVM's: a fault within the loop goes on behind it with an error, and
 * everything else is handed to the JVM as it came.
 *
 * <p>The handler drops one thing more, {@code BUS_MCEERR_AO}: the kernel's advice that a page went
 * bad which no thread has touched yet (a poisoned page with early kill, a device that is taken away
 * under a mapping). It comes to some thread anywhere, and the JVM would end at it. The access that
 * meets the page gets a signal of its own.
 *
 * <pre>
 *   page + 0   write_back(rdi address, rsi length): 0, or -EIO
 *          0     lea   rsi, [rdi + rsi]
 *          4     and   rdi, -64
 *          8   1:clwb  [rdi]              or clflushopt, or clflush
 *         12     add   rdi, 64
 *         16     cmp   rdi, rsi
 *         19     jb    1b
 *         21     sfence
 *         24     xor   eax, eax
 *         26     ret
 *         27   2:mov   eax, -5
 *         32     ret
 *   page + 64  handler(edi signal, rsi siginfo, rdx ucontext)
 *          0     mov   eax, [rsi + 8]     si_code
 *          3     cmp   eax, 5             BUS_MCEERR_AO
 *          6     je    3f
 *          8     mov   rax, [rdx + 168]   where it happened: gregs[REG_RIP]
 *         15     mov   rcx, page
 *         25     cmp   rax, rcx
 *         28     jb    4f
 *         30     add   rcx, 27
 *         34     cmp   rax, rcx
 *         37     jae   4f
 *         39     mov   [rdx + 168], rcx   go on at 2
 *         46   3:ret
 *         47   4:mov   rax, the JVM's handler
 *         57     jmp   rax
 * </pre>
 *
 * <p>One for the process, made with its first use; page and handler stay until it ends.
 */
final class GuardedWriteBack {
  private static final int HANDLER = 64;
  private static final int SIGBUS = 7;
  private static final int SA_SIGINFO = 4;

  /** struct sigaction of the C library: handler, a mask of 128 octets, flags, restorer. */
  private static final int ACTION_BYTES = 152;

  private static final int ACTION_FLAGS = 136;

  private static final long PAGE_BYTES = 4096;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int PROT_EXEC = 4;

  private static final String CLWB = "66 0f ae 37";
  private static final String CLFLUSHOPT = "66 0f ae 3f";

  /** With a prefix that changes nothing, so that it is as long as the others. */
  private static final String CLFLUSH = "3e 0f ae 3f";

  private final MethodHandle writeBack;
  private final String reason;

  private GuardedWriteBack(MethodHandle writeBack, String reason) {
    this.writeBack = writeBack;
    this.reason = reason;
  }

  private static final class OfProcess {
    static final GuardedWriteBack ONE = make();
  }

  /** That of this process. */
  static GuardedWriteBack ofProcess() {
    return OfProcess.ONE;
  }

  /** {@code int (long address, long length)}: 0, or {@code -EIO}; empty when there is none. */
  Optional<MethodHandle> handle() {
    return Optional.ofNullable(writeBack);
  }

  /** Why there is none. */
  String whyNot() {
    return reason;
  }

  private static GuardedWriteBack none(String reason) {
    return new GuardedWriteBack(null, reason);
  }

  private static GuardedWriteBack make() {
    if (Machine.current() != Machine.X86_64) {
      return none("there is machine code for x86-64 only");
    }
    try {
      return install(instruction());
    } catch (IOException e) {
      return none("/proc/cpuinfo cannot be read: " + e.getMessage());
    } catch (Throwable e) {
      return none("machine code cannot be made: " + e);
    }
  }

  private static String instruction() throws IOException {
    List<String> flags =
        Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
            .filter(line -> line.startsWith("flags"))
            .findFirst()
            .map(line -> Arrays.asList(line.split("\\s+")))
            .orElse(List.of());
    if (flags.contains("clwb")) {
      return CLWB;
    }
    return flags.contains("clflushopt") ? CLFLUSHOPT : CLFLUSH;
  }

  @SuppressWarnings("restricted")
  private static GuardedWriteBack install(String instruction) throws Throwable {
    var calls = new Calls();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
      if ((int) calls.sigaction.invokeExact(SIGBUS, MemorySegment.NULL, action) != 0) {
        return none("the handler of SIGBUS cannot be asked for");
      }
      long before = action.get(JAVA_LONG, 0);
      // 0 and 1 stand for the default and for nothing.
      if (before <= 1 || (action.get(JAVA_INT, ACTION_FLAGS) & SA_SIGINFO) == 0) {
        return none("this JVM has no handler of SIGBUS that another could stand before");
      }
      long page =
          (long)
              calls.mmap.invokeExact(
                  0L,
                  PAGE_BYTES,
                  MapFlags.PROT_READ | MapFlags.PROT_WRITE,
                  MAP_PRIVATE_ANONYMOUS,
                  -1,
                  0L);
      if (page == -1) {
        return none("no memory for machine code is to be had");
      }
      byte[] code = code(page, before, instruction);
      MemorySegment memory = MemorySegment.ofAddress(page).reinterpret(PAGE_BYTES);
      MemorySegment.copy(code, 0, memory, JAVA_BYTE, 0, code.length);
      int protection = MapFlags.PROT_READ | PROT_EXEC;
      if ((int) calls.mprotect.invokeExact(page, PAGE_BYTES, protection) != 0) {
        int _ = (int) calls.munmap.invokeExact(page, PAGE_BYTES);
        return none("this system lets no process make machine code of its own");
      }
      action.set(JAVA_LONG, 0, page + HANDLER);
      if ((int) calls.sigaction.invokeExact(SIGBUS, action, MemorySegment.NULL) != 0) {
        int _ = (int) calls.munmap.invokeExact(page, PAGE_BYTES);
        return none("no handler of SIGBUS can be set");
      }
      return new GuardedWriteBack(
          calls.linker.downcallHandle(
              memory, FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG)),
          "");
    }
  }

  /** The machine code, as the class says. */
  static byte[] code(long page, long before, String instruction) {
    ByteBuffer out = ByteBuffer.allocate(HANDLER + 64).order(ByteOrder.LITTLE_ENDIAN);
    out.put(hex("48 8d 34 37  48 83 e7 c0"))
        .put(hex(instruction))
        .put(hex("48 83 c7 40  48 39 f7  72 f3  0f ae f8  31 c0  c3"))
        .put(hex("b8 fb ff ff ff  c3"));
    out.position(HANDLER)
        .put(hex("8b 46 08  83 f8 05  74 26  48 8b 82 a8 00 00 00"))
        .put(hex("48 b9"))
        .putLong(page)
        .put(hex("48 39 c8  72 11  48 83 c1 1b  48 39 c8  73 08"))
        .put(hex("48 89 8a a8 00 00 00  c3"))
        .put(hex("48 b8"))
        .putLong(before)
        .put(hex("ff e0"));
    return Arrays.copyOf(out.array(), out.position());
  }

  private static byte[] hex(String digits) {
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
