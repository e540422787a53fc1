package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.ops.attr.AttrComparison;
import io.selkie.server.ops.attr.AttrSets;
import io.selkie.server.ops.attr.AttrSupport;
import io.selkie.server.vfs.VfsFile;

/** The operations that read attributes. */
final class Attributes {

  private Attributes() {}

  /** GETATTR, RFC 8881 section 18.7. */
  static final class GetAttr extends FileOperation {
    private final HolderAttributes holders;

    GetAttr(FileServices services) {
      super(services, NfsOp4.OP_GETATTR);
      this.holders = new HolderAttributes(services);
    }

    @Override
    public boolean followsGivingBack(CompoundContext c) {
      return c.currentFile() instanceof VfsFile file && services.fs().isAtHand(file);
    }

    @Override
    public int execute(CompoundContext c) {
      Bitmap4 asked = new Bitmap4().decode(c.args());
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      AttrSupport support = services.support(file, c.minorVersion());
      if (support.asksWriteOnly(asked)) {
        return NfsStat4.NFS4ERR_INVAL;
      }
      FileStatus status = new FileStatus();
      int result = services.status(file, status);
      if (result != NfsStat4.NFS4_OK) {
        return result;
      }
      if (holders.concern(c, file, asked)) {
        return holders.ask(
            c,
            file,
            status,
            (context, leastChange) ->
                encode(
                    context,
                    asked,
                    new FileAttrSource(services, file, status, leastChange).with(support)));
      }
      return encode(c, asked, new FileAttrSource(services, file, status).with(support));
    }

    private static int encode(CompoundContext c, Bitmap4 asked, FileAttrSource source) {
      int result = source.prepare(asked);
      if (result == NfsStat4.NFS4_OK) {
        AttrSets.encode(c.reply(), asked, source);
      }
      return result;
    }
  }

  /** VERIFY and NVERIFY, sections 18.30 and 18.15. */
  static final class Verify extends FileOperation {
    private final boolean same;

    /**
     * One of the two.
     *
     * @param same whether the compound goes on when the attributes are the same
     */
    Verify(FileServices services, boolean same) {
      super(services, same ? NfsOp4.OP_VERIFY : NfsOp4.OP_NVERIFY);
      this.same = same;
    }

    @Override
    public int execute(CompoundContext c) {
      AttrComparison comparison = AttrComparison.decode(c.args());
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      FileStatus status = new FileStatus();
      int result = services.status(file, status);
      if (result != NfsStat4.NFS4_OK) {
        return result;
      }
      FileAttrSource source = new FileAttrSource(services, file, status).under(c.minorVersion());
      result = source.prepare(comparison.mask());
      if (result != NfsStat4.NFS4_OK) {
        return result;
      }
      int found = comparison.compare(source);
      return found == (same ? NfsStat4.NFS4ERR_SAME : NfsStat4.NFS4ERR_NOT_SAME)
          ? NfsStat4.NFS4_OK
          : found;
    }
  }

  /** ACCESS, section 18.1: the kernel says what the user may do. */
  static final class Access extends FileOperation {
    private static final int XATTR_BITS = 0x40 | 0x80 | 0x100;

    Access(FileServices services) {
      super(services, NfsOp4.OP_ACCESS);
    }

    @Override
    public int execute(CompoundContext c) {
      int asked = c.args().int32();
      if (c.minorVersion() < 2) {
        asked &= ~XATTR_BITS;
      }
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      var access = services.fs().access(file, asked);
      if (access.status() == NfsStat4.NFS4_OK) {
        c.reply().int32(access.supported());
        c.reply().int32(access.granted());
      }
      return access.status();
    }
  }
}
