package io.selkie.lease;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.BlockMapReader.MapRead;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Makes what clients wrote to a file's unwritten blocks, on the device itself, data of the file,
 * and lets the file reach as far as they wrote.
 *
 * <p>No system call says "these blocks are written now". So what is on the device is read, past the
 * page cache, and written to the file at the same place: the file system then takes the block that
 * is there anyway for written, as it does after any write to a preallocated block. Nothing is read
 * of blocks that nobody says were written, so nothing of what was on the device before comes to
 * light.
 *
 * <p>The same is done with the rest of the block in which the file ends, because a file that grows
 * in any other way has that filled with zeroes, and with it what the client wrote there.
 *
 * <p>The caller holds the seal, exact, and keeps others from the size meanwhile. A file of any
 * length is taken in by pieces: before each the caller is asked whether to go on, and the map is
 * read again. Safe for use by several threads on different files.
 */
public final class StorageCommit {

  private static final int PIECE_BYTES = 1 << 20;
  private static final long BLOCK = BlockVolume.BLOCK_BYTES;

  private final Kernel kernel;
  private final BlockMapReader reader;

  /** On a kernel. */
  public StorageCommit(Kernel kernel, LeaseSettings settings) {
    this.kernel = kernel;
    this.reader = new BlockMapReader(kernel, settings);
  }

  /**
   * Commits; durable when this returns 0. Blocks as a write and an fsync do.
   *
   * @param target open for writing
   * @param written whole blocks that were written, in order; what of them is data already is left
   *     alone
   * @param held ranges that the client may have written in, in order
   * @param endBytes how far the file shall reach at least
   * @param cancelled asked before each piece: once it says yes, the rest is left undone
   * @return 0, or {@code -errno}: ESTALE when a block is not there any more, ECANCELED when
   *     cancelled
   */
  public int commit(
      SealTarget target,
      BlockVolume volume,
      List<ByteRange> written,
      List<ByteRange> held,
      long endBytes,
      BooleanSupplier cancelled) {
    var status = new FileStatus();
    int result = FileProbes.status(kernel, target.fd(), status);
    if (result < 0) {
      return result;
    }
    long size = status.size();
    long end = Math.max(size, endBytes);
    try (Arena arena = Arena.ofConfined()) {
      var work = new Work(target, volume, arena.allocate(PIECE_BYTES, BLOCK), cancelled);
      long lastBlock = size & -BLOCK;
      long tailEnd = Math.min(end, lastBlock + BLOCK);
      boolean own = held.stream().anyMatch(one -> one.contains(new ByteRange(lastBlock, BLOCK)));
      if (size > lastBlock && tailEnd > size && own) {
        result = work.rewrite(size, tailEnd, false);
      }
      for (ByteRange range : written) {
        if (result >= 0 && range.offset() < end) {
          result = work.rewrite(range.offset(), Math.min(range.end(), end), true);
        }
      }
    }
    if (result >= 0 && cancelled.getAsBoolean()) {
      result = Errno.ECANCELED.result();
    }
    if (result >= 0) {
      // No further than the client says: how long the file was before is nothing to go back to.
      result = grow(target.fd(), endBytes, status);
    }
    return result < 0 ? result : kernel.fsync(target.fd());
  }

  private int grow(int fd, long end, FileStatus status) {
    int result = FileProbes.status(kernel, fd, status);
    return result < 0 || status.size() >= end ? result : kernel.ftruncate(fd, end);
  }

  /** One commit's work. */
  private final class Work {
    private final SealTarget target;
    private final BlockVolume volume;
    private final MemorySegment buffer;
    private final BooleanSupplier cancelled;

    Work(SealTarget target, BlockVolume volume, MemorySegment buffer, BooleanSupplier cancelled) {
      this.target = target;
      this.volume = volume;
      this.buffer = buffer;
      this.cancelled = cancelled;
    }

    /** Takes what is on the device for the file's own; all of it, or what is not written yet. */
    int rewrite(long from, long to, boolean unwrittenOnly) {
      for (long at = from; at < to; ) {
        if (cancelled.getAsBoolean()) {
          return Errno.ECANCELED.result();
        }
        long stop = Math.min(to, (at & -BLOCK) + PIECE_BYTES);
        int result = rewritePiece(at, stop, unwrittenOnly);
        if (result < 0) {
          return result;
        }
        at = stop;
      }
      return 0;
    }

    /** By the map as it is now: no more than fits into the buffer. */
    private int rewritePiece(long from, long to, boolean unwrittenOnly) {
      long first = from & -BLOCK;
      long last = to + BLOCK - 1 & -BLOCK;
      MapRead read = reader.read(target.fd(), volume.device(), new ByteRange(first, last - first));
      if (!(read instanceof MapRead.Found(BlockMap map))) {
        return read instanceof MapRead.Failed(int failure) ? failure : Errno.EIO.result();
      }
      if (!map.holes().isEmpty()) {
        return Errno.ESTALE.result();
      }
      for (Extent extent : map.extents()) {
        if (unwrittenOnly && !extent.unwritten()) {
          continue;
        }
        if (!extent.located() || extent.shared()) {
          return Errno.ESTALE.result();
        }
        long start = Math.max(extent.logical(), from);
        int result = copy(extent, start, Math.min(extent.end(), to));
        if (result < 0) {
          return result;
        }
      }
      return 0;
    }

    private int copy(Extent extent, long from, long to) {
      long first = from & -BLOCK;
      long bytes = (to + BLOCK - 1 & -BLOCK) - first;
      long place = extent.physical() + first - extent.logical();
      MemorySegment piece = buffer.asSlice(0, bytes);
      long read = kernel.pread(volume.fd(), piece, place);
      if (read != bytes) {
        return read < 0 ? (int) read : Errno.EIO.result();
      }
      MemorySegment data = piece.asSlice(from - first, to - from);
      for (long done = 0; done < data.byteSize(); ) {
        long wrote = kernel.pwrite(target.fd(), data.asSlice(done), from + done);
        if (wrote <= 0) {
          return wrote < 0 ? (int) wrote : Errno.EIO.result();
        }
        done += wrote;
      }
      return 0;
    }
  }
}
