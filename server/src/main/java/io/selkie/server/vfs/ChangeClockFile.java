package io.selkie.server.vfs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import io.selkie.server.vfs.ChangeClock.Mark;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file {@code change.clock} of the state directory: two slots, written in turn, so that a torn
 * write leaves the one before. Safe for use by several threads.
 *
 * <pre>
 * 0        8        16       24      32     40          48      52      53 ...   88  96
 * | magic  | number | offset | begin | wall | monotonic | clean | length | boot  | 0 | CRC32C |
 *                                                         4       1                 8
 * </pre>
 *
 * Big-endian. The second slot is at 512.
 */
final class ChangeClockFile implements ChangeClock.Keeper, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ChangeClockFile.class);
  private static final byte[] NAME = Names.bytes("change.clock");
  private static final long MAGIC = 0x53454c4b43484731L;
  private static final int SLOT_BYTES = 512;
  private static final int CHECKSUM_AT = 96;
  private static final int BOOT_AT = 53;
  private static final int BOOT_BYTES_MAX = 40;

  private final Kernel kernel;
  private final int fd;
  private long number;
  private boolean complained;

  private ChangeClockFile(Kernel kernel, int fd) {
    this.kernel = kernel;
    this.fd = fd;
  }

  static ChangeClockFile open(Kernel kernel, int directoryFd) throws PosixException {
    int fd =
        kernel.openat2(
            directoryFd,
            NAME,
            OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.NOFOLLOW | OpenFlags.CLOEXEC,
            0600,
            0);
    if (fd < 0) {
      throw new PosixException(
          "openat2", fd, "change.clock", "give the server a state directory it can write to");
    }
    return new ChangeClockFile(kernel, fd);
  }

  @Override
  public synchronized Optional<Mark> load() {
    Optional<Mark> latest = Optional.empty();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(SLOT_BYTES);
      for (int slot = 0; slot < 2; slot++) {
        long length = kernel.pread(fd, memory, (long) slot * SLOT_BYTES);
        ByteBuffer bytes = memory.asByteBuffer();
        if (length >= CHECKSUM_AT + Long.BYTES && isGood(bytes) && bytes.getLong(8) > number) {
          number = bytes.getLong(8);
          latest = Optional.of(decode(bytes));
        }
      }
    }
    return latest;
  }

  @Override
  public synchronized void store(Mark mark, boolean durable) {
    number++;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(SLOT_BYTES);
      encode(mark, memory.asByteBuffer());
      long result = kernel.pwrite(fd, memory, (number & 1) * SLOT_BYTES);
      if (result >= 0 && durable) {
        result = kernel.fdatasync(fd);
      }
      if (result < 0 && !complained) {
        complained = true;
        LOG.error(
            "change.clock in the state directory cannot be written ({}): should the time of day be"
                + " set back before the next start, change attributes may go back with it",
            Errno.describe(result));
      }
    }
  }

  @Override
  public void close() {
    kernel.close(fd);
  }

  private void encode(Mark mark, ByteBuffer into) {
    byte[] boot = mark.boot().getBytes(ISO_8859_1);
    int bootBytes = Math.min(boot.length, BOOT_BYTES_MAX);
    into.putLong(MAGIC).putLong(number).putLong(mark.offset()).putLong(mark.begin());
    into.putLong(mark.wall()).putLong(mark.monotonic()).putInt(mark.clean() ? 1 : 0);
    into.put((byte) bootBytes).put(boot, 0, bootBytes);
    into.putLong(CHECKSUM_AT, checksum(into));
  }

  private static Mark decode(ByteBuffer from) {
    byte[] boot = new byte[Math.min(from.get(BOOT_AT - 1), BOOT_BYTES_MAX)];
    from.get(BOOT_AT, boot);
    return new Mark(
        from.getLong(16),
        from.getLong(24),
        from.getLong(32),
        from.getLong(40),
        new String(boot, ISO_8859_1),
        from.getInt(48) != 0);
  }

  private static boolean isGood(ByteBuffer bytes) {
    return bytes.getLong(0) == MAGIC && bytes.getLong(CHECKSUM_AT) == checksum(bytes);
  }

  private static long checksum(ByteBuffer bytes) {
    CRC32C checksum = new CRC32C();
    checksum.update(bytes.duplicate().position(0).limit(CHECKSUM_AT));
    return checksum.getValue();
  }
}
