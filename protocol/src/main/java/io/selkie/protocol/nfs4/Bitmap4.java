package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * bitmap4 (RFC 8881 section 3.3.7): a set of small numbers, on the wire as a counted array of
 * 32-bit words of which the first holds the numbers 0 to 31.
 *
 * <pre>
 *   +-------+-------------+--------------+-----
 *   | count | bits 0..31  | bits 32..63  | ...
 *   +-------+-------------+--------------+-----
 * </pre>
 *
 * <p>Numbers below {@value #CAPACITY} are held in two longs; beyond that it is only remembered that
 * there were some, because no attribute or operation is numbered so high. A bitmap is mutable and
 * meant to be reused; not thread-safe.
 */
public final class Bitmap4 {

  /** Numbers from here on are not kept; see {@link #hasBeyond}. */
  public static final int CAPACITY = 128;

  /** How many words a bitmap on the wire may have; the RFC sets no bound, so this is ours. */
  public static final int WORDS_MAX = 64;

  private long low;
  private long high;
  private boolean beyond;

  /** Creates an empty set. */
  public Bitmap4() {}

  /** Returns a new set of these numbers. */
  public static Bitmap4 of(int... numbers) {
    Bitmap4 bitmap = new Bitmap4();
    for (int number : numbers) {
      bitmap.set(number);
    }
    return bitmap;
  }

  /** Empties the set. */
  public Bitmap4 clear() {
    low = 0;
    high = 0;
    beyond = false;
    return this;
  }

  /** Makes this set equal to another. */
  public Bitmap4 assign(Bitmap4 other) {
    low = other.low;
    high = other.high;
    beyond = other.beyond;
    return this;
  }

  /** Adds a number, 0 to {@value #CAPACITY} - 1. */
  public Bitmap4 set(int number) {
    check(number);
    if (number < Long.SIZE) {
      low |= 1L << number;
    } else {
      high |= 1L << number;
    }
    return this;
  }

  /** Removes a number, 0 to {@value #CAPACITY} - 1. */
  public Bitmap4 unset(int number) {
    check(number);
    if (number < Long.SIZE) {
      low &= ~(1L << number);
    } else {
      high &= ~(1L << number);
    }
    return this;
  }

  /** Returns whether the number is in the set; false for any number that cannot be. */
  public boolean isSet(int number) {
    if (number < 0 || number >= CAPACITY) {
      return false;
    }
    return ((number < Long.SIZE ? low : high) & 1L << number) != 0;
  }

  /** Keeps only what is also in the other set. */
  public Bitmap4 and(Bitmap4 other) {
    low &= other.low;
    high &= other.high;
    beyond &= other.beyond;
    return this;
  }

  /** Adds what is in the other set. */
  public Bitmap4 or(Bitmap4 other) {
    low |= other.low;
    high |= other.high;
    beyond |= other.beyond;
    return this;
  }

  /** Removes what is in the other set. */
  public Bitmap4 andNot(Bitmap4 other) {
    low &= ~other.low;
    high &= ~other.high;
    return this;
  }

  /** Returns whether the set is empty. */
  public boolean isEmpty() {
    return (low | high) == 0 && !beyond;
  }

  /** Returns whether every number of the other set is in this one. */
  public boolean containsAll(Bitmap4 other) {
    return (other.low & ~low) == 0 && (other.high & ~high) == 0 && (!other.beyond || beyond);
  }

  /** Returns whether a number is in both sets. */
  public boolean intersects(Bitmap4 other) {
    return (low & other.low) != 0 || (high & other.high) != 0;
  }

  /** Returns whether the decoded set held numbers of {@value #CAPACITY} or more. */
  public boolean hasBeyond() {
    return beyond;
  }

  /**
   * Returns the smallest number in the set that is {@code from} or more, or -1 if there is none;
   * for loops in ascending order.
   */
  public int next(int from) {
    if (from < Long.SIZE) {
      long rest = low & -1L << from;
      if (rest != 0) {
        return Long.numberOfTrailingZeros(rest);
      }
    }
    if (from < CAPACITY) {
      long rest = from <= Long.SIZE ? high : high & -1L << from;
      if (rest != 0) {
        return Long.SIZE + Long.numberOfTrailingZeros(rest);
      }
    }
    return -1;
  }

  /**
   * Reads the set.
   *
   * @throws XdrException if it is cut off or has more than {@value #WORDS_MAX} words
   */
  public Bitmap4 decode(XdrReader in) {
    clear();
    int words = in.count(WORDS_MAX, Integer.BYTES);
    for (int i = 0; i < words; i++) {
      long word = in.uint32();
      switch (i) {
        case 0 -> low = word;
        case 1 -> low |= word << 32;
        case 2 -> high = word;
        case 3 -> high |= word << 32;
        default -> beyond |= word != 0;
      }
    }
    return this;
  }

  /** Reads past a bitmap. */
  public static void skip(XdrReader in) {
    int words = in.count(WORDS_MAX, Integer.BYTES);
    in.skip(words * Integer.BYTES);
  }

  /** Writes the set with as few words as hold it. */
  public void encode(XdrWriter out) {
    int words = wordCount();
    out.int32(words);
    for (int i = 0; i < words; i++) {
      out.int32((int) ((i < 2 ? low : high) >>> ((i & 1) * 32)));
    }
  }

  /** Returns how many bytes {@link #encode} writes. */
  public int encodedBytes() {
    return Integer.BYTES * (1 + wordCount());
  }

  private int wordCount() {
    if (high != 0) {
      return high >>> 32 != 0 ? 4 : 3;
    }
    return low >>> 32 != 0 ? 2 : low != 0 ? 1 : 0;
  }

  private static void check(int number) {
    if (number < 0 || number >= CAPACITY) {
      throw new IllegalArgumentException("bitmap4 holds 0 to " + (CAPACITY - 1) + ": " + number);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Bitmap4 that
        && low == that.low
        && high == that.high
        && beyond == that.beyond;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(low) * 31 + Long.hashCode(high);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("{");
    for (int i = next(0); i >= 0; i = next(i + 1)) {
      text.append(text.length() > 1 ? "," : "").append(i);
    }
    return text.append(beyond ? ",...}" : "}").toString();
  }
}
