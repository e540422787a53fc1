package io.selkie.lease;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * The name of a SCSI logical unit, as its Device Identification page (VPD page 83h) has it and RFC
 * 8154 section 2.3.1 wants it.
 *
 * <pre>
 *   page         0    1    2 3          4
 *                type  83h  length      descriptors
 *   descriptor   0          1                       2    3        4
 *                code set   association and type    0    length   designator
 *                (bits 0-3) (bits 4-5, 0-3)
 * </pre>
 *
 * @param codeSet 1 binary, 2 ASCII, 3 UTF-8
 * @param type 1 T10, 2 EUI-64, 3 NAA, 8 name
 * @param name the designator
 */
public record ScsiDesignator(int codeSet, int type, ByteBuffer name) {

  private static final int T10 = 1;
  static final int EUI64 = 2;
  private static final int NAA = 3;
  private static final int NAME = 8;

  static final int BINARY = 1;
  private static final int PAGE_HEADER_BYTES = 4;
  private static final int HEADER_BYTES = 4;

  @Override
  public ByteBuffer name() {
    return name.duplicate();
  }

  /** Eight or sixteen bytes of a kind that Linux clients look for under /dev/disk/by-id. */
  boolean isFindable() {
    boolean length =
        name.remaining() == 8
            || name.remaining() == 16
            || (type == EUI64 && name.remaining() == 12);
    return codeSet == BINARY && (type == NAA || type == EUI64) && length;
  }

  /**
   * The best of a page: NAA before EUI-64, then names as text, T10 last; longer before shorter.
   * Empty when the page has none of them for the unit itself.
   *
   * @param page as INQUIRY answered it; what it says of its lengths is not trusted
   */
  static Optional<ScsiDesignator> best(MemorySegment page) {
    if (page.byteSize() < PAGE_HEADER_BYTES) {
      return Optional.empty();
    }
    long end =
        Math.min(page.byteSize(), PAGE_HEADER_BYTES + (octet(page, 2) << 8) + octet(page, 3));
    ScsiDesignator best = null;
    for (long at = PAGE_HEADER_BYTES; at + HEADER_BYTES <= end; ) {
      int length = octet(page, at + 3);
      if (at + HEADER_BYTES + length > end) {
        break;
      }
      boolean ofTheUnit = (octet(page, at + 1) >> 4 & 3) == 0;
      int codeSet = octet(page, at) & 0xF;
      int type = octet(page, at + 1) & 0xF;
      if (ofTheUnit && length > 0 && rank(type) > 0 && codeSet >= 1 && codeSet <= 3) {
        ByteBuffer name =
            ByteBuffer.wrap(page.asSlice(at + HEADER_BYTES, length).toArray(JAVA_BYTE))
                .asReadOnlyBuffer();
        var found = new ScsiDesignator(codeSet, type, name);
        best = best == null || found.score() > best.score() ? found : best;
      }
      at += HEADER_BYTES + length;
    }
    return Optional.ofNullable(best);
  }

  private int score() {
    return rank(type) << 8 | name.remaining();
  }

  /** How much a kind is liked; 0: not at all. */
  private static int rank(int type) {
    return switch (type) {
      case NAA -> 4;
      case EUI64 -> 3;
      case NAME -> 2;
      case T10 -> 1;
      default -> 0;
    };
  }

  private static int octet(MemorySegment page, long at) {
    return page.get(JAVA_BYTE, at) & 0xFF;
  }
}
