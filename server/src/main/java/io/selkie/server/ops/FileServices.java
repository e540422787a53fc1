package io.selkie.server.ops;

import io.selkie.layout.LayoutArbiter;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.AccessModes;
import io.selkie.posix.ActingKernel;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.identity.Admission;
import io.selkie.server.identity.ExportAccess.Grant;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.ops.attr.AttrSource.ServerAttributes;
import io.selkie.server.ops.attr.AttrSupport;
import io.selkie.server.ops.attr.OwnerNames;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.state.Courtesy;
import io.selkie.server.state.Grace;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenTable;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.ExportFeatures;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.OpenFileTable;
import io.selkie.server.vfs.PassthroughFileSystem;
import io.selkie.server.vfs.VfsFile;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What the operations work with. Safe for use by several threads, as all of its parts are.
 *
 * @param own the kernel as the server itself: for what no user's rights matter to
 * @param kernel the same as the user of the request, for what the file system has no word for;
 *     whatever somebody's rights decide about goes through this one
 * @param fs files and names
 * @param admission which client may come near which export
 * @param owners how owners of files are written
 * @param opens who has what open
 * @param locks who has locked which bytes
 * @param arbiter layouts; asked before block maps or access change
 * @param metrics counts data
 * @param attributes what is the same for all files
 * @param verifier of what was written and not yet made durable
 * @param layoutExports names of the exports whose files may have layouts; changes with the exports,
 *     safe for use by several threads
 * @param storage which of them have layouts that name places on the storage
 * @param grace whether state may be reclaimed or taken anew just now
 * @param courtesy whether a conflict is with a client whose lease is over
 */
public record FileServices(
    Kernel own,
    ActingKernel kernel,
    PassthroughFileSystem fs,
    Admission admission,
    OwnerNames owners,
    OpenTable opens,
    LockTable locks,
    LayoutArbiter arbiter,
    ServerMetrics metrics,
    ServerAttributes attributes,
    WriteVerifier verifier,
    Set<String> layoutExports,
    StorageExports storage,
    Grace grace,
    Courtesy courtesy) {

  /** Open file descriptions, one per inode. */
  OpenFileTable files() {
    return fs.openFiles();
  }

  /** Whether files of this one's export may have layouts. */
  boolean offersLayouts(VfsFile file) {
    Optional<Export> export = file.export();
    return export.isPresent() && layoutExports.contains(export.get().name());
  }

  /** Whether they have none at this moment, as far as their file system is concerned. */
  Export.Withheld layoutsWithheld(VfsFile file) {
    return file.export().map(Export::layoutsWithheld).orElse(Export.Withheld.FOR_GOOD);
  }

  /**
   * Whether the client of a request may change nothing where a file lies. By the rules of this
   * moment, whatever they were when the request began: what is granted is looked at once more after
   * this could see it, so that a change of the rules misses nothing.
   */
  boolean isReadOnlyFor(CompoundContext c, VfsFile file) {
    Optional<Export> export = file.export();
    return export.isEmpty()
        || export.get().readOnly()
        || admission
            .of(c.connection().remoteAddress(), export.get())
            .map(Grant::readOnly)
            .orElse(true);
  }

  /** The greatest size that a file can have where this one lies. */
  long maxFileBytes(VfsFile file) {
    return file.export().map(export -> export.features().maxFileBytes()).orElse(Long.MAX_VALUE);
  }

  /** The layout types offered for a file. */
  List<Integer> layoutTypes(VfsFile file) {
    if (!offersLayouts(file)) {
      return List.of();
    }
    List<Integer> all = arbiter.layoutTypes();
    // Each GETATTR asks: nothing is made anew where no export has block layouts.
    return storage.isEmpty()
        ? all
        : all.stream().filter(type -> storage.offers(file.export(), type)).toList();
  }

  /** Whether a layout type that this server has is offered for a file. */
  boolean offers(VfsFile file, int layoutType) {
    return offersLayouts(file) && storage.offers(file.export(), layoutType);
  }

  /** Whether clients may write to its device past the page cache. */
  boolean isBypassed(FileIdentity file) {
    return storage.isBypassed(file);
  }

  /** Which attributes there are for a file under a minor version. */
  AttrSupport support(VfsFile file, int minorVersion) {
    Optional<Export> export = file.export();
    if (export.isEmpty()) {
      return AttrSupport.of(minorVersion, false, false, false);
    }
    ExportFeatures features = export.get().features();
    return AttrSupport.of(
        minorVersion, features.posixAcls(), features.userQuotas(), !layoutTypes(file).isEmpty());
  }

  /**
   * The mode that a new file asks for: of its attributes, or what is usual. The umask counts only
   * where the directory has no default access control list (RFC 8275).
   */
  int newMode(VfsFile directory, SetAttrs attrs, int usual) {
    int mode = attrs.mode(usual);
    return attrs.umask() == 0 || FileAcls.hasDefault(fs.xattrs(), directory)
        ? mode
        : mode & ~attrs.umask();
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
    return status(directory, status) == NfsStat4.NFS4_OK ? fs.changeOf(status) : 0;
  }

  /**
   * Whether the user may do something with a file; the kernel says.
   *
   * @param wanted {@link AccessModes}
   * @return NFS4_OK, NFS4ERR_ACCESS, NFS4ERR_ROFS, or why it cannot be said
   */
  int mayUse(VfsFile file, int wanted) {
    return kernel.mayAll() ? NfsStat4.NFS4_OK : fs.mayAccess(file, wanted);
  }

  /**
   * The same for reading and writing a file's data: to run a program the client has to read it, so
   * the right to execute is good for reading.
   */
  int mayReadOrWrite(VfsFile file, boolean read, boolean write) {
    if (kernel.mayAll()) {
      return NfsStat4.NFS4_OK;
    }
    int wanted = (read ? AccessModes.READ : 0) | (write ? AccessModes.WRITE : 0);
    int status = fs.mayAccess(file, wanted);
    if (status != NfsStat4.NFS4ERR_ACCESS || !read) {
      return status;
    }
    int without = fs.mayAccess(file, AccessModes.EXECUTE | (write ? AccessModes.WRITE : 0));
    return without == NfsStat4.NFS4_OK ? without : status;
  }

  /**
   * The same for one who may have opened the file before: its owner may go on, whatever became of
   * its mode since.
   */
  int mayGoOn(VfsFile file, boolean read, boolean write) {
    if (kernel.mayAll()) {
      return NfsStat4.NFS4_OK;
    }
    FileStatus attributes = new FileStatus();
    int status = status(file, attributes);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    return kernel.user().uid() == attributes.uid() && !kernel.isReadOnly()
        ? NfsStat4.NFS4_OK
        : mayReadOrWrite(file, read, write);
  }
}
