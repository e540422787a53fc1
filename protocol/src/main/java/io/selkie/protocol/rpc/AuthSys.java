package io.selkie.protocol.rpc;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.Arrays;

/**
 * authsys_parms (RFC 5531 appendix A): who the client says the caller is. Mutable and reused from
 * call to call; not thread-safe.
 *
 * <pre>
 *   +-------+-------------------+-----+-----+-------+----------+
 *   | stamp | machine name<255> | uid | gid | count | gids<16> |
 *   +-------+-------------------+-----+-----+-------+----------+
 * </pre>
 */
public final class AuthSys {

  private final int[] gids = new int[RpcConst.AUTH_SYS_GIDS_MAX];
  private int gidCount;
  private int uid;
  private int gid;

  /** Creates the credential of nobody in particular: uid and gid 0, no further groups. */
  public AuthSys() {}

  /** Sets all parts. */
  public AuthSys set(int newUid, int newGid, int... newGids) {
    if (newGids.length > gids.length) {
      throw new IllegalArgumentException(
          newGids.length + " groups, AUTH_SYS carries at most " + gids.length);
    }
    uid = newUid;
    gid = newGid;
    gidCount = newGids.length;
    System.arraycopy(newGids, 0, gids, 0, gidCount);
    return this;
  }

  /** Makes this a copy of another. */
  public AuthSys assign(AuthSys other) {
    uid = other.uid;
    gid = other.gid;
    gidCount = other.gidCount;
    System.arraycopy(other.gids, 0, gids, 0, gidCount);
    return this;
  }

  /** The user id; an unsigned 32-bit number. */
  public int uid() {
    return uid;
  }

  /** The primary group id; an unsigned 32-bit number. */
  public int gid() {
    return gid;
  }

  /** How many supplementary groups there are: 0 to 16. */
  public int gidCount() {
    return gidCount;
  }

  /** One of the supplementary groups. */
  public int gid(int index) {
    if (index >= gidCount) {
      throw new IndexOutOfBoundsException(index);
    }
    return gids[index];
  }

  /** Reads the body of the credential; the machine name is skipped. */
  public void decode(XdrReader in) {
    in.int32();
    in.skipVariableOpaque(RpcConst.AUTH_SYS_MACHINE_NAME_MAX);
    uid = in.int32();
    gid = in.int32();
    gidCount = in.count(RpcConst.AUTH_SYS_GIDS_MAX, Integer.BYTES);
    for (int i = 0; i < gidCount; i++) {
      gids[i] = in.int32();
    }
  }

  /** Writes the body of the credential. */
  public void encode(XdrWriter out, int stamp, byte[] machineName) {
    out.int32(stamp);
    out.opaque(machineName);
    out.int32(uid);
    out.int32(gid);
    out.int32(gidCount);
    for (int i = 0; i < gidCount; i++) {
      out.int32(gids[i]);
    }
  }

  @Override
  public String toString() {
    return "uid=%s gid=%s gids=%s"
        .formatted(
            Integer.toUnsignedString(uid),
            Integer.toUnsignedString(gid),
            Arrays.toString(Arrays.copyOf(gids, gidCount)));
  }
}
