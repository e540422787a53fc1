package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Makes, moves and removes names. What is answered with NFS4_OK is on the disk, as RFC 8881 section
 * 18 wants it of names: the directory is synchronised first. Safe for use by several threads.
 */
public final class NamespaceChanges {
  private static final int SET_GROUP_ID = 02000;

  private static final byte[] DOT = Names.bytes(".");
  private static final byte[] DEFAULT_ACL = Names.bytes("system.posix_acl_default");

  /** Acts as the server. */
  private final Kernel own;

  /** Acts as the user of the request. */
  private final Kernel kernel;

  private final Resolver resolver;
  private final Supplier<ExportTree> tree;
  private final FileCreator creator;
  private final ChangeClock changeClock;

  NamespaceChanges(
      Kernel own,
      Kernel kernel,
      Resolver resolver,
      OpenFileTable openFiles,
      Supplier<ExportTree> tree,
      ChangeClock changeClock) {
    this.tree = tree;
    this.own = own;
    this.kernel = kernel;
    this.changeClock = changeClock;
    this.resolver = resolver;
    this.creator = new FileCreator(own, kernel, resolver, openFiles, this);
  }

  /**
   * What CREATE makes.
   *
   * <p>Regular files are made by {@link #createFile}.
   */
  public sealed interface Kind {
    /**
     * A directory.
     *
     * @param mode permission bits
     */
    record Directory(int mode) implements Kind {}

    /**
     * A symbolic link.
     *
     * @param target what READLINK will answer, 1 to 4095 bytes
     */
    @SuppressWarnings("ArrayRecordComponent") // Handed over, never compared.
    record SymbolicLink(byte[] target) implements Kind {}

    /**
     * A fifo.
     *
     * @param mode permission bits
     */
    record Fifo(int mode) implements Kind {}

    /**
     * A socket's name.
     *
     * @param mode permission bits
     */
    record Socket(int mode) implements Kind {}

    /**
     * A block device's name; needs CAP_MKNOD.
     *
     * @param mode permission bits
     */
    record BlockDevice(int mode, int major, int minor) implements Kind {}

    /**
     * A character device's name; needs CAP_MKNOD.
     *
     * @param mode permission bits
     */
    record CharacterDevice(int mode, int major, int minor) implements Kind {}
  }

  /** CREATE, RFC 8881 section 18.4. */
  public Made create(VfsFile directory, byte[] name, Kind kind) {
    return inDirectory(
        directory,
        name,
        (fd, before) -> {
          int result = make(fd, name, kind);
          if (result < 0) {
            return Made.refused(notDirectory(fd, result));
          }
          FileStatus status = new FileStatus();
          Found found = find(directory, fd, name, status);
          if (found.status() == NFS4_OK) {
            int mode = modeOf(kind);
            if (kind instanceof Kind.Directory) {
              // A directory takes this bit over from the one it is made in, as it does locally.
              mode |= status.permissions() & SET_GROUP_ID;
            }
            if (mode >= 0 && status.permissions() != mode && !inheritsAcl(fd)) {
              setModeOf(fd, name, mode);
            }
          }
          int synced = syncDirectory(fd);
          if (found.status() != NFS4_OK || synced < 0) {
            return Made.refused(synced < 0 ? NfsErrors.of(synced) : found.status());
          }
          return Made.of(found.file(), new ChangeInfo(before, changeOf(fd)));
        },
        Made::refused);
  }

  /** How {@link #createFile} treats a name that exists. */
  public enum CreateMode {
    /** {@code UNCHECKED4}: the existing file is opened. */
    UNCHECKED,
    /** {@code GUARDED4}: NFS4ERR_EXIST. */
    GUARDED,
    /** {@code EXCLUSIVE4} and {@code EXCLUSIVE4_1}: opened if the same verifier made it. */
    EXCLUSIVE
  }

  /** Takes a file that is being made, before anybody else can come by it. */
  @FunctionalInterface
  public interface Claim {
    /**
     * The file has all but its name; where a file system cannot have that, it has just got it.
     *
     * @return NFS4_OK, or why the file is not to be made
     */
    int on(VfsFile file);
  }

  /**
   * What {@link #createFile} did.
   *
   * @param status an NFS status
   * @param file null unless the status is NFS4_OK
   * @param open null unless the status is NFS4_OK; never {@code Failed}
   * @param created whether the file is new, or was made by the same request before
   * @param directory how the directory changed
   */
  public record Created(
      int status,
      VfsFile file,
      OpenFileTable.Acquired open,
      boolean created,
      ChangeInfo directory) {
    static Created refused(int status) {
      return new Created(status, null, null, false, ChangeInfo.NONE);
    }
  }

  /**
   * OPEN with OPEN4_CREATE, RFC 8881 section 18.16: makes a regular file and opens it in one step,
   * so that its maker may write to it whatever its mode says.
   *
   * @param mode permission bits of a new file
   * @param verifier of {@link CreateMode#EXCLUSIVE}: kept in the new file's times, less two bits;
   *     the client sets the times afterwards
   * @param write whether to open for writing too
   * @param claim asked for a new file before it can be found
   */
  public Created createFile(
      VfsFile directory,
      byte[] name,
      int mode,
      CreateMode createMode,
      long verifier,
      boolean write,
      Claim claim) {
    return inDirectory(
        directory,
        name,
        (fd, before) ->
            creator.create(
                new FileCreator.Order(
                    directory, fd, name, mode & 07777, createMode, verifier, write, claim),
                before),
        Created::refused);
  }

  /**
   * What LINK or REMOVE did.
   *
   * @param status an NFS status
   * @param directory how the directory changed
   */
  public record Changed(int status, ChangeInfo directory) {
    static Changed refused(int status) {
      return new Changed(status, ChangeInfo.NONE);
    }
  }

  /** LINK, RFC 8881 section 18.9. */
  public Changed link(VfsFile file, VfsFile directory, byte[] name) {
    if (!directory.isPseudoRoot()
        && (file.isPseudoRoot() || file.exportOrNull() != directory.exportOrNull())) {
      return Changed.refused(NFS4ERR_XDEV);
    }
    return inDirectory(
        directory,
        name,
        (fd, before) -> {
          int fileFd = resolver.open(file);
          if (fileFd < 0) {
            return Changed.refused(NfsErrors.of(fileFd));
          }
          try {
            FileStatus status = new FileStatus();
            int result = stat(fileFd, status);
            if (result >= 0 && status.isDirectory()) {
              return Changed.refused(NFS4ERR_ISDIR);
            }
            if (result >= 0) {
              // By its name in /proc: linking a descriptor itself needs a privilege.
              result =
                  kernel.linkat(
                      Kernel.AT_FDCWD,
                      Names.ofDescriptor(fileFd),
                      fd,
                      name,
                      AtFlags.SYMLINK_FOLLOW);
            }
            return result < 0
                ? Changed.refused(
                    Errno.ENOENT.is(result) ? NFS4ERR_STALE : notDirectory(fd, result))
                : changed(fd, before);
          } finally {
            kernel.close(fileFd);
          }
        },
        Changed::refused);
  }

  /** REMOVE, RFC 8881 section 18.25, of whatever the name stands for; directories must be empty. */
  public Changed remove(VfsFile directory, byte[] name) {
    return inDirectory(
        directory,
        name,
        (fd, before) -> {
          if (Resolver.needsIndex(directory)) {
            Found victim = find(directory, fd, name, new FileStatus());
            if (victim.status() != NFS4_OK) {
              return Changed.refused(victim.status());
            }
            resolver.removed(victim.file());
          }
          int result = kernel.unlinkat(fd, name, 0);
          if (Errno.EISDIR.is(result)) {
            result = kernel.unlinkat(fd, name, AtFlags.REMOVEDIR);
          }
          if (result < 0) {
            return Changed.refused(
                Errno.EEXIST.is(result) ? NFS4ERR_NOTEMPTY : notDirectory(fd, result));
          }
          return changed(fd, before);
        },
        Changed::refused);
  }

  /**
   * What RENAME did.
   *
   * @param status an NFS status
   * @param source how the directory of the old name changed
   * @param target how the directory of the new name changed
   */
  public record Renamed(int status, ChangeInfo source, ChangeInfo target) {
    static Renamed refused(int status) {
      return new Renamed(status, ChangeInfo.NONE, ChangeInfo.NONE);
    }
  }

  /** RENAME, RFC 8881 section 18.26. Handles of what moves, and of all below it, stay good. */
  public Renamed rename(VfsFile from, byte[] oldName, VfsFile to, byte[] newName) {
    if (!from.isPseudoRoot() && !to.isPseudoRoot() && from.exportOrNull() != to.exportOrNull()) {
      return Renamed.refused(NFS4ERR_XDEV);
    }
    return inDirectory(
        from,
        oldName,
        (fromFd, fromBefore) ->
            inDirectory(
                to,
                newName,
                (toFd, toBefore) ->
                    rename(from, fromFd, fromBefore, oldName, to, toFd, toBefore, newName),
                Renamed::refused),
        Renamed::refused);
  }

  private Renamed rename(
      VfsFile from,
      int fromFd,
      long fromBefore,
      byte[] oldName,
      VfsFile to,
      int toFd,
      long toBefore,
      byte[] newName) {
    int result = kernel.renameat2(fromFd, oldName, toFd, newName, 0);
    if (result < 0) {
      int status =
          switch (Errno.of(result)) {
            case EISDIR, ENOTEMPTY, EEXIST -> NFS4ERR_EXIST;
            case ENOTDIR ->
                isDirectory(fromFd) && isDirectory(toFd)
                    ? NFS4ERR_EXIST
                    : isDirectory(fromFd)
                        ? notDirectory(toFd, result)
                        : notDirectory(fromFd, result);
            default -> NfsErrors.of(result);
          };
      return Renamed.refused(status);
    }
    if (Resolver.needsIndex(to)) {
      // Finding it under its new name is what remembers that.
      find(to, toFd, newName, new FileStatus());
    }
    int synced = syncDirectory(toFd);
    if (synced >= 0 && !from.equals(to)) {
      synced = syncDirectory(fromFd);
    }
    return synced < 0
        ? Renamed.refused(NfsErrors.of(synced))
        : new Renamed(
            NFS4_OK,
            new ChangeInfo(fromBefore, changeOf(fromFd)),
            new ChangeInfo(toBefore, changeOf(toFd)));
  }

  // ---------------------------------------------------------------- shared with neighbours

  /** Finds one name in an open directory and remembers it. */
  Found find(VfsFile directory, int directoryFd, byte[] name, FileStatus status) {
    int fd = kernel.openat2(directoryFd, name, Export.NAME_ONLY, 0, Export.RESOLVE);
    if (fd < 0) {
      return Found.refused(Errno.EXDEV.is(fd) ? NFS4ERR_ACCESS : notDirectory(directoryFd, fd));
    }
    try {
      int[] failure = new int[1];
      Optional<VfsFile> file = resolver.identify(directory.exportOrNull(), fd, status, failure);
      if (file.isEmpty()) {
        return Found.refused(
            Errno.EXDEV.is(failure[0]) ? NFS4ERR_ACCESS : NfsErrors.of(failure[0]));
      }
      resolver.seen(directory, name, file.get(), fd, status.isDirectory());
      return Found.of(file.get());
    } finally {
      kernel.close(fd);
    }
  }

  /** The status of a failure in what should be a directory: NFS4ERR_SYMLINK for a link to one. */
  int notDirectory(int fd, int result) {
    if (Errno.ENOTDIR.is(result)) {
      FileStatus status = new FileStatus();
      return stat(fd, status) >= 0 && status.isSymbolicLink() ? NFS4ERR_SYMLINK : NFS4ERR_NOTDIR;
    }
    return NfsErrors.of(result);
  }

  long changeOf(int fd) {
    FileStatus status = new FileStatus();
    return stat(fd, status) < 0 ? 0 : changeClock.of(status);
  }

  /** Makes a directory's names durable; what this user may not read cannot be, and is let be. */
  int syncDirectory(int directoryFd) {
    int fd =
        own.openat2(
            directoryFd,
            DOT,
            OpenFlags.RDONLY | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            Export.RESOLVE);
    if (fd < 0) {
      return Errno.EACCES.is(fd) || Errno.ENOENT.is(fd) ? 0 : fd;
    }
    int result = kernel.fsync(fd);
    kernel.close(fd);
    return result;
  }

  @FunctionalInterface
  private interface InDirectory<T> {
    T apply(int fd, long changeBefore);
  }

  @FunctionalInterface
  private interface Refuse<T> {
    T with(int status);
  }

  private <T> T inDirectory(
      VfsFile directory, byte[] name, InDirectory<T> action, Refuse<T> refuse) {
    int wrong = NameRules.check(name);
    if (wrong != NFS4_OK) {
      return refuse.with(wrong);
    }
    if (directory.isPseudoRoot() || directory.exportOrNull().readOnly()) {
      return refuse.with(NFS4ERR_ROFS);
    }
    if (tree.get().junctionAt(directory, name) != null) {
      // What an export is crossed over at is in use, like a mount point.
      return refuse.with(NFS4ERR_FILE_OPEN);
    }
    int fd = resolver.open(directory);
    if (fd < 0) {
      return refuse.with(NfsErrors.of(fd));
    }
    try {
      return action.apply(fd, changeOf(fd));
    } finally {
      kernel.close(fd);
    }
  }

  private Changed changed(int fd, long before) {
    int synced = syncDirectory(fd);
    return synced < 0
        ? Changed.refused(NfsErrors.of(synced))
        : new Changed(NFS4_OK, new ChangeInfo(before, changeOf(fd)));
  }

  private int make(int fd, byte[] name, Kind kind) {
    return switch (kind) {
      case Kind.Directory directory -> kernel.mkdirat(fd, name, directory.mode & 07777);
      case Kind.SymbolicLink link -> kernel.symlinkat(link.target, fd, name);
      case Kind.Fifo fifo -> special(fd, name, FileStatus.TYPE_FIFO, fifo.mode, 0, 0);
      case Kind.Socket socket -> special(fd, name, FileStatus.TYPE_SOCKET, socket.mode, 0, 0);
      case Kind.BlockDevice device ->
          special(fd, name, FileStatus.TYPE_BLOCK_DEVICE, device.mode, device.major, device.minor);
      case Kind.CharacterDevice device ->
          special(
              fd, name, FileStatus.TYPE_CHARACTER_DEVICE, device.mode, device.major, device.minor);
    };
  }

  private int special(int fd, byte[] name, int type, int mode, int major, int minor) {
    return kernel.mknodat(fd, name, type | (mode & 07777), major, minor);
  }

  private static int modeOf(Kind kind) {
    int mode =
        switch (kind) {
          case Kind.Directory directory -> directory.mode;
          case Kind.SymbolicLink link -> -1;
          case Kind.Fifo fifo -> fifo.mode;
          case Kind.Socket socket -> socket.mode;
          case Kind.BlockDevice device -> device.mode;
          case Kind.CharacterDevice device -> device.mode;
        };
    return mode < 0 ? -1 : mode & 07777;
  }

  /** Whether what is made in a directory gets its access control list, which the mode is cut by. */
  boolean inheritsAcl(int directoryFd) {
    return own.getXattr(directoryFd, DEFAULT_ACL, MemorySegment.NULL) > 0;
  }

  /** Undoes what the process' umask took away. */
  private void setModeOf(int directoryFd, byte[] name, int mode) {
    int fd = kernel.openat2(directoryFd, name, Export.NAME_ONLY, 0, Export.RESOLVE);
    if (fd >= 0) {
      kernel.fchmod(fd, mode);
      kernel.close(fd);
    }
  }

  private boolean isDirectory(int fd) {
    FileStatus status = new FileStatus();
    return stat(fd, status) >= 0 && status.isDirectory();
  }

  private int stat(int fd, FileStatus out) {
    return kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, out);
  }
}
