package io.selkie.server.ops;

import io.selkie.layout.LayoutArbiter.LayoutCommitRequest;
import io.selkie.layout.LayoutArbiter.LayoutCommitResult;
import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * LAYOUTCOMMIT, RFC 8881 section 18.42: what was written one-sided is durable when this has been
 * answered. The modification time becomes the client's suggestion when that does not go backwards,
 * else now; writes through a mapping move no time by themselves.
 */
final class LayoutCommit extends FileOperation {

  private static final Logger LOG = LoggerFactory.getLogger(LayoutCommit.class);

  private static final int UPDATE_BYTES_MAX = 1 << 20;

  LayoutCommit(FileServices services) {
    super(services, NfsOp4.OP_LAYOUTCOMMIT);
  }

  @Override
  public boolean waitsForDisk(ByteBuffer request, int at) {
    return true;
  }

  @Override
  public int replyBytesMax() {
    return 4 + 8;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    long offset = args.int64();
    long length = args.int64();
    boolean reclaim = args.bool();
    Stateid4 stateid = c.resolve(Stateids.decode(args));
    boolean wrote = args.bool();
    long lastWritten = wrote ? args.int64() : 0;
    NfsTime4 time = args.bool() ? NfsTime4.decode(args) : null;
    int type = args.int32();
    ByteBuffer update = ByteBuffer.wrap(args.opaque(UPDATE_BYTES_MAX));
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (!services.arbiter().layoutTypes().contains(type)) {
      return NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;
    }
    if (time != null && !time.isValid()) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (wrote && !isInside(lastWritten, offset, length)) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (reclaim) {
      if (isLost(type, update)) {
        return NfsStat4.NFS4ERR_RECLAIM_BAD;
      }
      return reclaim(c, file, offset, wrote ? lastWritten : -1, time);
    }
    if (stateid == null || !services.arbiter().isLayoutStateid(stateid)) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    Optional<OpenFile> found = services.files().find(file.identity());
    if (found.isEmpty()) {
      // A layout keeps the file's description open, so there is none.
      return NfsStat4.NFS4ERR_BADLAYOUT;
    }
    OpenFile target = found.get();
    try {
      FileStatus before = new FileStatus();
      long sizeBefore =
          services.fs().getAttributes(target, before) == NfsStat4.NFS4_OK ? before.size() : -1;
      LayoutCommitResult result =
          services
              .arbiter()
              .layoutCommit(
                  new LayoutCommitRequest(
                      c.clientId(),
                      target,
                      stateid,
                      type,
                      offset,
                      length,
                      reclaim,
                      update,
                      wrote ? lastWritten + 1 : 0));
      if (result.status() != NfsStat4.NFS4_OK) {
        LOG.debug("LAYOUTCOMMIT of {} refused: {}", target.describe(), result.reason());
        return result.status();
      }
      return finish(c.reply(), target, time, sizeBefore);
    } finally {
      target.release();
    }
  }

  /**
   * What a client wrote by a layout of before a restart, without having had it committed. It went
   * into the page cache, or into the storage itself by way of the processor's caches, and both
   * outlive a server that was killed: flushing the file makes it durable. Of a range that the file
   * does not have the client held no layout.
   */
  private int reclaim(
      CompoundContext c, VfsFile file, long offset, long lastWritten, NfsTime4 time) {
    int status = services.grace().admitCommit(c.clientId());
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    // Its open for writing was reclaimed first: without one it had no layout for writing.
    int access = services.opens().accessOf(c.clientId(), file.identity());
    Optional<OpenFile> found =
        (access & OpenConst4.OPEN4_SHARE_ACCESS_WRITE) == 0
            ? Optional.empty()
            : services.files().find(file.identity());
    if (found.isEmpty()) {
      return NfsStat4.NFS4ERR_RECLAIM_BAD;
    }
    OpenFile target = found.get();
    try {
      FileStatus attributes = new FileStatus();
      status = services.fs().getAttributes(target, attributes);
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      if (Long.compareUnsigned(offset, attributes.size()) > 0 || lastWritten >= attributes.size()) {
        return NfsStat4.NFS4ERR_RECLAIM_BAD;
      }
      status = services.fs().commit(target);
      if (status != NfsStat4.NFS4_OK) {
        services.verifier().change();
        return status;
      }
      LOG.info("{}: what was written before the restart is committed", target.describe());
      return finish(c.reply(), target, time, attributes.size());
    } finally {
      target.release();
    }
  }

  /**
   * Whether an update names blocks that were written on the device and are not the file's data: the
   * layouts that said which may be are gone with the server that granted them, so nothing of it can
   * be taken in. An update of blocks begins with how many it names.
   */
  static boolean isLost(int type, ByteBuffer update) {
    return (type == LayoutConst4.LAYOUT4_BLOCK_VOLUME || type == LayoutConst4.LAYOUT4_SCSI)
        && (update.remaining() < Integer.BYTES
            ? update.hasRemaining()
            : update.getInt(update.position()) != 0);
  }

  /** Section 18.42.3: the last byte written MUST overlap the range. */
  private static boolean isInside(long lastWritten, long offset, long length) {
    boolean toTheEnd = length == Nfs4Const.NFS4_UINT64_MAX;
    return lastWritten >= 0
        && Long.compareUnsigned(lastWritten, offset) >= 0
        && (toTheEnd || Long.compareUnsigned(lastWritten - offset, length) < 0);
  }

  private int finish(XdrWriter out, OpenFile target, NfsTime4 time, long sizeBefore) {
    Kernel kernel = services.own();
    int fd = target.fd();
    FileStatus status = new FileStatus();
    long result =
        kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, status);
    if (result >= 0) {
      boolean suggested = time != null && isAfter(time, status);
      result =
          kernel.utimens(
              fd,
              0,
              FileStatus.UTIME_OMIT,
              suggested ? time.seconds() : 0,
              suggested ? time.nanos() : FileStatus.UTIME_NOW);
    }
    if (result < 0) {
      return NfsErrors.of(result);
    }
    // A layout of the mapping never reaches past the end, and if somebody has cut the file since,
    // what was written behind its end is gone with the layout. A commit of blocks may have let the
    // file grow: then the size is said.
    boolean grew = sizeBefore >= 0 && status.size() != sizeBefore;
    out.bool(grew);
    if (grew) {
      out.int64(status.size());
    }
    return NfsStat4.NFS4_OK;
  }

  private static boolean isAfter(NfsTime4 time, FileStatus status) {
    return time.seconds() > status.mtimeSec()
        || (time.seconds() == status.mtimeSec() && time.nanos() > status.mtimeNsec());
  }
}
