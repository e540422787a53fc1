package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * One SCSI command and what came of it, in the form in which {@code ioctl(SG_IO)} takes it: {@code
 * struct sg_io_hdr}. Mutable, to be reused; not for several threads.
 *
 * <pre>
 *   0    4           8        9           10      12         16     24    32      40
 *   'S' | direction | length | most sense | 0    | length   | data | cdb | sense | timeout, flags
 *   64       67              68            70              72
 *   status | sense written | host status | driver status | left of the data
 * </pre>
 */
public final class ScsiCommand {

  /** SAM status: done. */
  public static final int GOOD = 0;

  /** SAM status: there is sense data. */
  public static final int CHECK_CONDITION = 2;

  /** SAM status: somebody's reservation forbids it. */
  public static final int RESERVATION_CONFLICT = 0x18;

  /**
   * Sense key: something happened to the unit since the last command, which was not carried out.
   */
  public static final int UNIT_ATTENTION = 6;

  private static final int HEADER_BYTES = 88;
  private static final int CDB_BYTES_MAX = 16;
  private static final int SENSE_BYTES = 96;
  private static final int DATA_BYTES_MAX = 1 << 16;

  /** Where the data goes. */
  public enum Direction {
    /** To the device. */
    TO_DEVICE(-2),
    /** From the device. */
    FROM_DEVICE(-3);

    private final int number;

    Direction(int number) {
      this.number = number;
    }
  }

  private final MemorySegment header;
  private final MemorySegment cdb;
  private final MemorySegment sense;
  private final MemorySegment data;
  private final int timeoutMillis;

  /**
   * A command without a word in it.
   *
   * @param dataBytes room for data, at most 65536
   * @param timeout after so long the kernel gives it up
   */
  public ScsiCommand(int dataBytes, Duration timeout) {
    if (dataBytes < 1 || dataBytes > DATA_BYTES_MAX) {
      throw new IllegalArgumentException("data of " + dataBytes + " bytes");
    }
    timeoutMillis = Math.toIntExact(timeout.toMillis());
    MemorySegment all =
        Arena.ofAuto().allocate(HEADER_BYTES + CDB_BYTES_MAX + SENSE_BYTES + dataBytes, 16);
    header = all.asSlice(0, HEADER_BYTES);
    cdb = all.asSlice(HEADER_BYTES, CDB_BYTES_MAX);
    sense = all.asSlice(HEADER_BYTES + CDB_BYTES_MAX, SENSE_BYTES);
    data = all.asSlice(HEADER_BYTES + CDB_BYTES_MAX + SENSE_BYTES, dataBytes);
  }

  /** Its data. */
  public MemorySegment data() {
    return data;
  }

  /** The command descriptor block as it was given. */
  public MemorySegment block() {
    return cdb.asSlice(0, header.get(JAVA_BYTE, 8));
  }

  /** Says what is to be done: at most 16 bytes; the data is left as it is. */
  public void is(Direction direction, int dataBytes, byte... block) {
    header.fill((byte) 0);
    sense.fill((byte) 0);
    MemorySegment.copy(block, 0, cdb, JAVA_BYTE, 0, block.length);
    header.set(JAVA_INT, 0, 'S');
    header.set(JAVA_INT, 4, direction.number);
    header.set(JAVA_BYTE, 8, (byte) block.length);
    header.set(JAVA_BYTE, 9, (byte) SENSE_BYTES);
    header.set(JAVA_INT, 12, (int) data.asSlice(0, dataBytes).byteSize());
    header.set(JAVA_LONG, 16, data.address());
    header.set(JAVA_LONG, 24, cdb.address());
    header.set(JAVA_LONG, 32, sense.address());
    header.set(JAVA_INT, 40, timeoutMillis);
  }

  /** SAM status of the last run. */
  public int status() {
    return header.get(JAVA_BYTE, 64) & 0xFF;
  }

  /** What the kernel says of the way to the device: 0 is good. */
  public int hostStatus() {
    return header.get(JAVA_SHORT, 68) & 0xFFFF;
  }

  /** Sense key of the last run, 0 without sense data. */
  public int senseKey() {
    if (header.get(JAVA_BYTE, 67) == 0) {
      return 0;
    }
    boolean descriptors = (sense.get(JAVA_BYTE, 0) & 0x7F) >= 0x72;
    return sense.get(JAVA_BYTE, descriptors ? 1 : 2) & 0xF;
  }

  /** Says what came of it; for kernels that are none. */
  public void ended(int status, int senseKey) {
    header.set(JAVA_BYTE, 64, (byte) status);
    header.set(JAVA_BYTE, 67, (byte) (senseKey == 0 ? 0 : 18));
    sense.set(JAVA_BYTE, 0, (byte) 0x70);
    sense.set(JAVA_BYTE, 2, (byte) senseKey);
  }

  /** For people. */
  @Override
  public String toString() {
    return "status 0x%02x, host 0x%04x, sense key 0x%x"
        .formatted(status(), hostStatus(), senseKey());
  }

  long address() {
    return header.address();
  }
}
