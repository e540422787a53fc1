package io.selkie.server.ops;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;

/**
 * WRITE_SAME, RFC 7862 sections 8 and 15.12: blocks that are all zeroes but for a number, counted
 * up from block to block in 32 bits big-endian, and a pattern. Always synchronous; like a WRITE it
 * may be short, after a while that a worker may be kept.
 *
 * <pre>
 *   adb_offset      +reloff_blocknum   +reloff_pattern                 +block_size
 *   +---------------+--------+---------+-----------+-------------------+------
 *   | 0 ...         | number | 0 ...   | pattern   | 0 ...             | the next block ...
 *   +---------------+--------+---------+-----------+-------------------+------
 * </pre>
 */
final class WriteSame extends DataOperation {

  /** In place of an offset in the block: the field is not there. */
  private static final long ABSENT = Nfs4Const.NFS4_UINT64_MAX;

  private static final int CHUNK_BYTES = 1 << 20;
  private static final long TIME_MAX_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private final NanoClock clock;

  /**
   * app_data_block4.
   *
   * @param length of all blocks together
   * @param pattern a part of the request, valid as long as that
   */
  private record Blocks(
      long offset,
      long size,
      long length,
      long numberAt,
      int firstNumber,
      long patternAt,
      MemorySegment pattern) {}

  WriteSame(FileServices services, NanoClock clock) {
    super(services, NfsOp4.OP_WRITE_SAME);
    this.clock = clock;
  }

  @Override
  public int replyBytesMax() {
    return 4 + 8 + 4 + Verifier4.BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 stateid = resolve(c, Stateids.decode(args));
    int stable = args.enumeration(Nfs4Const.UNSTABLE4, Nfs4Const.FILE_SYNC4);
    long offset = args.int64();
    long size = args.int64();
    long count = args.int64();
    long numberAt = args.int64();
    int firstNumber = args.int32();
    long patternAt = args.int64();
    int patternLength = args.opaqueLength(Integer.MAX_VALUE);
    int patternStart = args.position();
    args.skipOpaque(patternLength);
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (size <= 0
        || count < 0
        || !fits(numberAt, Integer.BYTES, size)
        || !fits(patternAt, patternLength, size)) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (offset < 0 || count > (services.maxFileBytes(file) - offset) / size) {
      return NfsStat4.NFS4ERR_FBIG;
    }
    int status = mayDoIo(c, file, stateid, true);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    Descriptions.Opened opened = description(c, file, true);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return notRegular(opened.status());
    }
    try {
      MemorySegment pattern =
          patternAt == ABSENT || patternLength == 0
              ? MemorySegment.NULL
              : memory(args.buffer(), patternStart, patternLength);
      Blocks blocks =
          new Blocks(offset, size, size * count, numberAt, firstNumber, patternAt, pattern);
      return write(c, opened.file(), blocks, stable);
    } finally {
      opened.file().release();
    }
  }

  private static boolean fits(long at, long length, long size) {
    return at == ABSENT || (at >= 0 && at <= size - length);
  }

  private int write(CompoundContext c, OpenFile file, Blocks blocks, int stable) {
    Verifier4 verifier = services.verifier().now();
    long start = clock.nanoTime();
    long written = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(Math.min(blocks.length, CHUNK_BYTES), 8);
      do {
        long length = Math.min(blocks.length - written, chunk.byteSize());
        long result = length == 0 ? 0 : chunk(c, file, blocks, written, chunk.asSlice(0, length));
        if (result < 0 && written == 0) {
          return result == FileCopier.DELAYED ? NfsStat4.NFS4ERR_DELAY : NfsErrors.of(result);
        }
        if (result <= 0) {
          break;
        }
        written += result;
      } while (written < blocks.length && clock.nanoTime() - start < TIME_MAX_NANOS);
    }
    if (stable != Nfs4Const.UNSTABLE4) {
      int status = services.fs().commit(file);
      if (status != NfsStat4.NFS4_OK) {
        services.verifier().change();
        return status;
      }
    }
    services.metrics().nfsWritten(written);
    XdrWriter out = c.reply();
    out.int32(0);
    out.int64(written);
    out.int32(stable);
    verifier.encode(out);
    return NfsStat4.NFS4_OK;
  }

  private long chunk(
      CompoundContext c, OpenFile file, Blocks blocks, long from, MemorySegment chunk) {
    fill(blocks, from, chunk);
    ByteRange range = new ByteRange(blocks.offset + from, chunk.byteSize());
    ChangePermit permit =
        services.arbiter().beforeChange(file.identity(), FileChange.WRITE, range, c.clientId());
    if (!(permit instanceof ChangePermit.Granted granted)) {
      return FileCopier.DELAYED;
    }
    try (granted) {
      return services.fs().write(file, chunk, range.offset());
    }
  }

  /** Makes the bytes of the blocks from a place on. */
  private static void fill(Blocks blocks, long from, MemorySegment chunk) {
    chunk.fill((byte) 0);
    MemorySegment number = MemorySegment.ofArray(new byte[Integer.BYTES]);
    long end = from + chunk.byteSize();
    for (long index = from / blocks.size; index * blocks.size < end; index++) {
      long at = index * blocks.size - from;
      if (blocks.patternAt != ABSENT) {
        put(blocks.pattern, at + blocks.patternAt, chunk);
      }
      if (blocks.numberAt != ABSENT) {
        int value = blocks.firstNumber + (int) index;
        for (int i = 0; i < Integer.BYTES; i++) {
          number.set(JAVA_BYTE, i, (byte) (value >>> (24 - 8 * i)));
        }
        put(number, at + blocks.numberAt, chunk);
      }
    }
  }

  /** Copies what lies within the chunk. */
  private static void put(MemorySegment bytes, long at, MemorySegment chunk) {
    long skip = Math.max(0, -at);
    long length = Math.min(bytes.byteSize(), chunk.byteSize() - at) - skip;
    if (length > 0) {
      MemorySegment.copy(bytes, skip, chunk, at + skip, length);
    }
  }
}
