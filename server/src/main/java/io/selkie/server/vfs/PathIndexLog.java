package io.selkie.server.vfs;

import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import io.selkie.server.vfs.PathIndex.Inode;
import io.selkie.server.vfs.PathIndex.Place;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * The file of a {@link PathIndex}: records appended one by one, the last one for an inode holds. It
 * is written anew, and put in place by a rename, when most of it is out of date. What a crash of
 * the server leaves is good; what a crash of the machine tore is cut off at the first bad checksum.
 * Not for several threads.
 *
 * <pre>
 * 0        8         a record:
 * | magic  | ...     0       4        6     8        12    16      24           32       40
 *                    | CRC32C | length | 0   | export | 0   | inode | generation | parent inode |
 *                    40                  48
 *                    | parent generation | name ...        big-endian; the checksum covers the rest
 * </pre>
 */
final class PathIndexLog {
  /** Records that may be out of date before a rewrite is worth it. */
  static final int SLACK_RECORDS = 4096;

  private static final byte[] NAME = Names.bytes("handles.index");
  private static final byte[] NEW_NAME = Names.bytes("handles.index.new");
  private static final long MAGIC = 0x53454c4b49445831L;
  private static final int FIXED = 48;
  private static final int BUFFER_BYTES = 1 << 16;

  private final Kernel kernel;
  private final int directoryFd;
  private final MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES, 8);
  private final ByteBuffer bytes = buffer.asByteBuffer().order(ByteOrder.BIG_ENDIAN);
  private int fd;
  private long end;
  private long records;

  private PathIndexLog(Kernel kernel, int directoryFd, int fd) {
    this.kernel = kernel;
    this.directoryFd = directoryFd;
    this.fd = fd;
  }

  /** Opens or makes the file and puts what it says into the map. */
  static PathIndexLog open(Kernel kernel, int directoryFd, Map<Inode, Place> into)
      throws PosixException {
    int fd = create(kernel, directoryFd, NAME, 0);
    PathIndexLog log = new PathIndexLog(kernel, directoryFd, fd);
    try {
      log.load(into);
      return log;
    } catch (PosixException e) {
      kernel.close(fd);
      throw e;
    }
  }

  long records() {
    return records;
  }

  void append(Inode key, Place place) throws PosixException {
    int length = encode(0, key, place);
    writeFully(fd, length, end);
    end += length;
    records++;
  }

  /** Writes only what holds, durably, and puts it in the place of the file. */
  void rewrite(Map<Inode, Place> places) throws PosixException {
    int newFd = create(kernel, directoryFd, NEW_NAME, OpenFlags.TRUNC);
    try {
      bytes.putLong(0, MAGIC);
      long at = 0;
      int filled = 8;
      for (Map.Entry<Inode, Place> entry : places.entrySet()) {
        if (filled + FIXED + Names.NAME_MAX_BYTES > BUFFER_BYTES) {
          writeFully(newFd, filled, at);
          at += filled;
          filled = 0;
        }
        filled += encode(filled, entry.getKey(), entry.getValue());
      }
      writeFully(newFd, filled, at);
      check("fdatasync", kernel.fdatasync(newFd));
      check("renameat2", kernel.renameat2(directoryFd, NEW_NAME, directoryFd, NAME, 0));
      check("fsync", kernel.fsync(directoryFd));
      kernel.close(fd);
      fd = newFd;
      end = at + filled;
      records = places.size();
    } catch (PosixException e) {
      kernel.close(newFd);
      throw e;
    }
  }

  void close() {
    kernel.fdatasync(fd);
    kernel.close(fd);
  }

  private void load(Map<Inode, Place> into) throws PosixException {
    FileStatus status = new FileStatus();
    check(
        "statx", kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status));
    long size = status.size();
    read(0, 8);
    if (size < 8 || bytes.getLong(0) != MAGIC) {
      bytes.putLong(0, MAGIC);
      check("ftruncate", kernel.ftruncate(fd, 0));
      writeFully(fd, 8, 0);
      end = 8;
      return;
    }
    end = 8;
    while (true) {
      int have = read(end, BUFFER_BYTES);
      int used = 0;
      int length;
      while ((length = decode(used, have, into)) > 0) {
        used += length;
        records++;
      }
      if (used == 0) {
        break;
      }
      end += used;
    }
    if (end < size) {
      // A torn tail: later records must not follow garbage.
      check("ftruncate", kernel.ftruncate(fd, end));
    }
  }

  private int encode(int at, Inode key, Place place) {
    int length = FIXED + place.name().length;
    bytes.putShort(at + 4, (short) place.name().length).putShort(at + 6, (short) 0);
    bytes.putInt(at + 8, key.exportId()).putInt(at + 12, 0);
    bytes.putLong(at + 16, key.inode()).putLong(at + 24, key.generation());
    bytes.putLong(at + 32, place.parent().inode()).putLong(at + 40, place.parent().generation());
    bytes.put(at + FIXED, place.name());
    bytes.putInt(at, checksum(at, length));
    return length;
  }

  /** Reads a record; its length, or 0 when there is no whole and good one. */
  private int decode(int at, int limit, Map<Inode, Place> into) {
    if (limit - at < FIXED) {
      return 0;
    }
    int nameLength = Short.toUnsignedInt(bytes.getShort(at + 4));
    int length = FIXED + nameLength;
    if (nameLength == 0
        || nameLength > Names.NAME_MAX_BYTES
        || limit - at < length
        || bytes.getInt(at) != checksum(at, length)) {
      return 0;
    }
    byte[] name = new byte[nameLength];
    bytes.get(at + FIXED, name);
    int exportId = bytes.getInt(at + 8);
    into.put(
        new Inode(exportId, bytes.getLong(at + 16), bytes.getLong(at + 24)),
        new Place(new Inode(exportId, bytes.getLong(at + 32), bytes.getLong(at + 40)), name));
    return length;
  }

  private int checksum(int at, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.slice(at + 4, length - 4));
    return (int) crc.getValue();
  }

  private int read(long at, int length) throws PosixException {
    long result = kernel.pread(fd, buffer.asSlice(0, length), at);
    check("pread", result);
    return (int) result;
  }

  private void writeFully(int target, int length, long at) throws PosixException {
    int done = 0;
    while (done < length) {
      long result = kernel.pwrite(target, buffer.asSlice(done, length - done), at + done);
      check("pwrite", result);
      done += (int) result;
    }
  }

  private static int create(Kernel kernel, int directoryFd, byte[] name, long flags)
      throws PosixException {
    int fd =
        kernel.openat2(
            directoryFd,
            name,
            OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.NOFOLLOW | OpenFlags.CLOEXEC | flags,
            0600,
            0);
    check("openat2", fd);
    return fd;
  }

  private static void check(String call, long result) throws PosixException {
    if (result < 0) {
      throw new PosixException(
          call,
          result,
          "the index of filehandles in the state directory",
          "make the state directory writable and give it space");
    }
  }
}
