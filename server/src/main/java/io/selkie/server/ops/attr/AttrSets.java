package io.selkie.server.ops.attr;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.xdr.XdrWriter;

/** Sets of attributes and the values that take more than a line. Stateless. */
public final class AttrSets {

  static final int LINKS_MAX = 65_000;

  private AttrSets() {}

  /** Everything this server has, to read or to set. A new set that the caller may change. */
  public static Bitmap4 supported() {
    Bitmap4 set = new Bitmap4();
    for (Attr attr : Attr.values()) {
      set.set(attr.number());
    }
    return set;
  }

  /** What can be set. */
  public static Bitmap4 settable() {
    Bitmap4 set = new Bitmap4();
    for (Attr attr : Attr.values()) {
      if (attr.decoder() != null) {
        set.set(attr.number());
      }
    }
    return set;
  }

  /**
   * What EXCLUSIVE4_1 may set: all but the times, which keep the verifier (RFC 8881 section
   * 18.16.4).
   */
  public static Bitmap4 exclusiveCreate() {
    return settable()
        .unset(FileAttributes.FATTR4_TIME_ACCESS_SET)
        .unset(FileAttributes.FATTR4_TIME_MODIFY_SET);
  }

  static void supported(XdrWriter out) {
    supported().encode(out);
  }

  static void exclusiveCreate(XdrWriter out) {
    exclusiveCreate().encode(out);
  }

  /** nfs_ftype4. */
  static int type(FileStatus status) {
    return switch (status.type()) {
      case FileStatus.TYPE_REGULAR -> Nfs4Const.NF4REG;
      case FileStatus.TYPE_DIRECTORY -> Nfs4Const.NF4DIR;
      case FileStatus.TYPE_BLOCK_DEVICE -> Nfs4Const.NF4BLK;
      case FileStatus.TYPE_CHARACTER_DEVICE -> Nfs4Const.NF4CHR;
      case FileStatus.TYPE_SYMBOLIC_LINK -> Nfs4Const.NF4LNK;
      case FileStatus.TYPE_SOCKET -> Nfs4Const.NF4SOCK;
      default -> Nfs4Const.NF4FIFO;
    };
  }

  /**
   * Writes a fattr4: the attributes asked for that this server has, in order.
   *
   * @param asked as the client sent it; left as it is
   */
  public static void encode(XdrWriter out, Bitmap4 asked, AttrSource file) {
    Bitmap4 given = readable().and(asked);
    given.encode(out);
    int length = out.beginOpaque();
    encodeValues(out, given, file);
    out.endOpaque(length);
  }

  /** The values alone, without bitmap and length. */
  static void encodeValues(XdrWriter out, Bitmap4 given, AttrSource file) {
    for (int number = given.next(0); number >= 0; number = given.next(number + 1)) {
      Attr.of(number).encoder().encode(file, out);
    }
  }

  /** What can be read. */
  public static Bitmap4 readable() {
    return supported()
        .unset(FileAttributes.FATTR4_TIME_ACCESS_SET)
        .unset(FileAttributes.FATTR4_TIME_MODIFY_SET);
  }

  /** Whether only attributes that can only be set are asked for: NFS4ERR_INVAL then. */
  public static boolean asksWriteOnly(Bitmap4 asked) {
    return asked.isSet(FileAttributes.FATTR4_TIME_ACCESS_SET)
        || asked.isSet(FileAttributes.FATTR4_TIME_MODIFY_SET);
  }
}
