package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.server.vfs.NamespaceChanges.Claim;
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

  /**
   * What is to be made.
   *
   * @param mode permission bits
   * @param createMode how a name that exists is treated
   * @param verifier kept in the file of an exclusive create
   * @param write whether to open for writing too
   * @param claim who takes the file before others can
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Order(
      VfsFile directory,
      int directoryFd,
      byte[] name,
      int mode,
      CreateMode createMode,
      long verifier,
      boolean write,
      Claim claim) {
    boolean exclusive() {
      return createMode == CreateMode.EXCLUSIVE;
    }
  }

  Created create(Order order, long before) {
    // A place first: once the file is there, a guarded create cannot be tried again.
    if (!openFiles.reserve()) {
      return order.createMode == CreateMode.GUARDED
          ? Created.refused(NFS4ERR_DELAY)
          : existing(order, before);
    }
    Fresh fresh = makeNameless(order);
    int fd = fresh.fd;
    if (fd < 0) {
      openFiles.unreserve();
      return fresh.status == NFS4ERR_EXIST && order.createMode != CreateMode.GUARDED
          ? existing(order, before)
          : Created.refused(fresh.status);
    }
    int status = fresh.status;
    Optional<VfsFile> file = Optional.empty();
    if (status == NFS4_OK) {
      int[] failure = new int[1];
      file = resolver.identify(export(order), fd, new FileStatus(), failure);
      status = file.isEmpty() ? NfsErrors.of(failure[0]) : status;
    }
    if (file.isEmpty()) {
      // Half made is not made: the client will try again, with the same verifier or none.
      removeHalfMade(order.directoryFd, order.name, fd);
      kernel.close(fd);
      openFiles.unreserve();
      return Created.refused(status);
    }
    resolver.seen(order.directory, order.name, file.get(), fd, false);
    String description = export(order).describe(fd);
    return opened(
        file.get(),
        openFiles.adopt(file.get(), fd, description, fresh.writable),
        true,
        new ChangeInfo(before, changes.changeOf(order.directoryFd)));
  }

  private static Export export(Order order) {
    return order.directory.exportOrNull();
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
   * @param fd negative when there is none, not even half of one
   * @param writable whether the descriptor is for writing too
   * @param status why there is none, or what went wrong when it had its name already
   */
  private record Fresh(int fd, boolean writable, int status) {
    static Fresh none(int status) {
      return new Fresh(-1, false, status);
    }
  }

  /**
   * Makes a file with all it needs, and only then gives it its name. Whoever finds it finds it
   * claimed; and when server or machine stop, there is either no file, or one that the retry of an
   * exclusive create knows as its own.
   */
  private Fresh makeNameless(Order order) {
    int fd =
        kernel.openat2(
            order.directoryFd,
            DOT,
            OpenFlags.TMPFILE | OpenFlags.RDWR | OpenFlags.CLOEXEC,
            order.mode,
            Export.RESOLVE);
    if (fd < 0) {
      // Not every file system has such files; where that was not it, this finds the same error, or
      // that the name is taken.
      return makeNamed(order);
    }
    int result = prepare(order, fd);
    if (result >= 0 && order.exclusive()) {
      result = kernel.fsync(fd);
    }
    int status = result < 0 ? NfsErrors.of(result) : claim(order, fd);
    if (status == NFS4_OK) {
      // By its name in /proc: linking a descriptor itself needs a privilege.
      result =
          kernel.linkat(
              Kernel.AT_FDCWD,
              Names.ofDescriptor(fd),
              order.directoryFd,
              order.name,
              AtFlags.SYMLINK_FOLLOW);
      status = result < 0 ? changes.notDirectory(order.directoryFd, result) : NFS4_OK;
    }
    if (status != NFS4_OK) {
      kernel.close(fd);
      return Fresh.none(status);
    }
    int named = reopen(order, fd);
    int open = named < 0 ? fd : named;
    int synced =
        order.exclusive()
            ? changes.syncDirectory(order.directoryFd)
            : makeDurable(order.directoryFd, open);
    return new Fresh(open, named < 0 || order.write, NfsErrors.of(Math.min(synced, 0)));
  }

  /** Where a file system has no files without a name: the name first. */
  private Fresh makeNamed(Order order) {
    long access = order.write ? OpenFlags.RDWR : OpenFlags.RDONLY;
    int fd =
        kernel.openat2(order.directoryFd, order.name, access | COMMON, order.mode, Export.RESOLVE);
    if (fd < 0) {
      return Fresh.none(changes.notDirectory(order.directoryFd, fd));
    }
    int result = prepare(order, fd);
    int status = result < 0 ? NfsErrors.of(result) : claim(order, fd);
    if (status == NFS4_OK) {
      status = NfsErrors.of(Math.min(makeDurable(order.directoryFd, fd), 0));
    }
    return new Fresh(fd, order.write, status);
  }

  private int prepare(Order order, int fd) {
    int result = setModeIfNeeded(order.directoryFd, fd, order.mode);
    return result >= 0 && order.exclusive() ? Verifiers.store(kernel, fd, order.verifier) : result;
  }

  private int claim(Order order, int fd) {
    int[] failure = new int[1];
    Optional<VfsFile> file = resolver.identify(export(order), fd, new FileStatus(), failure);
    return file.isPresent() ? order.claim.on(file.get()) : NfsErrors.of(failure[0]);
  }

  /**
   * Opens a file by the name it has now, for no more than is wanted, and closes the descriptor it
   * was made by: the kernel's path of that one is made up.
   *
   * @return {@code -errno} when it cannot be, or is another file by now; nothing is closed then
   */
  private int reopen(Order order, int fd) {
    long access = order.write ? OpenFlags.RDWR : OpenFlags.RDONLY;
    int named =
        own.openat2(
            order.directoryFd,
            order.name,
            access | OpenFlags.NONBLOCK | OpenFlags.NOCTTY | OpenFlags.NOFOLLOW | OpenFlags.CLOEXEC,
            0,
            Export.RESOLVE);
    if (named < 0) {
      return named;
    }
    FileStatus status = new FileStatus();
    int[] failure = new int[1];
    Optional<VfsFile> one = resolver.identify(export(order), fd, status, failure);
    Optional<VfsFile> other = resolver.identify(export(order), named, status, failure);
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

  private Created existing(Order order, long before) {
    FileStatus status = new FileStatus();
    Found found = changes.find(order.directory, order.directoryFd, order.name, status);
    if (found.status() != NFS4_OK) {
      // It went away in between, or there is no place to make it: let the client come again.
      return Created.refused(found.status() == NFS4ERR_NOENT ? NFS4ERR_DELAY : found.status());
    }
    boolean wholeSeconds = export(order).features().wholeSeconds();
    if (order.exclusive() && !Verifiers.isOf(status, order.verifier, wholeSeconds)) {
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
      String description = export(order).describe(fd);
      return opened(
          found.file(),
          openFiles.acquire(found.file(), fd, description, order.write),
          order.exclusive(),
          new ChangeInfo(before, changes.changeOf(order.directoryFd)));
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
