package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.OpenFlags;
import io.selkie.server.vfs.NamespaceChanges.CreateMode;
import io.selkie.server.vfs.NamespaceChanges.Created;
import java.util.Optional;
import java.util.OptionalInt;

/** Makes regular files, see {@link NamespaceChanges#createFile}. */
final class FileCreator {
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
    long access = write ? OpenFlags.RDWR : OpenFlags.RDONLY;
    int fd = kernel.openat2(directoryFd, name, access | COMMON, mode & 07777, Export.RESOLVE);
    if (Errno.EEXIST.is(fd)) {
      return createMode == CreateMode.GUARDED
          ? Created.refused(NFS4ERR_EXIST)
          : existing(directory, directoryFd, before, name, createMode, verifier, write);
    }
    if (fd < 0) {
      return Created.refused(changes.notDirectory(directoryFd, fd));
    }
    Optional<Integer> wrong = finish(directoryFd, fd, mode & 07777, createMode, verifier);
    FileStatus status = new FileStatus();
    int[] failure = new int[1];
    Optional<VfsFile> file =
        wrong.isPresent()
            ? Optional.empty()
            : resolver.identify(directory.exportOrNull(), fd, status, failure);
    if (file.isEmpty()) {
      // Half made is not made: the client will try again, with the same verifier or none.
      own.unlinkat(directoryFd, name, 0);
      kernel.close(fd);
      return Created.refused(NfsErrors.of(wrong.orElse(failure[0])));
    }
    resolver.seen(directory, name, file.get(), fd, false);
    String description = directory.exportOrNull().describe(fd);
    return opened(
        file.get(),
        openFiles.adopt(file.get().identity(), fd, description, write),
        true,
        new ChangeInfo(before, changes.changeOf(directoryFd)));
  }

  /** Sets what a create cannot set, and makes it durable; the first error if any. */
  private Optional<Integer> finish(
      int directoryFd, int fd, int mode, CreateMode createMode, long verifier) {
    // The umask of the process may have taken bits away.
    int result = kernel.fchmod(fd, mode);
    if (result >= 0 && createMode == CreateMode.EXCLUSIVE) {
      result = kernel.utimens(fd, atimeOf(verifier), 0, mtimeOf(verifier), 0);
    }
    if (result >= 0) {
      result = kernel.fsync(fd);
    }
    if (result >= 0) {
      result = changes.syncDirectory(directoryFd);
    }
    return result < 0 ? Optional.of(result) : Optional.empty();
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
      // It went away in between: let the client come again.
      return Created.refused(found.status() == NFS4ERR_NOENT ? NFS4ERR_DELAY : found.status());
    }
    if (createMode == CreateMode.EXCLUSIVE && !isOurs(status, verifier)) {
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

  private static boolean isOurs(FileStatus status, long verifier) {
    return status.isRegular()
        && status.size() == 0
        && status.atimeSec() == atimeOf(verifier)
        && status.mtimeSec() == mtimeOf(verifier);
  }

  /** Times of 31 bits fit every file system. */
  private static long atimeOf(long verifier) {
    return verifier & 0x7fffffffL;
  }

  private static long mtimeOf(long verifier) {
    return (verifier >>> 32) & 0x7fffffffL;
  }
}
