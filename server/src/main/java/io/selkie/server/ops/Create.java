package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Names;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.vfs.Made;
import io.selkie.server.vfs.NamespaceChanges.Kind;
import io.selkie.server.vfs.VfsFile;
import java.nio.ByteBuffer;

/** CREATE, RFC 8881 section 18.4: everything but regular files. */
final class Create extends FileOperation {

  private static final int DEFAULT_MODE = 0644;
  private static final int DEFAULT_DIRECTORY_MODE = 0755;

  Create(FileServices services) {
    super(services, NfsOp4.OP_CREATE);
  }

  @Override
  public boolean waitsForDisk(ByteBuffer request, int at) {
    return true;
  }

  @Override
  public int replyBytesMax() {
    return CHANGE_INFO_BYTES + 4 * 4;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    int type = args.int32();
    byte[] target = null;
    int major = 0;
    int minor = 0;
    switch (type) {
      case Nfs4Const.NF4LNK -> target = args.opaque(Names.PATH_MAX_BYTES);
      case Nfs4Const.NF4BLK, Nfs4Const.NF4CHR -> {
        major = args.int32();
        minor = args.int32();
      }
      default -> {}
    }
    byte[] name = readName(c);
    SetAttrs attrs = SetAttrs.decode(args, services.owners());
    if (!(c.currentFile() instanceof VfsFile directory)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (!isMadeHere(type)) {
      return NfsStat4.NFS4ERR_BADTYPE;
    }
    int wrong = attrs.status(services.support(directory, c.minorVersion()), true);
    if (wrong == NfsStat4.NFS4_OK && attrs.hasAcl()) {
      wrong = FileAcls.wanted(attrs, type == Nfs4Const.NF4DIR).status();
    }
    if (wrong != NfsStat4.NFS4_OK) {
      return wrong;
    }
    if (attrs.hasSize() || (target != null && target.length == 0)) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    int mode =
        services.newMode(
            directory, attrs, type == Nfs4Const.NF4DIR ? DEFAULT_DIRECTORY_MODE : DEFAULT_MODE);
    Kind kind = kind(type, mode, target, major, minor);
    Made made = services.fs().changes().create(directory, name, kind);
    if (made.status() != NfsStat4.NFS4_OK) {
      return made.status();
    }
    encode(c.reply(), made.directory());
    setNew(c, made.file(), attrs).encode(c.reply());
    c.currentFile(made.file());
    return NfsStat4.NFS4_OK;
  }

  private static boolean isMadeHere(int type) {
    return switch (type) {
      case Nfs4Const.NF4DIR,
          Nfs4Const.NF4LNK,
          Nfs4Const.NF4FIFO,
          Nfs4Const.NF4SOCK,
          Nfs4Const.NF4BLK,
          Nfs4Const.NF4CHR ->
          true;
      default -> false;
    };
  }

  private static Kind kind(int type, int mode, byte[] target, int major, int minor) {
    return switch (type) {
      case Nfs4Const.NF4DIR -> new Kind.Directory(mode);
      case Nfs4Const.NF4LNK -> new Kind.SymbolicLink(target);
      case Nfs4Const.NF4FIFO -> new Kind.Fifo(mode);
      case Nfs4Const.NF4SOCK -> new Kind.Socket(mode);
      case Nfs4Const.NF4BLK -> new Kind.BlockDevice(mode, major, minor);
      default -> new Kind.CharacterDevice(mode, major, minor);
    };
  }

  /** What cannot be set is missing in the answer; the mode was set with the making. */
  private Bitmap4 setNew(CompoundContext c, VfsFile file, SetAttrs attrs) {
    AttrSetter setter = new AttrSetter(services, file, c);
    FileStatus made = new FileStatus();
    if (!attrs.isEmpty() && services.status(file, made) == NfsStat4.NFS4_OK) {
      setter.setNew(attrs, made);
    }
    return setter.done();
  }
}
