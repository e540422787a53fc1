package io.selkie.server.ops.attr;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.List;

/** Sets of attributes and the values that take more than a line. Stateless. */
public final class AttrSets {

  static final int LINKS_MAX = 65_000;

  /** ACL4_SUPPORT_ALLOW_ACL and ACL4_SUPPORT_DENY_ACL. */
  static final int ALLOW_AND_DENY = 0x01 | 0x02;

  private AttrSets() {}

  /** Everything this server has, wherever it has it. A new set that the caller may change. */
  public static Bitmap4 supported() {
    return new Bitmap4().assign(AttrSupport.of(2, true, true, true).supported());
  }

  /** What of that can be read. A new set that the caller may change. */
  public static Bitmap4 readable() {
    return new Bitmap4().assign(AttrSupport.of(2, true, true, true).readable());
  }

  /** Bytes that are free for ordinary users. */
  static long spaceAvailable(AttrSource file) {
    return file.fileSystem().blocksAvailable() * file.fileSystem().fragmentSize();
  }

  /** What a limit leaves, which is never more than there is. */
  static long left(AttrSource file, long limitBytes) {
    long space = spaceAvailable(file);
    return limitBytes == 0
        ? space
        : Math.min(space, Math.max(0, limitBytes - file.quota().usedBytes()));
  }

  /** pathname4. */
  static void pathname(XdrWriter out, List<String> components) {
    out.int32(components.size());
    for (String component : components) {
      out.utf8(component);
    }
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
   * Writes a fattr4: the attributes asked for that there are, in order.
   *
   * @param asked as the client sent it; left as it is
   */
  public static void encode(XdrWriter out, Bitmap4 asked, AttrSource file) {
    Bitmap4 given = new Bitmap4().assign(file.support().readable()).and(asked);
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
}
