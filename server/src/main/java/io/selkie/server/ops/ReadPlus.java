package io.selkie.server.ops;

import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.SeekWhence;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;

/**
 * READ_PLUS, RFC 7862 section 15.10: data from the page cache straight into the reply, holes by
 * their extent. Nothing outside of what was asked for is told, so that a range that somebody has
 * locked is never left; a result is short after {@value #SEGMENTS_MAX} segments.
 *
 * <pre>
 *   +-----+-------+------+--------+--------+---------
 *   | eof | count | DATA | offset | length | data ...       a segment of data
 *   +-----+-------+------+--------+--------+---------
 *                 | HOLE | offset | length (64 bits) |     a hole
 *                 +------+--------+------------------+
 * </pre>
 */
final class ReadPlus extends ReadOperation {

  static final int SEGMENTS_MAX = 64;

  /** eof and the number of segments. */
  private static final int OVERHEAD_BYTES = 4 + 4;

  private static final int DATA_BYTES = 4 + 8 + 4;
  private static final int HOLE_BYTES = 4 + 8 + 8;

  ReadPlus(FileServices services) {
    super(services, NfsOp4.OP_READ_PLUS);
  }

  @Override
  int read(CompoundContext c, OpenFile file, long offset, long count) {
    FileStatus attributes = new FileStatus();
    int status = services.fs().getAttributes(file, attributes);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    long size = attributes.size();
    XdrWriter out = c.reply();
    if (c.replyRoom() < OVERHEAD_BYTES + (count > 0 ? HOLE_BYTES : 0)) {
      return c.tooBigStatus();
    }
    int eofAt = out.reserveInt32();
    int countAt = out.reserveInt32();
    long position = offset;
    int segments = 0;
    // Offsets of more than 63 bits lie behind the end of any file.
    if (offset >= 0 && offset < size) {
      long end = offset + Math.min(size - offset, Math.min(count, mostBytes()));
      long dataBytes = 0;
      while (position < end && segments < SEGMENTS_MAX && c.replyRoom() > HOLE_BYTES) {
        long data = seek(file, position, SeekWhence.DATA, end);
        if (data < 0) {
          return NfsErrors.of(data);
        }
        if (data > position) {
          hole(out, position, data - position);
          position = data;
          segments++;
          continue;
        }
        long hole = seek(file, position, SeekWhence.HOLE, end);
        if (hole < 0) {
          return NfsErrors.of(hole);
        }
        // Whole units, so that the padding fits too.
        int room = c.replyRoom() - DATA_BYTES & ~(Xdr.UNIT_BYTES - 1);
        int wanted = (int) Math.min(Math.max(hole, position + 1) - position, room);
        long got = data(out, file, position, wanted);
        if (got < 0) {
          return NfsErrors.of(got);
        }
        if (got > 0) {
          segments++;
        }
        position += got;
        dataBytes += got;
        if (got < wanted) {
          // It has become shorter.
          size = position;
          break;
        }
      }
      services.metrics().nfsRead(dataBytes);
    }
    out.patchInt32(eofAt, position < 0 || position >= size ? 1 : 0);
    out.patchInt32(countAt, segments);
    return NfsStat4.NFS4_OK;
  }

  private long mostBytes() {
    return services.attributes().maxReadBytes();
  }

  /** The next data or hole, not behind the end. */
  private long seek(OpenFile file, long from, int whence, long end) {
    long found = services.kernel().lseek(file.fd(), from, whence);
    return Errno.ENXIO.is(found) ? end : Math.min(found, end);
  }

  private static void hole(XdrWriter out, long offset, long length) {
    out.int32(Seek.CONTENT_HOLE);
    out.int64(offset);
    out.int64(length);
  }

  private long data(XdrWriter out, OpenFile file, long offset, int wanted) {
    int start = out.position();
    out.ensure(DATA_BYTES + Xdr.padded(wanted));
    out.int32(Seek.CONTENT_DATA);
    out.int64(offset);
    int lengthAt = out.reserveInt32();
    int dataAt = out.position();
    long got = services.fs().read(file, memory(out.buffer(), dataAt, wanted), offset);
    if (got <= 0) {
      out.rewind(start);
      return got;
    }
    out.patchInt32(lengthAt, (int) got);
    pad(out, dataAt, (int) got);
    return got;
  }
}
