package io.selkie.test.drill;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;

/**
 * What a file must hold, byte by byte: what was acknowledged, and what others put there. Bytes that
 * are being written, or were when their writer was fenced, may hold anything. Safe for use by
 * several threads.
 */
final class ExpectedContent {

  private byte[] bytes;
  private BitSet unsure = new BitSet();

  ExpectedContent(int sizeBytes, byte fill) {
    bytes = new byte[sizeBytes];
    Arrays.fill(bytes, fill);
  }

  /** These bytes are there for certain; the file is as long as that at least. */
  synchronized void write(long offset, long length, byte fill) {
    grow(offset + length);
    Arrays.fill(bytes, (int) offset, (int) (offset + length), fill);
    unsure.clear((int) offset, (int) (offset + length));
  }

  /** These bytes may hold anything. */
  synchronized void doubt(long offset, long length) {
    int end = (int) Math.min(offset + length, bytes.length);
    if (offset < end) {
      unsure.set((int) offset, end);
    }
  }

  /** The file is cut, or grows by zeroes. */
  synchronized void truncate(long sizeBytes) {
    bytes = Arrays.copyOf(bytes, (int) sizeBytes);
    if (unsure.length() > bytes.length) {
      unsure.clear(bytes.length, unsure.length());
    }
  }

  private void grow(long sizeBytes) {
    if (sizeBytes > bytes.length) {
      truncate(sizeBytes);
    }
  }

  /** The same in another file. */
  synchronized ExpectedContent copy() {
    ExpectedContent copy = new ExpectedContent(0, (byte) 0);
    copy.bytes = bytes.clone();
    copy.unsure = (BitSet) unsure.clone();
    return copy;
  }

  synchronized int sizeBytes() {
    return bytes.length;
  }

  /** Bytes of which is known what they are. */
  synchronized int sureBytes() {
    return bytes.length - unsure.cardinality();
  }

  /** How a whole file differs. */
  synchronized Optional<String> difference(byte[] whole) {
    if (whole.length != bytes.length) {
      return Optional.of(whole.length + " bytes instead of " + bytes.length);
    }
    return difference(0, whole);
  }

  /** How a piece differs. */
  synchronized Optional<String> difference(long offset, byte[] piece) {
    int differ = 0;
    int first = -1;
    for (int i = 0; i < piece.length; i++) {
      int at = (int) offset + i;
      boolean same = at < bytes.length && piece[i] == bytes[at];
      if (!same && !unsure.get(at)) {
        differ++;
        first = first < 0 ? at : first;
      }
    }
    return differ == 0
        ? Optional.empty()
        : Optional.of(
            "%d bytes differ, the first is byte %d: %s instead of %s"
                .formatted(
                    differ,
                    first,
                    shown(piece[first - (int) offset]),
                    first < bytes.length ? shown(bytes[first]) : "the end"));
  }

  private static String shown(byte value) {
    return value > 32 && value < 127 ? "'" + (char) value + "'" : "0x%02x".formatted(value);
  }
}
