package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.VfsFile;

/** SETATTR, RFC 8881 section 18.30. */
final class SetAttr extends DataOperation {

  /** A bitmap of three words. */
  private static final int RESULT_BYTES = 4 * 4;

  SetAttr(FileServices services) {
    super(services, NfsOp4.OP_SETATTR);
  }

  @Override
  public int replyBytesMax() {
    return RESULT_BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    Stateid4 stateid = resolve(c, Stateids.decode(c.args()));
    SetAttrs attrs = SetAttrs.decode(c.args(), services.owners());
    if (!(c.currentFile() instanceof VfsFile file)) {
      return answer(c, NfsStat4.NFS4ERR_NOFILEHANDLE, null);
    }
    AttrSetter setter = new AttrSetter(services, file, c);
    return answer(c, set(c, file, stateid, attrs, setter), setter);
  }

  private int set(
      CompoundContext c, VfsFile file, Stateid4 stateid, SetAttrs attrs, AttrSetter setter) {
    int wrong = attrs.status(services.support(file, c.minorVersion()), false);
    if (wrong != NfsStat4.NFS4_OK) {
      return wrong;
    }
    if (file.export().map(Export::readOnly).orElse(true)) {
      // Before layouts are recalled for a change that is not made.
      return NfsStat4.NFS4ERR_ROFS;
    }
    if (attrs.hasSize() && (attrs.size() < 0 || attrs.size() > services.maxFileBytes(file))) {
      return NfsStat4.NFS4ERR_FBIG;
    }
    if (attrs.hasSize()) {
      int status = mayDoIo(c, file, stateid, true);
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      Descriptions.Opened opened = description(c, file, true);
      if (opened.status() != NfsStat4.NFS4_OK) {
        return notAFile(opened.status());
      }
      try {
        status = setter.setSize(opened.file(), attrs.size());
      } finally {
        opened.file().release();
      }
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
    }
    if (attrs.hasDelegatedTimes()) {
      int status =
          new DelegatedTimes(services).set(c.clientId(), stateid, file, attrs, setter.done());
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
    }
    return setter.setOthers(attrs);
  }

  /** Of what SETATTR may answer for a size of something that has none. */
  private static int notAFile(int status) {
    return status == NfsStat4.NFS4ERR_SYMLINK || status == NfsStat4.NFS4ERR_WRONG_TYPE
        ? NfsStat4.NFS4ERR_INVAL
        : status;
  }

  /** The result has a body whatever the status. */
  private static int answer(CompoundContext c, int status, AttrSetter setter) {
    XdrWriter out = status == NfsStat4.NFS4_OK ? c.reply() : c.errorBody();
    if (setter == null) {
      out.int32(0);
    } else {
      setter.done().encode(out);
    }
    return status;
  }
}
