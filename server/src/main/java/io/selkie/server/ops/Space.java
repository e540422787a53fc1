package io.selkie.server.ops;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.util.concurrent.TimeUnit;

/**
 * ALLOCATE and DEALLOCATE, RFC 7862 sections 15.1 and 15.4: fallocate through the file's one
 * description. That breaks no lease of ours, so the arbiter is asked first: layouts that name a
 * hole which is to be filled, or blocks which are to be freed, are recalled.
 *
 * <p>What takes long is done in slices. When time is up the answer is NFS4ERR_DELAY; what was done
 * by then takes no time when the client comes back.
 */
abstract class Space extends DataOperation {

  /** The unit of {@link FileStatus#blocks}. */
  private static final int STATUS_BLOCK_BYTES = 512;

  private static final long SLICE_BYTES = 4L << 30;
  private static final long TIME_MAX_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final NanoClock clock;
  private final int mode;
  private final FileChange change;

  private Space(FileServices services, NanoClock clock, int opcode, int mode, FileChange change) {
    super(services, opcode);
    this.clock = clock;
    this.mode = mode;
    this.change = change;
  }

  /** ALLOCATE: like a WRITE it may fill holes and make the file longer. */
  static final class Allocate extends Space {
    Allocate(FileServices services, NanoClock clock) {
      super(services, clock, NfsOp4.OP_ALLOCATE, 0, FileChange.WRITE);
    }
  }

  /** DEALLOCATE: like a truncation it frees blocks, but the size stays. */
  static final class Deallocate extends Space {
    Deallocate(FileServices services, NanoClock clock) {
      super(
          services,
          clock,
          NfsOp4.OP_DEALLOCATE,
          FallocateModes.PUNCH_HOLE | FallocateModes.KEEP_SIZE,
          FileChange.PUNCH);
    }
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 stateid = resolve(c, Stateids.decode(args));
    long offset = args.int64();
    long length = args.int64();
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (length == 0) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (offset < 0 || length < 0 || offset > services.maxFileBytes(file) - length) {
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
      return change(c, opened.file(), new ByteRange(offset, length));
    } finally {
      opened.file().release();
    }
  }

  private int change(CompoundContext c, OpenFile file, ByteRange range) {
    ChangePermit permit = Leave.ask(services, c, file.identity(), change, range);
    if (!(permit instanceof ChangePermit.Granted granted)) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    try (granted) {
      int status = inSlices(file, range);
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
    }
    // A reservation, or a hole, that a crash undoes would be none.
    int status = services.fs().commit(file);
    if (status != NfsStat4.NFS4_OK) {
      services.verifier().change();
    }
    return status;
  }

  private int inSlices(OpenFile file, ByteRange range) {
    FileStatus attributes = new FileStatus();
    int status = services.fs().getAttributes(file, attributes);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    if (mode == 0 && !hasRoom(file, range.length() - attributes.blocks() * STATUS_BLOCK_BYTES)) {
      return NfsStat4.NFS4ERR_NOSPC;
    }
    // What lies behind the end is but little work to free, however long it is.
    long slicedTo = mode == 0 ? range.end() : attributes.size();
    long start = clock.nanoTime();
    long at = range.offset();
    while (at < range.end()) {
      long length = at < slicedTo ? Math.min(SLICE_BYTES, range.end() - at) : range.end() - at;
      int result = services.kernel().fallocate(file.fd(), mode, at, length);
      if (result < 0) {
        return NfsErrors.of(result);
      }
      at += length;
      if (at < range.end() && clock.nanoTime() - start > TIME_MAX_NANOS) {
        return NfsStat4.NFS4ERR_DELAY;
      }
    }
    return NfsStat4.NFS4_OK;
  }

  /** Whether so many bytes can be had at all: what cannot is refused before it fills the disk. */
  private boolean hasRoom(OpenFile file, long bytes) {
    FileSystemStatus fileSystem = new FileSystemStatus();
    return services.kernel().fstatfs(file.fd(), fileSystem) < 0
        || bytes <= 0
        || bytes / fileSystem.fragmentSize() <= fileSystem.blocksFree();
  }
}
