package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * The arguments of LOCK, LOCKT and LOCKU (RFC 8881 sections 18.10.1, 18.11.1, 18.12.1), without
 * their seqids, which NFSv4.1 does not use.
 */
public final class LockArgs4 {

  private LockArgs4() {}

  /**
   * LOCK4args.
   *
   * <pre>
   *   +------+---------+--------+--------+-------+-- new_lock_owner ----------------------------+
   *   | type | reclaim | offset | length | TRUE  | open seqid, open stateid, lock seqid, owner  |
   *   |      |         |        |        +-------+-- otherwise ---------------------------------+
   *   |      |         |        |        | FALSE | lock stateid, lock seqid                     |
   *   +------+---------+--------+--------+-------+----------------------------------------------+
   * </pre>
   *
   * @param type from {@link LockConst4}
   * @param offset first byte, unsigned
   * @param length bytes, unsigned, or {@link LockConst4#TO_END_OF_FILE}
   * @param stateid of the open if there is an owner, else of locks
   * @param newOwner null when the stateid names it
   */
  public record Lock(
      int type, boolean reclaim, long offset, long length, Stateid4 stateid, LockOwner4 newOwner) {

    /** Reads them. */
    public static Lock decode(XdrReader in) {
      int type = in.enumeration(LockConst4.READ_LT, LockConst4.WRITEW_LT);
      boolean reclaim = in.bool();
      long offset = in.int64();
      long length = in.int64();
      if (!in.bool()) {
        Stateid4 stateid = Stateids.decode(in);
        in.int32();
        return new Lock(type, reclaim, offset, length, stateid, null);
      }
      in.int32();
      Stateid4 stateid = Stateids.decode(in);
      in.int32();
      return new Lock(type, reclaim, offset, length, stateid, LockOwner4.decode(in));
    }

    /** Writes them. */
    public void encode(XdrWriter out) {
      out.int32(type);
      out.bool(reclaim);
      out.int64(offset);
      out.int64(length);
      out.bool(newOwner != null);
      if (newOwner == null) {
        Stateids.encode(out, stateid);
        out.int32(0);
        return;
      }
      out.int32(0);
      Stateids.encode(out, stateid);
      out.int32(0);
      newOwner.encode(out);
    }

    /** The same with another stateid. */
    public Lock with(Stateid4 other) {
      return new Lock(type, reclaim, offset, length, other, newOwner);
    }
  }

  /**
   * LOCKT4args.
   *
   * <pre>
   *   +------+--------+--------+-------+
   *   | type | offset | length | owner |
   *   +------+--------+--------+-------+
   * </pre>
   */
  public record Test(int type, long offset, long length, LockOwner4 owner) {

    /** Reads them. */
    public static Test decode(XdrReader in) {
      int type = in.enumeration(LockConst4.READ_LT, LockConst4.WRITEW_LT);
      long offset = in.int64();
      long length = in.int64();
      return new Test(type, offset, length, LockOwner4.decode(in));
    }

    /** Writes them. */
    public void encode(XdrWriter out) {
      out.int32(type);
      out.int64(offset);
      out.int64(length);
      owner.encode(out);
    }
  }

  /**
   * LOCKU4args.
   *
   * <pre>
   *   +------+-------+--------------+--------+--------+
   *   | type | seqid | lock stateid | offset | length |
   *   +------+-------+--------------+--------+--------+
   * </pre>
   *
   * @param type any legal one; it has no effect
   */
  public record Unlock(int type, Stateid4 stateid, long offset, long length) {

    /** Reads them. */
    public static Unlock decode(XdrReader in) {
      int type = in.enumeration(LockConst4.READ_LT, LockConst4.WRITEW_LT);
      in.int32();
      Stateid4 stateid = Stateids.decode(in);
      long offset = in.int64();
      return new Unlock(type, stateid, offset, in.int64());
    }

    /** Writes them. */
    public void encode(XdrWriter out) {
      out.int32(type);
      out.int32(0);
      Stateids.encode(out, stateid);
      out.int64(offset);
      out.int64(length);
    }

    /** The same with another stateid. */
    public Unlock with(Stateid4 other) {
      return new Unlock(type, other, offset, length);
    }
  }

  /**
   * LOCK4denied, the body of NFS4ERR_DENIED: who holds what is in the way.
   *
   * <pre>
   *   +--------+--------+------+-------+
   *   | offset | length | type | owner |
   *   +--------+--------+------+-------+
   * </pre>
   *
   * @param type READ_LT or WRITE_LT
   */
  public record Denied(long offset, long length, int type, LockOwner4 owner) {

    /** The longest encoding, in bytes. */
    public static final int BYTES_MAX = 8 + 8 + 4 + 8 + 4 + Nfs4Const.NFS4_OPAQUE_LIMIT;

    /** Reads it. */
    public static Denied decode(XdrReader in) {
      long offset = in.int64();
      long length = in.int64();
      int type = in.enumeration(LockConst4.READ_LT, LockConst4.WRITEW_LT);
      return new Denied(offset, length, type, LockOwner4.decode(in));
    }

    /** Writes it. */
    public void encode(XdrWriter out) {
      out.int64(offset);
      out.int64(length);
      out.int32(type);
      owner.encode(out);
    }
  }
}
