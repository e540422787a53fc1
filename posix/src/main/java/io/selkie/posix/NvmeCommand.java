package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * One NVMe command of the I/O command set, in the form in which {@code ioctl(NVME_IOCTL_IO_CMD)}
 * takes it: {@code struct nvme_passthru_cmd}. Mutable, to be reused; not for several threads.
 *
 * <pre>
 *   0        4            24     36       40             64        68
 *   opcode | namespace | ... | data | ... length | cdw10 to 15 | timeout | result
 * </pre>
 */
public final class NvmeCommand {

  /** What the ioctl answers when the command was carried out. */
  public static final int DONE = 0;

  /** NVMe status: somebody's reservation forbids it, or a key is not what it was said to be. */
  public static final int RESERVATION_CONFLICT = 0x83;

  /** Of a status: its code and the type of that; what is beyond says how it is to be retried. */
  private static final int STATUS_MASK = 0x7FF;

  private static final int COMMAND_BYTES = 72;
  private static final int DATA_BYTES_MAX = 1 << 16;

  private final MemorySegment command;
  private final MemorySegment data;
  private final int timeoutMillis;

  /**
   * A command that says nothing yet.
   *
   * @param dataBytes room for data, a whole number of four, at most 65536
   * @param timeout after so long the kernel gives it up
   */
  public NvmeCommand(int dataBytes, Duration timeout) {
    if (dataBytes < 4 || dataBytes % 4 != 0 || dataBytes > DATA_BYTES_MAX) {
      throw new IllegalArgumentException("data of " + dataBytes + " bytes");
    }
    timeoutMillis = Math.toIntExact(timeout.toMillis());
    MemorySegment all = Arena.ofAuto().allocate(COMMAND_BYTES + dataBytes, 16);
    command = all.asSlice(0, COMMAND_BYTES);
    data = all.asSlice(COMMAND_BYTES, dataBytes);
  }

  /** Its data; which way it goes is in the opcode. */
  public MemorySegment data() {
    return data;
  }

  /** Says what is to be done; the data is left as it is. */
  public void is(int opcode, int namespace, int dword10, int dword11) {
    command.fill((byte) 0);
    command.set(JAVA_BYTE, 0, (byte) opcode);
    command.set(JAVA_INT, 4, namespace);
    command.set(JAVA_LONG, 24, data.address());
    command.set(JAVA_INT, 36, (int) data.byteSize());
    command.set(JAVA_INT, 40, dword10);
    command.set(JAVA_INT, 44, dword11);
    command.set(JAVA_INT, 64, timeoutMillis);
  }

  /** Its opcode. */
  public int opcode() {
    return command.get(JAVA_BYTE, 0) & 0xFF;
  }

  /** Its command dword 10. */
  public int dword10() {
    return command.get(JAVA_INT, 40);
  }

  /** Its command dword 11. */
  public int dword11() {
    return command.get(JAVA_INT, 44);
  }

  /**
   * The NVMe status in what the ioctl answered.
   *
   * @param answer not negative
   */
  public static int status(int answer) {
    return answer & STATUS_MASK;
  }

  long address() {
    return command.address();
  }
}
