package io.selkie.server.ops;

import io.selkie.layout.LayoutArbiter;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.ops.attr.AttrSource.ServerAttributes;
import io.selkie.server.state.OpenTable;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.OpenFileTable;
import io.selkie.server.vfs.PassthroughFileSystem;
import io.selkie.server.vfs.VfsFile;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongPredicate;

/**
 * What the operations work with. Safe for use by several threads, as all of its parts are.
 *
 * @param kernel for what the file system has no word for
 * @param fs files and names
 * @param opens who has what open
 * @param arbiter layouts; asked before block maps or access change
 * @param metrics counts data
 * @param attributes what is the same for all files
 * @param verifier of what was written and not yet made durable
 * @param layoutExports names of the exports whose files may have layouts
 * @param serverUid the effective user of this process
 * @param reclaimComplete whether a client has said RECLAIM_COMPLETE; until then it gets no new open
 */
public record FileServices(
    Kernel kernel,
    PassthroughFileSystem fs,
    OpenTable opens,
    LayoutArbiter arbiter,
    ServerMetrics metrics,
    ServerAttributes attributes,
    WriteVerifier verifier,
    Set<String> layoutExports,
    int serverUid,
    LongPredicate reclaimComplete) {

  private static final int ROOT = 0;

  /** Copies the set. */
  public FileServices {
    layoutExports = Set.copyOf(layoutExports);
  }

  /** Open file descriptions, one per inode. */
  OpenFileTable files() {
    return fs.openFiles();
  }

  /** Whether files of this one's export may have layouts. */
  boolean offersLayouts(VfsFile file) {
    Optional<Export> export = file.export();
    return export.isPresent() && layoutExports.contains(export.get().name());
  }

  /** The layout types offered for a file. */
  List<Integer> layoutTypes(VfsFile file) {
    return offersLayouts(file) ? arbiter.layoutTypes() : List.of();
  }

  /** A file's status; through its open description where there is one, which costs least. */
  int status(VfsFile file, FileStatus out) {
    Optional<OpenFile> open = files().find(file.identity());
    if (open.isEmpty()) {
      return fs.getAttributes(file, out);
    }
    try {
      return fs.getAttributes(open.get(), out);
    } finally {
      open.get().release();
    }
  }

  /** The change attribute of a directory, for change_info4; 0 when it cannot be had. */
  long changeOf(VfsFile directory) {
    FileStatus status = new FileStatus();
    return status(directory, status) == NfsStat4.NFS4_OK
        ? PassthroughFileSystem.changeOf(status)
        : 0;
  }

  /**
   * Whether a caller's rights have to be looked at here: root has all, and for the user the server
   * runs as the kernel looks itself.
   */
  boolean needsCheck(AuthSys caller) {
    return caller.uid() != ROOT && caller.uid() != serverUid;
  }

  /**
   * Whether a caller may do something with a file.
   *
   * @param wanted {@link Permissions} bits
   * @return NFS4_OK, NFS4ERR_ACCESS, or why the file's status cannot be had
   */
  int mayUse(VfsFile file, AuthSys caller, int wanted) {
    if (!needsCheck(caller)) {
      return NfsStat4.NFS4_OK;
    }
    FileStatus status = new FileStatus();
    int result = status(file, status);
    if (result != NfsStat4.NFS4_OK) {
      return result;
    }
    return Permissions.granted(status, caller, wanted) ? NfsStat4.NFS4_OK : NfsStat4.NFS4ERR_ACCESS;
  }

  /** Whether this process may give files to others. */
  boolean mayGiveFilesAway() {
    return serverUid == ROOT;
  }
}
