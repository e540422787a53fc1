package io.selkie.server.ops;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.OpenFileTable.Acquired;
import io.selkie.server.vfs.VfsFile;

/** Getting at a file's one open description, with the arbiter's leave where it must be asked. */
final class Descriptions {

  /** From the first byte to the last there can be. */
  static final ByteRange WHOLE_FILE = new ByteRange(0, Long.MAX_VALUE);

  private Descriptions() {}

  /**
   * A description, or why there is none.
   *
   * @param file retained for the caller; null unless the status is NFS4_OK
   */
  record Opened(int status, OpenFile file) {
    static Opened refused(int status) {
      return new Opened(status, null);
    }
  }

  /**
   * Opens a file's data. NFS4ERR_DELAY while layouts are recalled from a description that has to be
   * opened anew for writing.
   */
  static Opened open(FileServices services, VfsFile file, boolean write, CompoundContext c) {
    return writableIfNeeded(services, services.fs().open(file, write), c);
  }

  /** Makes something of what the file system gave. */
  static Opened writableIfNeeded(FileServices services, Acquired acquired, CompoundContext c) {
    return switch (acquired) {
      case Acquired.Opened opened -> new Opened(NfsStat4.NFS4_OK, opened.file());
      case Acquired.Failed failed -> Opened.refused(failed.status());
      case Acquired.UpgradeNeeded needed -> upgrade(services, needed.file(), c);
    };
  }

  private static Opened upgrade(FileServices services, OpenFile file, CompoundContext c) {
    int status = NfsStat4.NFS4ERR_DELAY;
    ChangePermit permit = Leave.ask(services, c, file.identity(), FileChange.REOPEN, WHOLE_FILE);
    if (permit instanceof ChangePermit.Granted granted) {
      try (granted) {
        status = services.files().upgrade(file);
      }
    }
    if (status == NfsStat4.NFS4_OK) {
      return new Opened(status, file);
    }
    file.release();
    return Opened.refused(status);
  }
}
