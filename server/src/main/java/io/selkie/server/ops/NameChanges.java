package io.selkie.server.ops;

import io.selkie.layout.FileChange;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.VfsFile;
import java.nio.ByteBuffer;

/** The operations that move and remove names: REMOVE, RENAME, LINK. */
final class NameChanges {

  private NameChanges() {}

  /** What these operations answer where the kernel says EPERM, for which they have no word. */
  private static int status(int status) {
    return status == NfsStat4.NFS4ERR_PERM ? NfsStat4.NFS4ERR_ACCESS : status;
  }

  /** REMOVE, RFC 8881 section 18.25. Layouts stay: the file lives on as long as it is open. */
  static final class Remove extends FileOperation {
    Remove(FileServices services) {
      super(services, NfsOp4.OP_REMOVE);
    }

    @Override
    public boolean waitsForDisk(ByteBuffer request, int at) {
      return true;
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
      try (Leave leave = new Leave(services, c).ofNamed(directory, name)) {
        return leave.isGiven() ? remove(c, directory, name) : leave.status();
      }
    }

    private int remove(CompoundContext c, VfsFile directory, byte[] name) {
      var changed = services.fs().changes().remove(directory, name);
      if (changed.status() == NfsStat4.NFS4_OK) {
        encode(c.reply(), changed.directory());
      }
      return status(changed.status());
    }
  }

  /** RENAME, section 18.26: from the saved directory to the current one. */
  static final class Rename extends FileOperation {
    Rename(FileServices services) {
      super(services, NfsOp4.OP_RENAME);
    }

    @Override
    public boolean waitsForDisk(ByteBuffer request, int at) {
      return true;
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
      try (Leave leave = new Leave(services, c).ofNamed(from, oldName).ofNamed(to, newName)) {
        return leave.isGiven() ? rename(c, from, oldName, to, newName) : leave.status();
      }
    }

    private int rename(
        CompoundContext c, VfsFile from, byte[] oldName, VfsFile to, byte[] newName) {
      var renamed = services.fs().changes().rename(from, oldName, to, newName);
      if (renamed.status() == NfsStat4.NFS4_OK) {
        encode(c.reply(), renamed.source());
        encode(c.reply(), renamed.target());
      }
      return status(renamed.status());
    }
  }

  /** LINK, section 18.9: the saved file gets a name in the current directory. */
  static final class Link extends FileOperation {
    Link(FileServices services) {
      super(services, NfsOp4.OP_LINK);
    }

    @Override
    public boolean waitsForDisk(ByteBuffer request, int at) {
      return true;
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
      int may = Rights.mayMake(services, directory);
      if (may == NfsStat4.NFS4_OK) {
        may = Rights.mayLink(services, file);
      }
      if (may != NfsStat4.NFS4_OK) {
        return may;
      }
      try (Leave leave = new Leave(services, c).of(file, FileChange.METADATA)) {
        return leave.isGiven() ? link(c, file, directory, name) : NfsStat4.NFS4ERR_DELAY;
      }
    }

    private int link(CompoundContext c, VfsFile file, VfsFile directory, byte[] name) {
      var changed = services.fs().changes().link(file, directory, name);
      if (changed.status() == NfsStat4.NFS4_OK) {
        encode(c.reply(), changed.directory());
      }
      return status(changed.status());
    }
  }
}
