package io.selkie.server.ops.attr;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.OptionalInt;

/** How owner and owner_group are written (RFC 8881 section 5.9). */
public interface OwnerNames {

  /** Decimal numbers and nothing else. */
  OwnerNames NUMBERS =
      new OwnerNames() {
        @Override
        public void encodeUser(XdrWriter out, int uid) {
          Owners.encode(out, uid);
        }

        @Override
        public void encodeGroup(XdrWriter out, int gid) {
          Owners.encode(out, gid);
        }

        @Override
        public long user(String text) {
          OptionalInt id = Owners.parse(text);
          return id.isPresent()
              ? Integer.toUnsignedLong(id.getAsInt())
              : -NfsStat4.NFS4ERR_BADOWNER;
        }

        @Override
        public long group(String text) {
          return user(text);
        }
      };

  /** Writes a user as an opaque. */
  void encodeUser(XdrWriter out, int uid);

  /** Writes a group as an opaque. */
  void encodeGroup(XdrWriter out, int gid);

  /** Reads a user: its number, or an NFS status with a minus before it. */
  long user(String text);

  /** Reads a group, likewise. */
  long group(String text);
}
