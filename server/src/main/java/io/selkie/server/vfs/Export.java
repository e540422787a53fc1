package io.selkie.server.vfs;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.AtFlags;
import io.selkie.posix.DeviceMemory;
import io.selkie.posix.Errno;
import io.selkie.posix.FileHandleBytes;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Mounts;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import io.selkie.posix.ResolveFlags;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An exported directory, named once by a descriptor at start: whatever happens to its path later,
 * this is the directory that is served, and nothing above it.
 *
 * <p>An export is one mounted file system: mounts below it are not entered. Immutable but for its
 * end; safe for use by several threads.
 */
public final class Export implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Export.class);

  /** For whatever is resolved beneath the root: no link, no way up, no other mount. */
  static final long RESOLVE =
      ResolveFlags.BENEATH
          | ResolveFlags.NO_MAGICLINKS
          | ResolveFlags.NO_SYMLINKS
          | ResolveFlags.NO_XDEV;

  /** Names an inode without opening it, so that no lease breaks. */
  static final long NAME_ONLY = OpenFlags.PATH | OpenFlags.NOFOLLOW | OpenFlags.CLOEXEC;

  private static final byte[] NO_ATTRIBUTE = Names.bytes("user.selkie.not-there");

  /** Room of one thread for the paths that {@link #contains} compares. */
  private static final class PathBuffers {
    private final byte[] root = new byte[Names.PATH_MAX_BYTES + 1];
    private final byte[] file = new byte[Names.PATH_MAX_BYTES + 1];
  }

  /** How filehandles are turned back into files. */
  public enum HandleMode {
    /** By {@code open_by_handle_at}: the process has CAP_DAC_READ_SEARCH. */
    KERNEL,
    /** By the last known name of the inode, which is kept in an index. */
    NAME
  }

  private final Kernel kernel;
  private final String name;
  private final String path;
  private volatile boolean readOnly;
  private volatile Withheld layoutsWithheld = Withheld.NO;
  private final ExportDoor door = new ExportDoor();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicLong troubles = new AtomicLong();
  private final int id;
  private final int rootFd;
  private final FileIdentity root;
  private final FileHandleBytes rootHandle;
  private final HandleMode handleMode;
  private final ExportFeatures features;
  private final FileSystemKey fileSystem;
  private final OptionalInt mount;
  private final Optional<Backing> backing;

  /** Made once: each GETATTR asks. */
  private final OptionalLong deviceBytes;

  /** Open for reading, which {@code open_by_handle_at} demands; -1 when that is not used. */
  private final int mountFd;

  private final ThreadLocal<PathBuffers> buffers = ThreadLocal.withInitial(PathBuffers::new);

  private Export(
      Kernel kernel,
      String name,
      String path,
      boolean readOnly,
      int rootFd,
      FileIdentity root,
      FileHandleBytes rootHandle,
      int mountFd,
      ExportFeatures features,
      Optional<Backing> backing) {
    this.features = features;
    this.backing = backing;
    this.deviceBytes =
        backing.isEmpty()
            ? OptionalLong.empty()
            : OptionalLong.of(backing.get().memory().device().sizeBytes());
    this.kernel = kernel;
    this.name = name;
    this.path = path;
    this.readOnly = readOnly;
    this.fileSystem = FileSystemKey.of(kernel, rootFd, root);
    this.mount = Mounts.of(rootFd);
    this.id = idOf(name, fileSystem.lastingId());
    this.rootFd = rootFd;
    this.root = root;
    this.rootHandle = rootHandle;
    this.mountFd = mountFd;
    this.handleMode = mountFd >= 0 ? HandleMode.KERNEL : HandleMode.NAME;
  }

  /**
   * What an export has instead of a directory's own.
   *
   * @param shownAs path for people
   * @param memory a device, whose size is the greatest of a file, and all there is of space
   * @param standIn the file that stands for it; of its generation nothing is said
   * @param layouts whether there were to be layouts of it when it was opened
   * @param whenClosed gives it back
   */
  record Backing(
      String shownAs,
      DeviceMemory memory,
      FileIdentity standIn,
      boolean layouts,
      Runnable whenClosed) {}

  /**
   * Opens an export.
   *
   * @param name beneath the server's root; levels apart by slashes
   * @param path of the directory, absolute
   * @param handleMode {@code KERNEL} to use it if this process may; {@code NAME} never to
   * @throws PosixException when there is no such directory, or no access to it
   */
  public static Export open(
      Kernel kernel, String name, String path, boolean readOnly, HandleMode handleMode)
      throws PosixException {
    return open(kernel, name, path, readOnly, handleMode, Optional.empty());
  }

  static Export open(
      Kernel kernel,
      String name,
      String path,
      boolean readOnly,
      HandleMode handleMode,
      Optional<Backing> backing)
      throws PosixException {
    for (String part : name.split("/", -1)) {
      if (!Names.isComponent(Names.bytes(part))) {
        throw new IllegalArgumentException("export name '" + name + "'");
      }
    }
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path),
            OpenFlags.PATH | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new PosixException(
          "openat2", fd, "export directory " + path, "give a directory that the server can reach");
    }
    FileStatus status = new FileStatus();
    int result = kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
    if (result < 0) {
      kernel.close(fd);
      throw new PosixException(
          "statx", result, "export directory " + path, "check its file system");
    }
    FileHandleBytes handle = new FileHandleBytes();
    int named = kernel.nameToHandle(fd, handle);
    boolean hasHandle = named >= 0;
    if (!hasHandle) {
      LOG.info(
          "export {}: files are found again by name, because its file system has no handles:"
              + " name_to_handle_at answered {}",
          name,
          Errno.describe(named));
    }
    FileIdentity root = Identities.of(status, hasHandle ? handle : null);
    int mountFd =
        hasHandle && handleMode == HandleMode.KERNEL ? openMount(kernel, name, fd, handle) : -1;
    ExportFeatures features = ExportFeatures.probe(kernel, fd, readOnly);
    return new Export(
        kernel,
        name,
        backing.map(Backing::shownAs).orElse(path),
        readOnly,
        fd,
        root,
        hasHandle ? handle : null,
        mountFd,
        backing
            .map(b -> features.withMaxFileBytes(b.memory().device().sizeBytes()))
            .orElse(features),
        backing);
  }

  /** Finds out whether this process may open by handle: by doing it. */
  private static int openMount(Kernel kernel, String name, int rootFd, FileHandleBytes handle) {
    int mountFd =
        kernel.openat2(
            rootFd,
            Names.bytes("."),
            OpenFlags.RDONLY | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            RESOLVE);
    int probe = mountFd < 0 ? mountFd : kernel.openByHandle(mountFd, handle, NAME_ONLY);
    if (probe < 0) {
      LOG.info(
          "export {}: files are found again by name, because {} answered {}; with"
              + " CAP_DAC_READ_SEARCH they are found by the kernel's handles",
          name,
          mountFd < 0 ? "opening its directory" : "open_by_handle_at",
          Errno.describe(probe));
      if (mountFd >= 0) {
        kernel.close(mountFd);
      }
      return -1;
    }
    kernel.close(probe);
    return mountFd;
  }

  /**
   * The export's number in filehandles and its NFS fsid: made of its name and, where that lasts, of
   * what its file system is, so that another one under the same name is another one to clients;
   * never 0.
   */
  static int idOf(String name, long fileSystem) {
    int hash = 0x811c9dc5;
    for (byte b : Names.bytes(name)) {
      hash = (hash ^ (b & 0xff)) * 0x01000193;
    }
    for (long rest = fileSystem; rest != 0; rest >>>= 8) {
      hash = (hash ^ (int) (rest & 0xff)) * 0x01000193;
    }
    return hash == 0 ? 1 : hash;
  }

  /** Its name beneath the server's root, perhaps of several levels. */
  public String name() {
    return name;
  }

  /** The directory's path as it was configured, for people. */
  public String path() {
    return path;
  }

  /** Whether it is a device with one file, and no directory. */
  public boolean isDevice() {
    return backing.isPresent();
  }

  /** The device's memory, mapped as long as this is open; empty of a directory. */
  public Optional<DeviceMemory> deviceMemory() {
    return backing.map(Backing::memory);
  }

  /** Whether clients may come to write to the device by layouts, as things are now. */
  public boolean mayHaveLayoutsForWriting() {
    return !readOnly && backing.map(Backing::layouts).orElse(true);
  }

  /** The file that stands for the device, its generation left out; empty of a directory. */
  public Optional<FileIdentity> standIn() {
    return backing.map(Backing::standIn);
  }

  /** Whether every change is refused. */
  public boolean readOnly() {
    return readOnly;
  }

  /**
   * {@code fsid4.major}; the minor is 0. Stays the same as long as the export's name and its file
   * system do.
   */
  public long fsidMajor() {
    return Integer.toUnsignedLong(id);
  }

  /** Makes it one where every change is refused, or is allowed again. */
  public void readOnly(boolean refused) {
    readOnly = refused;
  }

  /** Whether there are layouts where the configuration says so. */
  public enum Withheld {
    /** There are. */
    NO,
    /** Not now: the file system cannot be changed, which may end by itself. */
    FOR_NOW,
    /** The file system has to be repaired. */
    FOR_GOOD
  }

  /** Gives out no layouts, whatever the configuration says, or again as it says. */
  public void withholdLayouts(Withheld withheld) {
    layoutsWithheld = withheld;
  }

  /** Whether there are none, because the file system cannot be trusted with them. */
  public Withheld layoutsWithheld() {
    return layoutsWithheld;
  }

  /**
   * Asks the file system for a change that changes nothing: to take away an extended attribute that
   * is not there. Blocks while it is frozen.
   *
   * @return 0 or {@code -errno}; {@code -ENODATA} when all is well, and when the export is going
   */
  public int probeChange() {
    if (!enter()) {
      return Errno.ENODATA.result();
    }
    try {
      return kernel.removeXattr(rootFd, NO_ATTRIBUTE);
    } finally {
      leave();
    }
  }

  /**
   * Comes in, to {@link #leave} in the end: until then its descriptors stay what they are.
   *
   * @return false when it is going or gone: to clients its files are stale
   */
  boolean enter() {
    return door.enter();
  }

  /** Ends an {@link #enter} that answered true; from any thread. */
  void leave() {
    door.leave();
  }

  /** How many operations are in it just now. */
  public int operationsInside() {
    return door.inside();
  }

  /**
   * Lets no operation begin in it any more. Idempotent.
   *
   * @return completes when those that had begun are over, on the thread of the last one
   */
  public CompletableFuture<Void> closeDoor() {
    return door.close();
  }

  /**
   * Lets go of the directory, so that its file system can be unmounted, and closes its door. As
   * long as somebody is still inside the numbers of its descriptors stay taken, by nothing, so that
   * who is late cannot find another file under them; the last one to leave gives them back.
   *
   * @throws PosixException when there is nothing to put in its place; then it is held until the
   *     last one left
   */
  public void retire() throws PosixException {
    CompletableFuture<Void> empty = closeDoor();
    try {
      if (door.join()) {
        try {
          putNothingInItsPlace();
        } finally {
          door.leave();
        }
      }
    } finally {
      empty.thenRun(this::close);
    }
  }

  private void putNothingInItsPlace() throws PosixException {
    int nothing =
        kernel.openat2(
            Kernel.AT_FDCWD, Names.bytes("/dev/null"), OpenFlags.PATH | OpenFlags.CLOEXEC, 0, 0);
    if (nothing < 0) {
      throw new PosixException("openat2", nothing, "/dev/null", "have a /dev that is complete");
    }
    int result = kernel.dup3(nothing, rootFd);
    if (result >= 0 && mountFd >= 0) {
      result = kernel.dup3(nothing, mountFd);
    }
    kernel.close(nothing);
    if (result < 0) {
      throw new PosixException("dup3", result, "the directory of " + this, "restart the server");
    }
  }

  /** Which directory of which file system it is. */
  public FileSystemKey fileSystem() {
    return fileSystem;
  }

  /**
   * Whether its file system was unmounted underneath ({@code umount -l}): it works on, for us only,
   * for as long as we hold it.
   *
   * @param present the mounts there are, {@link Mounts#present}
   */
  public boolean isUnmounted(Set<Integer> present) {
    return mount.isPresent() && !present.contains(mount.getAsInt());
  }

  /** Device of its file system, packed as in {@link FileIdentity#device}. */
  public long device() {
    return root.device();
  }

  /** The root directory's inode. */
  public FileIdentity root() {
    return root;
  }

  /** How its filehandles are turned back into files. */
  public HandleMode handleMode() {
    return handleMode;
  }

  /** What its file system can do. */
  public ExportFeatures features() {
    return features;
  }

  /**
   * Its number in filehandles ({@link PassthroughFileSystem#exportIdOf}): an export that comes back
   * under the same name, on the same file system, has the same one.
   */
  public int number() {
    return id;
  }

  /**
   * Told that the file system failed in a way that a good one does not. Says so the first time and
   * then ever less often: what is wrong with one export is not to fill the log.
   */
  void troubled(int result) {
    switch (Errno.of(result)) {
      case EIO, ESTALE, ENODEV, ENXIO, EUCLEAN, ENOMEDIUM -> {
        long count = troubles.incrementAndGet();
        if (Long.bitCount(count) == 1) {
          LOG.error(
              "export {}: the file system of {} answers {} ({} times so far); its clients get"
                  + " errors, other exports go on. Look at the kernel's log and whether it is still"
                  + " mounted",
              name,
              path,
              Errno.describe(result),
              count);
        }
      }
      default -> {}
    }
  }

  /** How often {@link #troubled} was told of trouble. */
  public long troubles() {
    return troubles.get();
  }

  int id() {
    return id;
  }

  /** Whether the file system gives handles, whether or not this process may open by them. */
  boolean hasKernelHandles() {
    return rootHandle != null;
  }

  /** The mount it was opened through; empty where the kernel does not say. */
  public OptionalInt mount() {
    return mount;
  }

  int mountFd() {
    return mountFd;
  }

  int rootFd() {
    return rootFd;
  }

  FileHandle rootFileHandle() {
    return new FileHandle(id, root.inode(), root.generation(), rootHandle);
  }

  /**
   * Whether what a descriptor names lies beneath the root now, by the paths the kernel knows for
   * both: one atomic look, which no rename can slip through.
   *
   * @return 1 if so, 0 if not, {@code -errno} when the kernel cannot say
   */
  int contains(int fd) {
    PathBuffers buffers = this.buffers.get();
    byte[] rootPath = buffers.root;
    byte[] filePath = buffers.file;
    int rootLength = kernel.readlinkat(Kernel.AT_FDCWD, Names.ofDescriptor(rootFd), rootPath);
    if (rootLength < 0) {
      return rootLength;
    }
    int fileLength = kernel.readlinkat(Kernel.AT_FDCWD, Names.ofDescriptor(fd), filePath);
    if (fileLength < 0) {
      return fileLength;
    }
    if (rootLength == 1) {
      return fileLength >= 1 && filePath[0] == '/' ? 1 : 0;
    }
    boolean inside =
        fileLength >= rootLength
            && Arrays.equals(rootPath, 0, rootLength, filePath, 0, rootLength)
            && (fileLength == rootLength || filePath[rootLength] == '/');
    return inside ? 1 : 0;
  }

  /** Path of what a descriptor names, below the root, for people; made up when there is none. */
  String describe(int fd) {
    byte[] target = new byte[Names.PATH_MAX_BYTES + 1];
    int rootLength = kernel.readlinkat(Kernel.AT_FDCWD, Names.ofDescriptor(rootFd), target);
    int length = kernel.readlinkat(Kernel.AT_FDCWD, Names.ofDescriptor(fd), target);
    if (length < 0 || rootLength < 0) {
      return name + "/? (" + Errno.describe(Math.min(length, rootLength)) + ")";
    }
    int skip = rootLength == 1 ? 0 : Math.min(rootLength, length);
    return name + Names.text(Arrays.copyOfRange(target, skip, length));
  }

  /** Forgets the directory; the export must not be used any more. Idempotent. */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    kernel.close(rootFd);
    backing.ifPresent(held -> held.whenClosed().run());
    if (mountFd >= 0) {
      kernel.close(mountFd);
    }
  }

  /** Bytes there are in all where it is a device; empty for a directory. */
  OptionalLong deviceBytes() {
    return deviceBytes;
  }

  @Override
  public String toString() {
    return "export " + name + " of " + path;
  }
}
