package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.VfsFile;

/** The operations that move and remove names: REMOVE, RENAME, LINK. */
final class NameChanges {

  private NameChanges() {}

  /** Whether a caller may change the entries of a directory. */
  private static int mayChangeNames(FileServices services, VfsFile directory, AuthSys caller) {
    return services.mayUse(directory, caller, Permissions.WRITE | Permissions.EXECUTE);
  }

  /** The same for taking away an entry that is there: the sticky bit has its say too. */
  private static int mayTakeAway(
      FileServices services, VfsFile directory, byte[] name, AuthSys caller) {
    int status = mayChangeNames(services, directory, caller);
    if (status != NfsStat4.NFS4_OK || !services.needsCheck(caller)) {
      return status;
    }
    FileStatus parent = new FileStatus();
    status = services.status(directory, parent);
    if (status != NfsStat4.NFS4_OK || (parent.permissions() & 01000) == 0) {
      return status;
    }
    Found found = services.fs().lookup(directory, name);
    if (found.status() != NfsStat4.NFS4_OK) {
      // That there is none is for the operation itself to say.
      return NfsStat4.NFS4_OK;
    }
    FileStatus entry = new FileStatus();
    status = services.status(found.file(), entry);
    return status == NfsStat4.NFS4_OK && Permissions.stickyForbids(parent, entry, caller)
        ? NfsStat4.NFS4ERR_ACCESS
        : NfsStat4.NFS4_OK;
  }

  /** REMOVE, RFC 8881 section 18.25. Layouts stay: the file lives on as long as it is open. */
  static final class Remove extends FileOperation {
    Remove(FileServices services) {
      super(services, NfsOp4.OP_REMOVE);
    }

    @Override
    public int replyBytesMax() {
      return CHANGE_INFO_BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      byte[] name = readName(c);
      if (!(c.currentFile() instanceof VfsFile directory)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      int status = mayTakeAway(services, directory, name, c.credential());
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      var changed = services.fs().changes().remove(directory, name);
      if (changed.status() == NfsStat4.NFS4_OK) {
        encode(c.reply(), changed.directory());
      }
      return changed.status();
    }
  }

  /** RENAME, section 18.26: from the saved directory to the current one. */
  static final class Rename extends FileOperation {
    Rename(FileServices services) {
      super(services, NfsOp4.OP_RENAME);
    }

    @Override
    public int replyBytesMax() {
      return 2 * CHANGE_INFO_BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      byte[] oldName = readName(c);
      byte[] newName = readName(c);
      if (!(c.savedFile() instanceof VfsFile from) || !(c.currentFile() instanceof VfsFile to)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      int status = mayTakeAway(services, from, oldName, c.credential());
      if (status == NfsStat4.NFS4_OK) {
        status = mayTakeAway(services, to, newName, c.credential());
      }
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      var renamed = services.fs().changes().rename(from, oldName, to, newName);
      if (renamed.status() == NfsStat4.NFS4_OK) {
        encode(c.reply(), renamed.source());
        encode(c.reply(), renamed.target());
      }
      return renamed.status();
    }
  }

  /** LINK, section 18.9: the saved file gets a name in the current directory. */
  static final class Link extends FileOperation {
    Link(FileServices services) {
      super(services, NfsOp4.OP_LINK);
    }

    @Override
    public int replyBytesMax() {
      return CHANGE_INFO_BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      byte[] name = readName(c);
      if (!(c.savedFile() instanceof VfsFile file)
          || !(c.currentFile() instanceof VfsFile directory)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      int status = mayChangeNames(services, directory, c.credential());
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      var changed = services.fs().changes().link(file, directory, name);
      if (changed.status() == NfsStat4.NFS4_OK) {
        encode(c.reply(), changed.directory());
      }
      return changed.status();
    }
  }
}
