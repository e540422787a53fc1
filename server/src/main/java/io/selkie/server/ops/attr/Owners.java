package io.selkie.server.ops.attr;

import io.selkie.protocol.xdr.XdrWriter;
import java.nio.charset.StandardCharsets;
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
    out.opaque(Integer.toUnsignedString(id).getBytes(StandardCharsets.US_ASCII));
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
