package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.AccessModes;
import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import io.selkie.posix.QuotaStatus;
import io.selkie.posix.ResolveFlags;
import io.selkie.server.compound.Places;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * The file system that clients see: a read-only root directory with the exports' names in it, and
 * beneath each name a directory of the local file system, passed through.
 *
 * <p><b>Results</b> are NFS statuses; an error is a normal outcome and nothing throws. Methods
 * block as local system calls do, never for a lease of another process.
 *
 * <p><b>Permissions.</b> Handles are turned into files with the server's own rights; what is then
 * done with the file is done through a kernel that acts as the user for whom the thread works, so
 * the kernel decides. Data goes through a description that the server opened: who may read or write
 * is asked with {@link #mayAccess} when a client opens.
 *
 * <p><b>Seals.</b> Nothing here asks the arbiter: before a change to a file's size or mode the
 * caller does. Attributes are read and set through names or O_PATH descriptors and data only
 * through {@link #openFiles()}, so nothing here breaks a lease of ours.
 *
 * <p>Safe for use by several threads.
 */
public final class PassthroughFileSystem implements AutoCloseable {
  /** Directories that handles found by name keep at hand. */
  private static final int DIRECTORIES_CACHED = 512;

  private static final byte[] DOT = Names.bytes(".");
  private static final byte[] DOT_DOT = Names.bytes("..");

  /** Acts as the server. */
  private final Kernel own;

  /** Acts as the user of the request. */
  private final Kernel kernel;

  private final AtomicInteger treeVersion = new AtomicInteger();
  private volatile ExportTree tree;
  private final OpenFileTable openFiles;
  private final Resolver resolver;
  private final NamespaceChanges changes;
  private final DirectoryReader directoryReader;
  private final HandleFinder handles;
  private final FileXattrs xattrs;
  private final ChangeClock changeClock;
  private final FileLooks looks;

  /**
   * Over some exports, which stay the caller's to close.
   *
   * @param own acts as the server
   * @param kernel acts as the user for whom the calling thread works
   * @param exports with names apart from each other
   * @param startedAtSeconds since the epoch, the root directory's times
   * @param maxOpenFiles most inodes open for data at a time
   * @throws PosixException when an export's place in another one does not exist
   */
  public PassthroughFileSystem(
      Kernel own,
      Kernel kernel,
      List<Export> exports,
      VfsState state,
      long startedAtSeconds,
      int maxOpenFiles)
      throws PosixException {
    this.own = own;
    this.kernel = kernel;
    this.openFiles = new OpenFileTable(own, maxOpenFiles);
    this.resolver = new Resolver(own, state, openFiles, DIRECTORIES_CACHED);
    this.handles = new HandleFinder(own, resolver, openFiles);
    this.tree = new ExportTree(own, resolver, exports, startedAtSeconds, 0);
    this.changeClock = state.changeClock();
    this.looks = new FileLooks(kernel, resolver);
    this.changes = new NamespaceChanges(own, kernel, resolver, openFiles, () -> tree, changeClock);
    exports.forEach(e -> changeClock.grain(e.device(), e.features().changeGrainNanos()));
    this.directoryReader = new DirectoryReader(own, resolver);
    this.xattrs = new FileXattrs(kernel, resolver, openFiles);
  }

  /** The same for one user only: everything is done as the server. */
  public PassthroughFileSystem(
      Kernel kernel, List<Export> exports, VfsState state, long startedAtSeconds, int maxOpenFiles)
      throws PosixException {
    this(kernel, kernel, exports, state, startedAtSeconds, maxOpenFiles);
  }

  /** Open file descriptions, one per inode. */
  public OpenFileTable openFiles() {
    return openFiles;
  }

  /** Filehandles that need not be checked and decoded again. */
  public int handlesCached() {
    return handles.size();
  }

  /** Descriptors of directories kept at hand. */
  int directoriesCached() {
    return resolver.directoriesCached();
  }

  /** Making, moving and removing names. */
  public NamespaceChanges changes() {
    return changes;
  }

  /** Extended attributes. */
  public FileXattrs xattrs() {
    return xattrs;
  }

  /** The directory above all exports (PUTROOTFH). */
  public VfsFile root() {
    return tree.rootFile();
  }

  /** The exports, in the order of their names. */
  public List<Export> exports() {
    return tree.exports();
  }

  /**
   * Serves other exports from now on. Those that stay, as the same objects, notice nothing; handles
   * of one that goes are stale, and its end is still the caller's business ({@link #retire}).
   *
   * @param nowSeconds since the epoch, the new time of change of the directories above
   * @throws PosixException when an export's place in another one does not exist; nothing changes
   */
  public void serve(Collection<Export> exports, long nowSeconds) throws PosixException {
    exports.forEach(e -> changeClock.grain(e.device(), e.features().changeGrainNanos()));
    tree = new ExportTree(own, resolver, exports, nowSeconds, treeVersion.incrementAndGet());
  }

  /** Lets go of an export that is served no more: its file system may be unmounted then. */
  public void retire(Export export) throws PosixException {
    export.retire();
    resolver.forget(export);
  }

  // ---------------------------------------------------------------- handles and names

  /**
   * PUTFH: a filehandle that a client presents. NFS4ERR_BADHANDLE when it is none of ours,
   * NFS4ERR_STALE when its file or export is gone.
   */
  public Found fromHandle(byte[] handle) {
    return handles.find(handle, tree);
  }

  /** The same without a look at the file, which may be gone: for who asks for its export only. */
  public Found fromHandleUnseen(byte[] handle) {
    return handles.decode(handle, tree);
  }

  /**
   * The export that a filehandle leads to, as a number, without a look at anything but the handle's
   * own bytes; 0 for none that is served.
   */
  public int placeOf(ByteBuffer request, int start, int length) {
    int id = FileHandleCodec.exportIdOf(request, start, length);
    return id == 0 || tree.exportById(id) == null ? 0 : id;
  }

  /** Where filehandles lead, for those who keep work apart by it. */
  public Places places() {
    return new Places() {
      @Override
      public int of(ByteBuffer request, int start, int length) {
        return placeOf(request, start, length);
      }

      @Override
      public boolean isAtHand(ByteBuffer request, int start, int length) {
        byte[] handle = new byte[length];
        request.get(start, handle);
        return handles.isAtHand(handle, tree);
      }
    };
  }

  /** Whether the file is open, so that to look at it no disk is needed. */
  public boolean isAtHand(VfsFile file) {
    return handles.isAtHand(file);
  }

  /** The same of a whole filehandle of ours, served or not. */
  public static int exportIdOf(byte[] handle) {
    return FileHandleCodec.exportIdOf(ByteBuffer.wrap(handle), 0, handle.length);
  }

  private static boolean everything(Export export) {
    return true;
  }

  /**
   * LOOKUP of one component, RFC 8881 section 18.13. Symbolic links are found, never followed; what
   * is mounted below the export is refused with NFS4ERR_ACCESS.
   */
  public Found lookup(VfsFile directory, byte[] name) {
    return lookup(directory, name, PassthroughFileSystem::everything);
  }

  /**
   * The same for a client that sees some of the exports: the others are not there for it.
   *
   * @param visible whether it sees an export
   */
  public Found lookup(VfsFile directory, byte[] name, Predicate<Export> visible) {
    int wrong = NameRules.check(name);
    if (wrong != NFS4_OK) {
      return Found.refused(wrong);
    }
    if (directory.isPseudoRoot()) {
      return tree.lookup(directory, name, visible);
    }
    PseudoNode crossing = tree.junctionAt(directory, name);
    if (crossing != null) {
      return tree.lookup(crossing.parent.file, name, visible);
    }
    int directoryFd = resolver.open(directory);
    if (directoryFd < 0) {
      return Found.refused(NfsErrors.of(directoryFd));
    }
    try {
      Found found = changes.find(directory, directoryFd, name, new FileStatus());
      if (found.status() == NFS4_OK) {
        // The next that comes is its handle.
        handles.put(found);
      }
      return found;
    } finally {
      kernel.close(directoryFd);
    }
  }

  /**
   * LOOKUPP, RFC 8881 section 18.14: above an export's root is the directory that its name is in,
   * above the root of all there is none.
   */
  public Found lookupParent(VfsFile directory) {
    return lookupParent(directory, PassthroughFileSystem::everything);
  }

  /**
   * The same for a client that sees some of the exports.
   *
   * @param visible whether it sees an export
   */
  public Found lookupParent(VfsFile directory, Predicate<Export> visible) {
    if (directory.isPseudoRoot() || directory.isExportRoot()) {
      return tree.parent(directory, visible);
    }
    Export export = directory.exportOrNull();
    int fd = resolver.open(directory);
    if (fd < 0) {
      return Found.refused(NfsErrors.of(fd));
    }
    int parentFd =
        own.openat2(
            fd,
            DOT_DOT,
            OpenFlags.PATH | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            ResolveFlags.NO_MAGICLINKS | ResolveFlags.NO_SYMLINKS | ResolveFlags.NO_XDEV);
    try {
      if (parentFd < 0) {
        return Found.refused(changes.notDirectory(fd, parentFd));
      }
      // The directory may have been moved out of the export in between.
      int inside = export.contains(parentFd);
      if (inside != 1) {
        return Found.refused(inside == 0 ? NFS4ERR_STALE : NfsErrors.of(inside));
      }
      int[] failure = new int[1];
      return resolver
          .identify(export, parentFd, new FileStatus(), failure)
          .map(Found::of)
          .orElseGet(() -> Found.refused(NfsErrors.of(failure[0])));
    } finally {
      if (parentFd >= 0) {
        kernel.close(parentFd);
      }
      kernel.close(fd);
    }
  }

  // ---------------------------------------------------------------- attributes

  /** GETATTR's source. */
  public int getAttributes(VfsFile file, FileStatus out) {
    if (file.isPseudoRoot()) {
      return tree.fill(file, out);
    }
    return withFile(file, false, fd -> stat(fd, out));
  }

  /** GETATTR's source for an open file. */
  public int getAttributes(OpenFile file, FileStatus out) {
    return NfsErrors.of(stat(file.fd(), out));
  }

  /** The same for the file system the file is on. */
  public int getFileSystemStatus(VfsFile file, FileSystemStatus out) {
    if (file.isPseudoRoot()) {
      out.set(0, 4096, 0, 0, 0, 0, 0);
      return NFS4_OK;
    }
    OptionalLong device = file.exportOrNull().deviceBytes();
    if (device.isPresent()) {
      // All of it is the one file's.
      out.set(0, 4096, device.getAsLong() / 4096, 0, 0, 1, 0);
      return NFS4_OK;
    }
    return withFile(file, false, fd -> kernel.fstatfs(fd, out));
  }

  /** What a user may use of the file system the file is on, and has used. */
  public int getQuota(VfsFile file, int uid, QuotaStatus out) {
    return withFile(file, false, fd -> own.userQuota(fd, uid, out));
  }

  /** The change attribute: greater after every change, see {@link ChangeClock}. */
  public long changeOf(FileStatus status) {
    return changeClock.of(status);
  }

  /** {@code mounted_on_fileid}: of an export's root, the number of what it covers. */
  public long mountedOnFileId(VfsFile file, FileStatus status) {
    return file.isExportRoot() ? tree.coveredBy(file.exportOrNull()) : status.inode();
  }

  /**
   * Permission bits (07777). Layouts of the file were fenced before: the arbiter's {@code
   * ACCESS_CHANGE}.
   */
  public int setMode(VfsFile file, int mode) {
    return withFile(file, true, fd -> kernel.fchmod(fd, mode & 07777));
  }

  /** Owner and group, -1 to leave one as it is. See {@link #setMode}. */
  public int setOwner(VfsFile file, int uid, int gid) {
    return withFile(file, true, fd -> kernel.fchown(fd, uid, gid));
  }

  /**
   * Access and modification time; {@link FileStatus#UTIME_NOW} and {@link FileStatus#UTIME_OMIT}
   * are allowed as nanoseconds.
   */
  public int setTimes(VfsFile file, long atimeSec, long atimeNsec, long mtimeSec, long mtimeNsec) {
    return withFile(file, true, fd -> kernel.utimens(fd, atimeSec, atimeNsec, mtimeSec, mtimeNsec));
  }

  /**
   * Size, through the one description, which breaks no lease of ours: the caller has the arbiter's
   * leave ({@code SHRINK}) when it gets smaller.
   *
   * @param file open for writing
   */
  public int setSize(OpenFile file, long size) {
    return size < 0 ? NFS4ERR_FBIG : NfsErrors.of(kernel.ftruncate(file.fd(), size));
  }

  /**
   * ACCESS, RFC 8881 section 18.1.
   *
   * @param status an NFS status
   * @param supported those of the bits asked for that mean something here
   * @param granted those that are allowed
   */
  public record AccessResult(int status, int supported, int granted) {}

  /**
   * Whether the user may do all of something.
   *
   * @param mode {@link AccessModes}
   * @return NFS4_OK, NFS4ERR_ACCESS, NFS4ERR_ROFS, or why it cannot be said
   */
  public int mayAccess(VfsFile file, int mode) {
    if (file.isPseudoRoot()) {
      return (mode & AccessModes.WRITE) == 0 ? NFS4_OK : NFS4ERR_ROFS;
    }
    return withFile(file, false, fd -> kernel.faccess(fd, mode));
  }

  /** ACCESS for the user. */
  public AccessResult access(VfsFile file, int asked) {
    return looks.access(file, asked);
  }

  /**
   * READLINK.
   *
   * @param status an NFS status; NFS4ERR_WRONG_TYPE when it is no symbolic link
   * @param target null unless the status is NFS4_OK
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed over, never compared.
  public record LinkTarget(int status, byte[] target) {}

  /** READLINK: the target as it is stored, not interpreted. */
  public LinkTarget readLink(VfsFile file) {
    return looks.readLink(file);
  }

  // ---------------------------------------------------------------- directories

  /** Verifier of directory cookies: cookies are the file system's own and do not expire. */
  public long cookieVerifier(VfsFile directory) {
    return directory.isPseudoRoot() ? 0 : directory.exportOrNull().fsidMajor();
  }

  /**
   * READDIR, RFC 8881 section 18.23, from after a cookie; {@code .} and {@code ..} are left out.
   *
   * <p>Whether the user may read it is for the caller to ask: {@link #mayAccess}.
   *
   * @param cookie 0 for the beginning, or one that an entry had
   * @param attributes whether {@code sink} wants files and attributes, not just names
   * @return an NFS status; {@link DirectoryReader.Sink#atEnd} tells the end
   */
  public int readDirectory(
      VfsFile directory, long cookie, boolean attributes, DirectoryReader.Sink sink) {
    return readDirectory(directory, cookie, attributes, PassthroughFileSystem::everything, sink);
  }

  /**
   * The same for a client that sees some of the exports.
   *
   * @param visible whether it sees an export
   */
  public int readDirectory(
      VfsFile directory,
      long cookie,
      boolean attributes,
      Predicate<Export> visible,
      DirectoryReader.Sink taker) {
    ExportTree now = tree;
    if (directory.isPseudoRoot()) {
      return now.read(directory, cookie, attributes, visible, taker);
    }
    List<PseudoNode> here = now.junctionsIn(directory);
    DirectoryReader.Sink sink =
        here == null ? taker : now.crossing(here, attributes, visible, taker);
    int fd = resolver.open(directory);
    if (fd < 0) {
      return NfsErrors.of(fd);
    }
    try {
      // With the server's rights, as the name "." could only be opened by who may search too.
      int directoryFd =
          own.openat2(
              fd,
              DOT,
              OpenFlags.RDONLY | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
              0,
              Export.RESOLVE);
      if (directoryFd < 0) {
        return changes.notDirectory(fd, directoryFd);
      }
      try {
        return directoryReader.read(directory, directoryFd, cookie, attributes, sink);
      } finally {
        kernel.close(directoryFd);
      }
    } finally {
      kernel.close(fd);
    }
  }

  /**
   * The roots of exports that {@link #readDirectory} may show in a directory, without a look at
   * them.
   *
   * @param cookie where the reading begins
   * @param visible which exports the client sees
   */
  public List<VfsFile> rootsIn(VfsFile directory, long cookie, Predicate<Export> visible) {
    return tree.rootsIn(directory, cookie, visible);
  }

  // ---------------------------------------------------------------- data

  /**
   * Opens a regular file's data; release what comes back. NFS4ERR_ISDIR, NFS4ERR_SYMLINK or
   * NFS4ERR_WRONG_TYPE for what is none: fifos and devices are never opened.
   *
   * @param write whether for writing too
   */
  public OpenFileTable.Acquired open(VfsFile file, boolean write) {
    if (file.isPseudoRoot()) {
      return new OpenFileTable.Acquired.Failed(NFS4ERR_ISDIR);
    }
    if (write && file.exportOrNull().readOnly()) {
      return new OpenFileTable.Acquired.Failed(NFS4ERR_ROFS);
    }
    Optional<OpenFileTable.Acquired> open = openFiles.acquireOpen(file.identity(), write);
    if (open.isPresent()) {
      return open.get();
    }
    int fd = resolver.open(file);
    if (fd < 0) {
      return new OpenFileTable.Acquired.Failed(NfsErrors.of(fd));
    }
    try {
      FileStatus status = new FileStatus();
      int result = stat(fd, status);
      if (result < 0) {
        return new OpenFileTable.Acquired.Failed(NfsErrors.of(result));
      }
      OptionalInt wrong = NameRules.notRegular(status);
      if (wrong.isPresent()) {
        return new OpenFileTable.Acquired.Failed(wrong.getAsInt());
      }
      return openFiles.acquire(file, fd, file.exportOrNull().describe(fd), write);
    } finally {
      kernel.close(fd);
    }
  }

  /**
   * Reads.
   *
   * @return bytes read, fewer at the end of the file, or {@code -errno} for {@link NfsErrors#of}
   */
  public long read(OpenFile file, MemorySegment into, long offset) {
    return kernel.pread(file.fd(), into, offset);
  }

  /**
   * Writes, to the page cache.
   *
   * @return bytes written, perhaps fewer than given, or {@code -errno} for {@link NfsErrors#of}
   */
  public long write(OpenFile file, MemorySegment from, long offset) {
    return kernel.pwrite(file.fd(), from, offset);
  }

  /** COMMIT: data and what is needed to find it again are durable. */
  public int commit(OpenFile file) {
    return NfsErrors.of(kernel.fdatasync(file.fd()));
  }

  /** Closes descriptors kept at hand; open files stay their holders' business. */
  @Override
  public void close() {
    resolver.close();
  }

  // ----------------------------------------------------------------

  @FunctionalInterface
  private interface OnDescriptor {
    long apply(int fd);
  }

  private int withFile(VfsFile file, boolean change, OnDescriptor action) {
    if (change && (file.isPseudoRoot() || file.exportOrNull().readOnly())) {
      return NFS4ERR_ROFS;
    }
    int fd = resolver.open(file);
    if (fd < 0) {
      return NfsErrors.of(fd);
    }
    try {
      return NfsErrors.of(action.apply(fd));
    } finally {
      kernel.close(fd);
    }
  }

  private int stat(int fd, FileStatus out) {
    return kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, out);
  }
}
