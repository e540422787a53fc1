package io.selkie.server.ops.attr;

import io.selkie.protocol.xdr.XdrWriter;
import java.util.OptionalInt;

/**
 * owner and owner_group as decimal numbers, which RFC 8881 section 5.9 allows where both sides
 * share their numbers, as AUTH_SYS supposes. Stateless.
 */
final class Owners {

  /** Longest text accepted, in bytes. */
  static final int LENGTH_MAX = 1024;

  private Owners() {}

  static void encode(XdrWriter out, int id) {
    long rest = Integer.toUnsignedLong(id);
    int digits = 1;
    for (long bound = 10; rest >= bound; bound *= 10) {
      digits++;
    }
    out.int32(digits);
    // Up to twelve bytes, the padding among them, first one highest.
    long first = 0;
    int last = 0;
    for (int at = digits - 1; at >= 0; at--) {
      long digit = '0' + rest % 10;
      rest /= 10;
      if (at < Long.BYTES) {
        first |= digit << (Long.SIZE - Byte.SIZE * (at + 1));
      } else {
        last |= (int) digit << (Integer.SIZE - Byte.SIZE * (at + 1 - Long.BYTES));
      }
    }
    if (digits <= Integer.BYTES) {
      out.int32((int) (first >>> Integer.SIZE));
    } else {
      out.int64(first);
      if (digits > Long.BYTES) {
        out.int32(last);
      }
    }
  }

  /** Empty for anything but a number without leading zeroes: NFS4ERR_BADOWNER. */
  static OptionalInt parse(String text) {
    if (!text.matches("0|[1-9]\\d{0,9}")) {
      return OptionalInt.empty();
    }
    long id = Long.parseLong(text);
    // All ones means "leave it" to the kernel, so nobody can have it.
    return id >= 0xFFFF_FFFFL ? OptionalInt.empty() : OptionalInt.of((int) id);
  }
}
