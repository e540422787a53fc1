package io.selkie.posix;

import static io.selkie.posix.MachineCode.hex;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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
    try {
      String instruction = instruction();
      MachineCode code =
          MachineCode.before(
              SIGBUS, "SIGBUS", HANDLER, true, (page, before) -> code(page, before, instruction));
      return new GuardedWriteBack(
          code.function(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG)), "");
    } catch (IOException e) {
      return none("/proc/cpuinfo cannot be read: " + e.getMessage());
    } catch (UnsupportedOperationException e) {
      return none(e.getMessage());
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
}
