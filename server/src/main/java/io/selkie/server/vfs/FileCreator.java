package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.server.vfs.NamespaceChanges.CreateMode;
import io.selkie.server.vfs.NamespaceChanges.Created;
import java.util.Optional;
import java.util.OptionalInt;

/** Makes regular files, see {@link NamespaceChanges#createFile}. */
final class FileCreator {
  private static final byte[] DOT = Names.bytes(".");
  private static final long COMMON =
      OpenFlags.CREAT
          | OpenFlags.EXCL
          | OpenFlags.NONBLOCK
          | OpenFlags.NOCTTY
          | OpenFlags.NOFOLLOW
          | OpenFlags.CLOEXEC;

  /** Acts as the server. */
  private final Kernel own;

  /** Acts as the user of the request. */
  private final Kernel kernel;

  private final Resolver resolver;
  private final OpenFileTable openFiles;
  private final NamespaceChanges changes;

  FileCreator(
      Kernel own,
      Kernel kernel,
      Resolver resolver,
      OpenFileTable openFiles,
      NamespaceChanges changes) {
    this.own = own;
    this.kernel = kernel;
    this.resolver = resolver;
    this.openFiles = openFiles;
    this.changes = changes;
  }

  Created create(
      VfsFile directory,
      int directoryFd,
      long before,
      byte[] name,
      int mode,
      CreateMode createMode,
      long verifier,
      boolean write) {
    // A place first: once the file is there, a guarded create cannot be tried again.
    if (!openFiles.reserve()) {
      return createMode == CreateMode.GUARDED
          ? Created.refused(NFS4ERR_DELAY)
          : existing(directory, directoryFd, before, name, createMode, verifier, write);
    }
    Fresh fresh =
        createMode == CreateMode.EXCLUSIVE
            ? makeExclusive(directory, directoryFd, name, mode & 07777, verifier, write)
            : makeNamed(directoryFd, name, mode & 07777, write);
    int fd = fresh.fd;
    if (fd < 0) {
      openFiles.unreserve();
    }
    if (Errno.EEXIST.is(fd)) {
      return createMode == CreateMode.GUARDED
          ? Created.refused(NFS4ERR_EXIST)
          : existing(directory, directoryFd, before, name, createMode, verifier, write);
    }
    if (fd < 0) {
      return Created.refused(changes.notDirectory(directoryFd, fd));
    }
    Optional<Integer> wrong = fresh.wrong < 0 ? Optional.of(fresh.wrong) : Optional.empty();
    FileStatus status = new FileStatus();
    int[] failure = new int[1];
    Optional<VfsFile> file =
        wrong.isPresent()
            ? Optional.empty()
            : resolver.identify(directory.exportOrNull(), fd, status, failure);
    if (file.isEmpty()) {
      // Half made is not made: the client will try again, with the same verifier or none.
      removeHalfMade(directoryFd, name, fd);
      kernel.close(fd);
      openFiles.unreserve();
      return Created.refused(NfsErrors.of(wrong.orElse(failure[0])));
    }
    resolver.seen(directory, name, file.get(), fd, false);
    String description = directory.exportOrNull().describe(fd);
    return opened(
        file.get(),
        openFiles.adopt(file.get().identity(), fd, description, fresh.writable),
        true,
        new ChangeInfo(before, changes.changeOf(directoryFd)));
  }

  /**
   * Takes a file's name away, unless somebody has given it to another file since; as the user, who
   * may remove what he has made and never more than his own rights allow.
   */
  private void removeHalfMade(int directoryFd, byte[] name, int fd) {
    FileStatus made = new FileStatus();
    FileStatus named = new FileStatus();
    if (own.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, made) >= 0
        && own.statx(directoryFd, name, AtFlags.SYMLINK_NOFOLLOW, FileStatus.MASK_ALL, named) >= 0
        && made.device() == named.device()
        && made.inode() == named.inode()) {
      kernel.unlinkat(directoryFd, name, 0);
    }
  }

  /**
   * A file just made.
   *
   * @param fd {@code -errno} when there is none, not even half of one
   * @param writable whether the descriptor is for writing too
   * @param wrong {@code -errno} of what failed when it had its name already; 0 else
   */
  private record Fresh(int fd, boolean writable, int wrong) {}

  /** The usual way: the name first. */
  private Fresh makeNamed(int directoryFd, byte[] name, int mode, boolean write) {
    long access = write ? OpenFlags.RDWR : OpenFlags.RDONLY;
    int fd = kernel.openat2(directoryFd, name, access | COMMON, mode, Export.RESOLVE);
    if (fd < 0) {
      return new Fresh(fd, write, 0);
    }
    int result = setModeIfNeeded(directoryFd, fd, mode);
    return new Fresh(fd, write, result < 0 ? result : makeDurable(directoryFd, fd));
  }

  /**
   * Makes a file with its verifier, and only then gives it its name: whenever server or machine
   * stop, there is either no file or one that a retry of the request knows as its own.
   */
  private Fresh makeExclusive(
      VfsFile directory, int directoryFd, byte[] name, int mode, long verifier, boolean write) {
    int fd =
        kernel.openat2(
            directoryFd,
            DOT,
            OpenFlags.TMPFILE | OpenFlags.RDWR | OpenFlags.CLOEXEC,
            mode,
            Export.RESOLVE);
    if (Errno.EOPNOTSUPP.is(fd)) {
      return makeExclusiveNamed(directoryFd, name, mode, verifier, write);
    }
    if (fd < 0) {
      return new Fresh(fd, true, 0);
    }
    int result = setModeIfNeeded(directoryFd, fd, mode);
    if (result >= 0) {
      result = Verifiers.store(kernel, fd, verifier);
    }
    if (result >= 0) {
      result = kernel.fsync(fd);
    }
    if (result >= 0) {
      // By its name in /proc: linking a descriptor itself needs a privilege.
      result =
          kernel.linkat(
              Kernel.AT_FDCWD, Names.ofDescriptor(fd), directoryFd, name, AtFlags.SYMLINK_FOLLOW);
    }
    if (result < 0) {
      kernel.close(fd);
      return new Fresh(result, true, 0);
    }
    int named = reopen(directory, directoryFd, name, fd, write);
    int synced = changes.syncDirectory(directoryFd);
    return named < 0 ? new Fresh(fd, true, synced) : new Fresh(named, write, synced);
  }

  /** Where a file system has no files without a name. */
  private Fresh makeExclusiveNamed(
      int directoryFd, byte[] name, int mode, long verifier, boolean write) {
    long access = write ? OpenFlags.RDWR : OpenFlags.RDONLY;
    int fd = kernel.openat2(directoryFd, name, access | COMMON, mode, Export.RESOLVE);
    if (fd < 0) {
      return new Fresh(fd, write, 0);
    }
    int result = setModeIfNeeded(directoryFd, fd, mode);
    if (result >= 0) {
      result = Verifiers.store(kernel, fd, verifier);
    }
    return new Fresh(fd, write, result < 0 ? result : makeDurable(directoryFd, fd));
  }

  /**
   * Opens a file by the name it has now, for no more than is wanted, and closes the descriptor it
   * was made by: the kernel's path of that one is made up.
   *
   * @return {@code -errno} when it cannot be, or is another file by now; nothing is closed then
   */
  private int reopen(VfsFile directory, int directoryFd, byte[] name, int fd, boolean write) {
    long access = write ? OpenFlags.RDWR : OpenFlags.RDONLY;
    int named =
        own.openat2(
            directoryFd,
            name,
            access | OpenFlags.NONBLOCK | OpenFlags.NOCTTY | OpenFlags.NOFOLLOW | OpenFlags.CLOEXEC,
            0,
            Export.RESOLVE);
    if (named < 0) {
      return named;
    }
    FileStatus status = new FileStatus();
    int[] failure = new int[1];
    Optional<VfsFile> one = resolver.identify(directory.exportOrNull(), fd, status, failure);
    Optional<VfsFile> other = resolver.identify(directory.exportOrNull(), named, status, failure);
    if (one.isEmpty() || !one.equals(other)) {
      kernel.close(named);
      return Errno.ESTALE.result();
    }
    kernel.close(fd);
    return named;
  }

  /** The umask of the process may have taken bits away; an inherited list may, and is let. */
  private int setModeIfNeeded(int directoryFd, int fd, int mode) {
    return changes.inheritsAcl(directoryFd) ? 0 : kernel.fchmod(fd, mode);
  }

  private int makeDurable(int directoryFd, int fd) {
    int result = kernel.fsync(fd);
    return result < 0 ? result : Math.min(changes.syncDirectory(directoryFd), 0);
  }

  private Created existing(
      VfsFile directory,
      int directoryFd,
      long before,
      byte[] name,
      CreateMode createMode,
      long verifier,
      boolean write) {
    FileStatus status = new FileStatus();
    Found found = changes.find(directory, directoryFd, name, status);
    if (found.status() != NFS4_OK) {
      // It went away in between, or there is no place to make it: let the client come again.
      return Created.refused(found.status() == NFS4ERR_NOENT ? NFS4ERR_DELAY : found.status());
    }
    boolean wholeSeconds = directory.exportOrNull().features().wholeSeconds();
    if (createMode == CreateMode.EXCLUSIVE && !Verifiers.isOf(status, verifier, wholeSeconds)) {
      return Created.refused(NFS4ERR_EXIST);
    }
    OptionalInt wrong = NameRules.notRegular(status);
    if (wrong.isPresent()) {
      return Created.refused(wrong.getAsInt());
    }
    int fd = resolver.open(found.file());
    if (fd < 0) {
      return Created.refused(NfsErrors.of(fd));
    }
    try {
      String description = directory.exportOrNull().describe(fd);
      return opened(
          found.file(),
          openFiles.acquire(found.file().identity(), fd, description, write),
          createMode == CreateMode.EXCLUSIVE,
          new ChangeInfo(before, changes.changeOf(directoryFd)));
    } finally {
      kernel.close(fd);
    }
  }

  private static Created opened(
      VfsFile file, OpenFileTable.Acquired open, boolean created, ChangeInfo directory) {
    return open instanceof OpenFileTable.Acquired.Failed failed
        ? Created.refused(failed.status())
        : new Created(NFS4_OK, file, open, created, directory);
  }
}
