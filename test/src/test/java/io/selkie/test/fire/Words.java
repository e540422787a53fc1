package io.selkie.test.fire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.function.IntPredicate;

/**
 * What files are full of: each four bytes say who wrote them, so each four bytes can be judged.
 *
 * <pre>
 *   0        8                       32 bits, big-endian
 *  +--------+------------------------+
 *  |  0xE7  | number of a grant      |  written by a client that was granted the file's layout
 *  +--------+------------------------+
 *  |  0xB3  | number of a mark       |  written by somebody who had the file to himself
 *  +--------+------------------------+
 *  |  0x00  | 0                      |  written by nobody
 *  +--------+------------------------+
 * </pre>
 */
final class Words {

  static final int NUMBER_MAX = (1 << 24) - 1;

  private static final int GRANT = 0xE7 << 24;
  private static final int MARK = 0xB3 << 24;
  private static final int KIND = 0xFF << 24;
  private static final ValueLayout.OfInt BIG_ENDIAN =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private Words() {}

  static int grant(int number) {
    return GRANT | bounded(number);
  }

  static int mark(int number) {
    return MARK | bounded(number);
  }

  private static int bounded(int number) {
    if (number < 0 || number > NUMBER_MAX) {
      throw new IllegalArgumentException("number " + number);
    }
    return number;
  }

  static boolean isGrant(int word) {
    return (word & KIND) == GRANT;
  }

  static int number(int word) {
    return word & NUMBER_MAX;
  }

  static void fill(MemorySegment memory, int word) {
    for (long at = 0; at < memory.byteSize(); at += Integer.BYTES) {
      memory.set(BIG_ENDIAN, at, word);
    }
  }

  static ByteBuffer filled(int bytes, int word) {
    ByteBuffer content = ByteBuffer.allocateDirect(bytes);
    fill(MemorySegment.ofBuffer(content), word);
    return content;
  }

  /** The first word that may not be there, if there is one, and how many there are. */
  static Optional<String> forbidden(ByteBuffer content, IntPredicate allowed) {
    // Neighbours are mostly alike, so what was judged last is not judged again.
    int last = 0;
    boolean lastAllowed = allowed.test(0);
    int count = 0;
    int first = -1;
    for (int at = 0; at + Integer.BYTES <= content.limit(); at += Integer.BYTES) {
      int word = content.getInt(at);
      if (word != last) {
        last = word;
        lastAllowed = allowed.test(word);
      }
      if (!lastAllowed) {
        first = count++ == 0 ? at : first;
      }
    }
    return count == 0
        ? Optional.empty()
        : Optional.of(
            "%d words that may not be there, the first at %d: %s"
                .formatted(count, first, describe(content.getInt(first))));
  }

  static String describe(int word) {
    return switch (word & KIND) {
      case GRANT -> "of grant " + number(word);
      case MARK -> "of mark " + number(word);
      default -> "0x%08x".formatted(word);
    };
  }
}
