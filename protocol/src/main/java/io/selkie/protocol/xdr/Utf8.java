package io.selkie.protocol.xdr;

import java.nio.ByteBuffer;

/** Well-formedness of UTF-8 (RFC 3629), checked in place. Stateless. */
public final class Utf8 {

  private Utf8() {}

  /**
   * Returns whether the bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing
   * above U+10FFFF, nothing cut off.
   */
  public static boolean isWellFormed(ByteBuffer bytes, int offset, int length) {
    int i = offset;
    int end = offset + length;
    while (i < end) {
      int lead = bytes.get(i) & 0xFF;
      if (lead < 0x80) {
        i++;
        continue;
      }
      int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
      if (lead < 0xC2 || lead > 0xF4 || end - i <= more) {
        return false;
      }
      int second = bytes.get(i + 1) & 0xFF;
      int lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      int highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (second < lowest || second > highest) {
        return false;
      }
      for (int k = 2; k <= more; k++) {
        if ((bytes.get(i + k) & 0xC0) != 0x80) {
          return false;
        }
      }
      i += more + 1;
    }
    return true;
  }
}
