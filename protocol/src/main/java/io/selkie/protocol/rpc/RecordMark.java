package io.selkie.protocol.rpc;

/**
 * The word before every fragment of a record on a byte stream (RFC 5531 section 11).
 *
 * <pre>
 *   bit 31    bits 30..0
 *   +--------+---------------------------+
 *   | last?  | length of the fragment    |
 *   +--------+---------------------------+
 * </pre>
 */
public final class RecordMark {

  /** The size of the mark. */
  public static final int BYTES = 4;

  private static final int LAST = 0x8000_0000;

  private RecordMark() {}

  /** Returns the mark of a record that is one fragment of {@code length} bytes. */
  public static int lastFragment(int length) {
    if (length < 0) {
      throw new IllegalArgumentException("fragment of " + length + " bytes");
    }
    return length | LAST;
  }

  /** Returns whether the fragment is its record's last. */
  public static boolean isLast(int mark) {
    return (mark & LAST) != 0;
  }

  /** Returns the fragment's length in bytes, 0 to 2^31 - 1. */
  public static int length(int mark) {
    return mark & ~LAST;
  }
}
