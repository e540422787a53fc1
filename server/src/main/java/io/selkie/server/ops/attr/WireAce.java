package io.selkie.server.ops.attr;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.acl.Nfs4Ace;
import io.selkie.server.acl.Nfs4Ace.Who;
import java.util.ArrayList;
import java.util.List;

/**
 * nfsace4 as it is on the wire (RFC 8881 section 6.2.1), names not yet looked up.
 *
 * <pre>
 *   +------+------+-------------+--------+-----------------+
 *   | type | flag | access mask | length | who, padded ... |
 *   +------+------+-------------+--------+-----------------+
 * </pre>
 */
record WireAce(int type, int flags, int mask, String who) {

  /** Entries accepted; a list on Linux has room for fewer. */
  static final int COUNT_MAX = 1024;

  private static final int BYTES_MIN = 4 * Integer.BYTES;

  static List<WireAce> decode(XdrReader in) {
    int count = in.count(COUNT_MAX, BYTES_MIN);
    List<WireAce> aces = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      aces.add(new WireAce(in.int32(), in.int32(), in.int32(), in.utf8(Owners.LENGTH_MAX)));
    }
    return aces;
  }

  static void encode(XdrWriter out, List<Nfs4Ace> aces, OwnerNames names) {
    out.int32(aces.size());
    for (Nfs4Ace ace : aces) {
      out.int32(ace.type());
      out.int32(ace.flags());
      out.int32(ace.mask());
      if (ace.who() != Who.NAMED) {
        out.utf8(ace.who().text());
      } else if (isGroup(ace.flags())) {
        names.encodeGroup(out, ace.id());
      } else {
        names.encodeUser(out, ace.id());
      }
    }
  }

  /**
   * Looks the names up.
   *
   * @param into receives the entries
   * @return NFS4_OK, NFS4ERR_BADOWNER for a name that is nobody's, NFS4ERR_DELAY for one that is
   *     not to be had quickly
   */
  static int resolve(List<WireAce> wire, List<Nfs4Ace> into, OwnerNames names) {
    for (WireAce ace : wire) {
      Who who = Who.of(ace.who);
      long id =
          who != Who.NAMED ? 0 : isGroup(ace.flags) ? names.group(ace.who) : names.user(ace.who);
      if (id < 0) {
        return (int) -id;
      }
      into.add(new Nfs4Ace(ace.type, ace.flags, ace.mask, who, (int) id));
    }
    return NfsStat4.NFS4_OK;
  }

  private static boolean isGroup(int flags) {
    return (flags & Nfs4Ace.IDENTIFIER_GROUP) != 0;
  }
}
