package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * lock_owner4 (RFC 8881 section 3.3.10.2): a client and opaque bytes of its choice. Immutable.
 *
 * <pre>
 *    0               8               12
 *   +---------------+---------------+----------------+
 *   | client id     | length, 0-1024| owner, padded  |
 *   +---------------+---------------+----------------+
 * </pre>
 */
public final class LockOwner4 {

  /** Somebody who is no client: a process on the server. */
  public static final LockOwner4 UNKNOWN = new LockOwner4(0, new byte[0]);

  private final long clientId;
  private final byte[] owner;
  private final int hash;

  /** Takes the array over. */
  public LockOwner4(long clientId, byte[] owner) {
    if (owner.length > Nfs4Const.NFS4_OPAQUE_LIMIT) {
      throw new IllegalArgumentException("a lock owner of " + owner.length + " bytes");
    }
    this.clientId = clientId;
    this.owner = owner;
    this.hash = Long.hashCode(clientId) * 31 + Arrays.hashCode(owner);
  }

  /** Reads one. */
  public static LockOwner4 decode(XdrReader in) {
    long clientId = in.int64();
    return new LockOwner4(clientId, in.opaque(Nfs4Const.NFS4_OPAQUE_LIMIT));
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int64(clientId);
    out.opaque(owner);
  }

  /** The client. */
  public long clientId() {
    return clientId;
  }

  /** The same owner of another client: what a request says of its client does not count. */
  public LockOwner4 of(long otherClientId) {
    return otherClientId == clientId ? this : new LockOwner4(otherClientId, owner);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LockOwner4 that
        && clientId == that.clientId
        && Arrays.equals(owner, that.owner);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  @Override
  public String toString() {
    return Long.toHexString(clientId) + "/" + HexFormat.of().formatHex(owner);
  }
}
