package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * Reads what {@link Kernel#getdents64} stored, record by record ({@code struct linux_dirent64}). A
 * cursor, to be reused; not for several threads.
 *
 * <pre>
 * 0        8        16       18     19
 * | inode  | offset | reclen | type | name ... 0 ... |   padded to 8 bytes
 * </pre>
 */
public final class DirectoryEntries {
  /** {@code DT_UNKNOWN}: the file system does not say. */
  public static final int TYPE_UNKNOWN = 0;

  /** {@code DT_FIFO}. */
  public static final int TYPE_FIFO = 1;

  /** {@code DT_CHR}. */
  public static final int TYPE_CHARACTER_DEVICE = 2;

  /** {@code DT_DIR}. */
  public static final int TYPE_DIRECTORY = 4;

  /** {@code DT_BLK}. */
  public static final int TYPE_BLOCK_DEVICE = 6;

  /** {@code DT_REG}. */
  public static final int TYPE_REGULAR = 8;

  /** {@code DT_LNK}. */
  public static final int TYPE_SYMBOLIC_LINK = 10;

  /** {@code DT_SOCK}. */
  public static final int TYPE_SOCKET = 12;

  private static final int NAME_AT = 19;

  private final MemorySegment buffer;
  private int limit;
  private int at;
  private int next;

  /** Reads from a buffer; {@link #reset} says how much of it there is. */
  public DirectoryEntries(MemorySegment buffer) {
    this.buffer = buffer;
  }

  /** Goes before the first record of the first {@code bytes} bytes of the buffer. */
  public void reset(int bytes) {
    if (bytes < 0 || bytes > buffer.byteSize()) {
      throw new IllegalArgumentException(bytes + " bytes in a buffer of " + buffer.byteSize());
    }
    limit = bytes;
    at = 0;
    next = 0;
  }

  /** Goes to the next record; false when there is none. */
  public boolean next() {
    if (next >= limit) {
      return false;
    }
    at = next;
    int recordLength = Short.toUnsignedInt(buffer.get(JAVA_SHORT_UNALIGNED, at + 16L));
    if (recordLength <= NAME_AT || recordLength > limit - at) {
      throw new IllegalStateException(
          "directory record of " + recordLength + " bytes with " + (limit - at) + " left");
    }
    next = at + recordLength;
    return true;
  }

  /** Inode number of the entry; of a mount point, that of the directory below the mount. */
  public long inode() {
    return buffer.get(JAVA_LONG_UNALIGNED, at);
  }

  /** {@code d_off}: {@link Kernel#lseek} to it to go on after this entry. */
  public long offset() {
    return buffer.get(JAVA_LONG_UNALIGNED, at + 8L);
  }

  /** {@code d_type}, one of the {@code TYPE_} constants. */
  public int type() {
    return Byte.toUnsignedInt(buffer.get(JAVA_BYTE, at + 18L));
  }

  /** Length of the name in bytes. */
  public int nameLength() {
    int length = 0;
    while (at + NAME_AT + length < next
        && buffer.get(JAVA_BYTE, (long) at + NAME_AT + length) != 0) {
      length++;
    }
    return length;
  }

  /** Copies the name out. */
  public byte[] name() {
    byte[] name = new byte[nameLength()];
    MemorySegment.copy(buffer, JAVA_BYTE, (long) at + NAME_AT, name, 0, name.length);
    return name;
  }

  /** Whether the name is {@code .} or {@code ..}. */
  public boolean isDotOrDotDot() {
    if (buffer.get(JAVA_BYTE, (long) at + NAME_AT) != '.') {
      return false;
    }
    byte second = buffer.get(JAVA_BYTE, (long) at + NAME_AT + 1);
    return second == 0 || (second == '.' && buffer.get(JAVA_BYTE, (long) at + NAME_AT + 2) == 0);
  }

  /**
   * Appends a record as the kernel would; for kernels that are none.
   *
   * @param at where in the buffer
   * @return where the next record goes, or -1 when this one does not fit
   */
  public static int append(
      MemorySegment buffer, int at, long inode, long offset, int type, byte[] name) {
    int recordLength = (NAME_AT + name.length + 1 + 7) & ~7;
    if (at + recordLength > buffer.byteSize()) {
      return -1;
    }
    buffer.asSlice(at, recordLength).fill((byte) 0);
    buffer.set(JAVA_LONG_UNALIGNED, at, inode);
    buffer.set(JAVA_LONG_UNALIGNED, at + 8L, offset);
    buffer.set(JAVA_SHORT_UNALIGNED, at + 16L, (short) recordLength);
    buffer.set(JAVA_BYTE, at + 18L, (byte) type);
    MemorySegment.copy(name, 0, buffer, JAVA_BYTE, (long) at + NAME_AT, name.length);
    return at + recordLength;
  }
}
