package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.AtFlags;
import io.selkie.posix.DirectoryEntries;
import io.selkie.posix.Errno;
import io.selkie.posix.FileHandleBytes;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.SeekWhence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Reads directories from a cookie on. A cookie is the kernel's own position after the entry ({@code
 * d_off}), which stays good while names come and go around it; the three smallest positions, which
 * NFS keeps for itself, are moved to the far end of the range.
 *
 * <p>Of the directory no more is held than one buffer of the kernel's. Attributes of an entry cost
 * two system calls, by its name beneath the open directory: its status, and its handle. Safe for
 * use by several threads.
 */
public final class DirectoryReader {
  /** Cookies 0 to 2 have a meaning of their own, and few file systems such positions. */
  private static final long RESERVED = 3;

  private static final long MOVED = 0xFFFF_FFFF_FFFF_FF00L;
  private static final int BUFFER_BYTES_MIN = 1 << 12;
  private static final int BUFFER_BYTES_MAX = 1 << 16;

  /** A name takes so much less room here than with its attributes in a reply. */
  private static final int ATTRIBUTES_TO_NAME = 4;

  private final Kernel kernel;
  private final Resolver resolver;

  DirectoryReader(Kernel kernel, Resolver resolver) {
    this.kernel = kernel;
    this.resolver = resolver;
  }

  /** Takes entries as they are found. */
  public interface Sink {
    /**
     * One entry.
     *
     * @param cookie to go on after it; unsigned
     * @param outcome NFS4_OK, or why there are no attributes (for {@code rdattr_error})
     * @param file null when not asked for, or when there are no attributes
     * @param status null like {@code file}, and for an export's root, at which nobody has looked;
     *     to be read at once, it is used again
     * @return false when there is no room: the entry is not taken and reading ends
     */
    boolean entry(long cookie, byte[] name, int outcome, VfsFile file, FileStatus status);

    /** About how many bytes entries with all that is wanted of them may take. */
    default int roomBytes() {
      return BUFFER_BYTES_MAX;
    }

    /** There are no more; not called when {@link #entry} ended the reading. */
    void atEnd();
  }

  static long cookieOf(long position) {
    return position >= 0 && position < RESERVED ? MOVED | position : position;
  }

  private static long positionOf(long cookie) {
    return (cookie & MOVED) == MOVED && (cookie & ~MOVED) < RESERVED ? cookie & ~MOVED : cookie;
  }

  int read(VfsFile directory, int directoryFd, long cookie, boolean attributes, Sink sink) {
    if (cookie != 0) {
      if (cookie > 0 && cookie < RESERVED) {
        return NFS4ERR_BAD_COOKIE;
      }
      long at = kernel.lseek(directoryFd, positionOf(cookie), SeekWhence.SET);
      if (at < 0) {
        return Errno.EINVAL.is(at) ? NFS4ERR_BAD_COOKIE : NfsErrors.of(at);
      }
    }
    Reading reading = null;
    if (attributes) {
      reading = new Reading(directory, directoryFd, sink);
      int result = reading.begin();
      if (result < 0) {
        return NfsErrors.of(result);
      }
    }
    int wanted = attributes ? sink.roomBytes() / ATTRIBUTES_TO_NAME : sink.roomBytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer =
          arena.allocate(Math.clamp(wanted, BUFFER_BYTES_MIN, BUFFER_BYTES_MAX), 8);
      DirectoryEntries entries = new DirectoryEntries(buffer);
      while (true) {
        int stored = kernel.getdents64(directoryFd, buffer);
        if (stored < 0) {
          return NfsErrors.of(stored);
        }
        if (stored == 0) {
          sink.atEnd();
          return NFS4_OK;
        }
        entries.reset(stored);
        while (entries.next()) {
          if (entries.isDotOrDotDot()) {
            continue;
          }
          long next = cookieOf(entries.offset());
          boolean taken =
              reading == null
                  ? sink.entry(next, entries.name(), NFS4_OK, null, null)
                  : reading.give(next, entries.name());
          if (!taken) {
            return NFS4_OK;
          }
        }
      }
    }
  }

  /** One reading of a directory with attributes. */
  private final class Reading {
    private final VfsFile directory;
    private final Export export;
    private final int directoryFd;
    private final Sink sink;
    private final FileStatus status = new FileStatus();
    private final int[] failure = new int[1];
    private FileHandleBytes handle = new FileHandleBytes();
    private boolean byName;
    private long mountId;

    Reading(VfsFile directory, int directoryFd, Sink sink) {
      this.directory = directory;
      this.export = directory.exportOrNull();
      this.directoryFd = directoryFd;
      this.sink = sink;
    }

    /** Finds out whether entries can be looked at by name: mounts must be told apart. */
    int begin() {
      int result =
          kernel.statx(directoryFd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
      byName = export.hasKernelHandles() && status.hasMountId();
      mountId = status.mountId();
      return result;
    }

    boolean give(long cookie, byte[] name) {
      VfsFile file = byName ? byName(name) : null;
      if (file == null) {
        return giveByDescriptor(cookie, name);
      }
      resolver.seen(directory, name, file, -1, false);
      return sink.entry(cookie, name, NFS4_OK, file, status);
    }

    /** Null when it is not plain what the name stands for: then somebody looks closely. */
    private VfsFile byName(byte[] name) {
      int flags = AtFlags.SYMLINK_NOFOLLOW | AtFlags.NO_AUTOMOUNT;
      if (kernel.statx(directoryFd, name, flags, FileStatus.MASK_ALL, status) < 0
          || status.device() != export.device()
          || !status.hasMountId()
          || status.mountId() != mountId
          || kernel.nameToHandleAt(directoryFd, name, handle) < 0
          || !HandleInodes.isOf(handle, status.inode())) {
        return null;
      }
      VfsFile file = resolver.named(export, status, handle);
      // The file keeps it.
      handle = new FileHandleBytes();
      return file;
    }

    private boolean giveByDescriptor(long cookie, byte[] name) {
      int fd = kernel.openat2(directoryFd, name, Export.NAME_ONLY, 0, Export.RESOLVE);
      if (fd < 0) {
        // Removed since: as if it had never been seen.
        return Errno.ENOENT.is(fd) || sink.entry(cookie, name, failure(fd), null, null);
      }
      try {
        Optional<VfsFile> file = resolver.identify(export, fd, status, failure);
        if (file.isEmpty()) {
          return sink.entry(cookie, name, failure(failure[0]), null, null);
        }
        resolver.seen(directory, name, file.get(), fd, false);
        return sink.entry(cookie, name, NFS4_OK, file.get(), status);
      } finally {
        kernel.close(fd);
      }
    }
  }

  private static int failure(int result) {
    return Errno.EXDEV.is(result) ? NFS4ERR_ACCESS : NfsErrors.of(result);
  }
}
