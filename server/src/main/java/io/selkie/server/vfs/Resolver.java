package io.selkie.server.vfs;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.AtFlags;
import io.selkie.posix.DirectoryEntries;
import io.selkie.posix.Errno;
import io.selkie.posix.FileHandleBytes;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.server.vfs.PathIndex.Inode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Turns filehandles into descriptors that name the file (O_PATH, which opens nothing and breaks no
 * lease), and back.
 *
 * <p><b>What is checked</b> before a descriptor is given out: the handle was sealed by us, and we
 * seal only what was reached beneath the export. The inode is the same one, by number and
 * generation, on the export's device. It still lies beneath the root: found by name it was reached
 * from there; found by the kernel's handle, its path is compared with the root's. That is not
 * possible for a file (not a directory) that has several names, or none in the kernel's memory: it
 * is taken for granted, since whoever has the handle was shown the very same inode before.
 *
 * <p>Safe for use by several threads.
 */
final class Resolver implements AutoCloseable {
  private static final int DEPTH_MAX = 1024;
  private static final int SCAN_BYTES = 1 << 15;
  private static final int STALE = Errno.ESTALE.result();
  private static final byte[] DOT = Names.bytes(".");

  private final Kernel kernel;
  private final FileHandleCodec codec;
  private final PathIndex index;
  private final OpenFileTable openFiles;
  private final DirectoryCache directories;

  Resolver(Kernel kernel, VfsState state, OpenFileTable openFiles, int directoryCapacity) {
    this.kernel = kernel;
    this.codec = state.codec();
    this.index = state.index();
    this.openFiles = openFiles;
    this.directories = new DirectoryCache(kernel, directoryCapacity);
  }

  @Override
  public void close() {
    directories.close();
  }

  /** Lets go of what is kept of an export that was retired. */
  void forget(Export export) {
    directories.removeExport(export.id());
  }

  int directoriesCached() {
    return directories.size();
  }

  FileHandleCodec codec() {
    return codec;
  }

  VfsFile rootOf(Export export) {
    FileHandle handle = export.rootFileHandle();
    return new VfsFile(export, handle, codec.encode(handle));
  }

  /**
   * Names what a descriptor stands for.
   *
   * @param status receives its attributes
   * @return empty when {@code failure[0]} says why not, as {@code -errno}
   */
  Optional<VfsFile> identify(Export export, int fd, FileStatus status, int[] failure) {
    int result = kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
    if (result < 0) {
      failure[0] = result;
      return Optional.empty();
    }
    if (status.device() != export.device()) {
      failure[0] = Errno.EXDEV.result();
      return Optional.empty();
    }
    FileHandleBytes kernelHandle = new FileHandleBytes();
    boolean has = export.hasKernelHandles();
    if (has) {
      // An error must not give the inode a second identity.
      int named = kernel.nameToHandle(fd, kernelHandle);
      if (named < 0) {
        failure[0] = named;
        return Optional.empty();
      }
    }
    return Optional.of(named(export, status, has ? kernelHandle : null));
  }

  /**
   * What a file is to clients whose status and handle are known.
   *
   * @param kernelHandle null where the file system gives none; kept
   */
  VfsFile named(Export export, FileStatus status, FileHandleBytes kernelHandle) {
    boolean has = kernelHandle != null;
    FileIdentity identity = Identities.of(status, kernelHandle);
    boolean fits = has && kernelHandle.length() <= FileHandleCodec.KERNEL_LENGTH_MAX;
    FileHandle handle =
        new FileHandle(
            export.id(),
            identity.inode(),
            identity.generation(),
            fits ? kernelHandle.compact() : null);
    return new VfsFile(export, handle, codec.encode(handle));
  }

  /** Remembers where a file was seen, if its export has a use for that. */
  void seen(VfsFile parent, byte[] name, VfsFile child, int childFd, boolean directory) {
    if (needsIndex(child)) {
      index.put(key(child), key(parent), name);
      if (directory) {
        directories.put(key(child), childFd);
      }
    }
  }

  void removed(VfsFile child) {
    directories.remove(key(child));
  }

  static boolean needsIndex(VfsFile file) {
    Export export = file.exportOrNull();
    return export != null
        && (export.handleMode() == Export.HandleMode.NAME || file.handle().kernel() == null);
  }

  /**
   * Opens a file's name.
   *
   * @return an O_PATH descriptor for the caller to close, or {@code -errno}; ESTALE when the file
   *     is no more, or no more in the export
   */
  int open(VfsFile file) {
    Export export = file.exportOrNull();
    if (!export.enter()) {
      return STALE;
    }
    try {
      return openInside(export, file);
    } finally {
      export.leave();
    }
  }

  private int openInside(Export export, VfsFile file) {
    int fd;
    if (file.isExportRoot()) {
      fd = kernel.openat2(export.rootFd(), DOT, Export.NAME_ONLY, 0, Export.RESOLVE);
    } else if (needsIndex(file)) {
      fd = openByName(export, key(file), 0);
    } else {
      fd = openByHandle(export, file);
    }
    if (fd < 0 && fd != STALE) {
      export.troubled(fd);
    }
    return fd == STALE || Errno.ENOENT.is(fd) ? openByDescription(file) : fd;
  }

  /** Attributes of a file; {@code -errno} like {@link #open}. */
  int stat(VfsFile file, FileStatus out) {
    int fd = open(file);
    if (fd < 0) {
      return fd;
    }
    int result = kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, out);
    kernel.close(fd);
    return result;
  }

  /** A file that lost its last name lives on as long as it is open. */
  private int openByDescription(VfsFile file) {
    Optional<OpenFile> open = openFiles.find(file.identity());
    if (open.isEmpty()) {
      return STALE;
    }
    try {
      return kernel.openat2(
          Kernel.AT_FDCWD,
          Names.ofDescriptor(open.get().fd()),
          OpenFlags.PATH | OpenFlags.CLOEXEC,
          0,
          0);
    } finally {
      open.get().release();
    }
  }

  // ---------------------------------------------------------------- by the kernel's handle

  private int openByHandle(Export export, VfsFile file) {
    int fd = kernel.openByHandle(export.mountFd(), file.handle().kernel(), Export.NAME_ONLY);
    if (fd < 0) {
      return Errno.EINVAL.is(fd) ? STALE : fd;
    }
    int wrong = checkReached(export, file, fd);
    if (wrong < 0) {
      kernel.close(fd);
      return wrong;
    }
    return fd;
  }

  private int checkReached(Export export, VfsFile file, int fd) {
    FileStatus status = new FileStatus();
    int result = kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
    if (result < 0) {
      return result;
    }
    if (status.device() != export.device() || status.inode() != file.identity().inode()) {
      return STALE;
    }
    if (!status.isDirectory() && status.linkCount() != 1) {
      return 0;
    }
    int inside = export.contains(fd);
    if (inside < 0) {
      return inside;
    }
    return inside == 1 || (!status.isDirectory() && isNameless(fd)) ? 0 : STALE;
  }

  /** Whether the kernel has no path in memory for a descriptor that came from a handle. */
  private boolean isNameless(int fd) {
    byte[] target = new byte[2];
    int length = kernel.readlinkat(Kernel.AT_FDCWD, Names.ofDescriptor(fd), target);
    return length == 1 && target[0] == '/';
  }

  // ---------------------------------------------------------------- by name

  private int openByName(Export export, Inode key, int depth) {
    if (key.inode() == export.root().inode() && key.generation() == export.root().generation()) {
      return kernel.openat2(export.rootFd(), DOT, Export.NAME_ONLY, 0, Export.RESOLVE);
    }
    int cached = directories.open(key);
    if (cached >= 0) {
      if (export.contains(cached) == 1) {
        return cached;
      }
      kernel.close(cached);
      directories.remove(key);
    }
    Optional<PathIndex.Place> place = index.find(key);
    if (place.isEmpty() || depth == DEPTH_MAX) {
      return STALE;
    }
    int parent = openByName(export, place.get().parent(), depth + 1);
    if (parent < 0) {
      return parent;
    }
    try {
      int fd = openIfSame(export, parent, place.get().name(), key);
      return fd == STALE ? search(export, parent, place.get().parent(), key) : fd;
    } finally {
      kernel.close(parent);
    }
  }

  /** Opens a name if the inode is the one looked for; ESTALE if it is another or none. */
  private int openIfSame(Export export, int parentFd, byte[] name, Inode key) {
    int fd = kernel.openat2(parentFd, name, Export.NAME_ONLY, 0, Export.RESOLVE);
    if (fd < 0) {
      return Errno.ENOENT.is(fd) || Errno.ENOTDIR.is(fd) || Errno.EXDEV.is(fd) ? STALE : fd;
    }
    FileStatus status = new FileStatus();
    Optional<VfsFile> found = identify(export, fd, status, new int[1]);
    if (found.isEmpty() || !key(found.get()).equals(key)) {
      kernel.close(fd);
      return STALE;
    }
    if (status.isDirectory()) {
      directories.put(key, fd);
    }
    return fd;
  }

  /** Looks through the directory where an inode was last seen: it may have another name there. */
  private int search(Export export, int parentFd, Inode parent, Inode key) {
    int directory =
        kernel.openat2(
            parentFd,
            DOT,
            OpenFlags.RDONLY | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            Export.RESOLVE);
    if (directory < 0) {
      return STALE;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(SCAN_BYTES, 8);
      DirectoryEntries entries = new DirectoryEntries(buffer);
      int stored;
      while ((stored = kernel.getdents64(directory, buffer)) > 0) {
        entries.reset(stored);
        while (entries.next()) {
          if (entries.inode() == key.inode() && !entries.isDotOrDotDot()) {
            byte[] name = entries.name();
            int fd = openIfSame(export, parentFd, name, key);
            if (fd >= 0) {
              index.put(key, parent, name);
              return fd;
            }
          }
        }
      }
      return STALE;
    } finally {
      kernel.close(directory);
    }
  }

  private static Inode key(VfsFile file) {
    FileHandle handle = file.handle();
    return new Inode(handle.exportId(), handle.inode(), handle.generation());
  }
}
