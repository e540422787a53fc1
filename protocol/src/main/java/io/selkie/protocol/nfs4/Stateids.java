package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * Reads and writes stateid4 and knows its special values (RFC 8881 section 8.2.3).
 *
 * <pre>
 *    0               4                                               16
 *   +---------------+------------------------------+----------------+
 *   | seqid         | other[0..7]                  | other[8..11]   |
 *   +---------------+------------------------------+----------------+
 * </pre>
 */
public final class Stateids {

  /** The encoded size of a stateid4. */
  public static final int BYTES = 16;

  /** All zeroes: no state is held; READ and WRITE outside of any open. */
  public static final Stateid4 ANONYMOUS = new Stateid4(0, 0, 0);

  /** All ones: a READ that may bypass locks. */
  public static final Stateid4 READ_BYPASS = new Stateid4(-1, -1, -1);

  /** Seqid 1 and nothing else: the current stateid of the compound. */
  public static final Stateid4 CURRENT = new Stateid4(1, 0, 0);

  /** Seqid all ones and nothing else: invalid on purpose. */
  public static final Stateid4 INVALID = new Stateid4(-1, 0, 0);

  private Stateids() {}

  /** Reads a stateid; the special ones come back as the constants of this class. */
  public static Stateid4 decode(XdrReader in) {
    int seqid = in.int32();
    long high = in.int64();
    int low = in.int32();
    if (high == 0 && low == 0) {
      return switch (seqid) {
        case 0 -> ANONYMOUS;
        case 1 -> CURRENT;
        case -1 -> INVALID;
        default -> new Stateid4(seqid, 0, 0);
      };
    }
    return high == -1 && low == -1 && seqid == -1 ? READ_BYPASS : new Stateid4(seqid, high, low);
  }

  /** Writes a stateid. */
  public static void encode(XdrWriter out, Stateid4 stateid) {
    out.int32(stateid.seqid());
    out.int64(stateid.otherHigh());
    out.int32(stateid.otherLow());
  }

  /**
   * Returns whether {@code other} is all zeroes or all ones: such a stateid names no state, whether
   * or not its seqid makes it a defined special one.
   */
  public static boolean isSpecial(Stateid4 stateid) {
    return (stateid.otherHigh() == 0 && stateid.otherLow() == 0)
        || (stateid.otherHigh() == -1 && stateid.otherLow() == -1);
  }
}
