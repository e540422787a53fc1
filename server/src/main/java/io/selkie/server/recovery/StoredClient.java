package io.selkie.server.recovery;

import io.selkie.server.compound.Principal;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * A client that may hold state, as the store keeps it (RFC 8881 section 8.4.3). That there is a
 * record is what lets a client reclaim after a restart; who lost that right has none. On disk, the
 * owner in hexadecimal being the key:
 *
 * <pre>
 *    0         1         2                  10        14        18                 26
 *   +---------+---------+------------------+---------+---------+------------------+
 *   | version | flags   | verifier         | flavor  | uid     | client id        |
 *   +---------+---------+------------------+---------+---------+------------------+
 * </pre>
 *
 * @param owner co_ownerid; read-only, compared by content
 * @param verifier co_verifier: tells the incarnation that may reclaim from a later one
 * @param principal who made the client id; only the same one may reclaim
 * @param clientId the id that it had, for people
 * @param denies whether it may have opens that deny something to others
 */
record StoredClient(
    ByteBuffer owner, long verifier, Principal principal, long clientId, boolean denies) {

  private static final byte VERSION = 1;
  private static final int BYTES = 26;
  private static final int DENIES = 1;

  /** The key of an owner. */
  static String key(ByteBuffer owner) {
    byte[] bytes = new byte[owner.remaining()];
    owner.duplicate().get(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  byte[] encode() {
    return ByteBuffer.allocate(BYTES)
        .put(VERSION)
        .put((byte) (denies ? DENIES : 0))
        .putLong(verifier)
        .putInt(principal.flavor())
        .putInt(principal.uid())
        .putLong(clientId)
        .array();
  }

  /**
   * Decodes a record.
   *
   * @throws IllegalArgumentException when it is none
   */
  static StoredClient decode(String key, byte[] value) {
    ByteBuffer in = ByteBuffer.wrap(value);
    if (value.length != BYTES || in.get() != VERSION) {
      throw new IllegalArgumentException(
          "record of client " + key + " is not one of version " + VERSION);
    }
    int flags = in.get();
    long verifier = in.getLong();
    Principal principal = new Principal(in.getInt(), in.getInt());
    return new StoredClient(
        ByteBuffer.wrap(HexFormat.of().parseHex(key)).asReadOnlyBuffer(),
        verifier,
        principal,
        in.getLong(),
        (flags & DENIES) != 0);
  }

  StoredClient withDenies() {
    return new StoredClient(owner, verifier, principal, clientId, true);
  }

  /** Whether this is the same incarnation of the same client. */
  boolean isSame(long otherVerifier, Principal otherPrincipal) {
    return verifier == otherVerifier && principal.equals(otherPrincipal);
  }
}
