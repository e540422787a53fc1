package io.selkie.server.ops;

import io.selkie.posix.FadviseAdvice;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;

/**
 * IO_ADVISE, RFC 7862 section 15.5: posix_fadvise on the file's one description. So the last hint
 * about the order of accesses is that of everybody who has the file open. Of hints that contradict
 * each other one is chosen, and those that were carried out are answered.
 */
final class IoAdvise extends DataOperation {

  private static final int NORMAL = 0;
  private static final int SEQUENTIAL = 1;
  private static final int RANDOM = 3;
  private static final int WILLNEED = 4;
  private static final int WILLNEED_OPPORTUNISTIC = 5;
  private static final int DONTNEED = 6;
  private static final int NOREUSE = 7;

  /** A worker waits for the beginning of as much reading, not of more. */
  private static final long WILLNEED_BYTES_MAX = 16 << 20;

  private static final int RESULT_BYTES = 2 * 4;

  IoAdvise(FileServices services) {
    super(services, NfsOp4.OP_IO_ADVISE);
  }

  @Override
  public int replyBytesMax() {
    return RESULT_BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 stateid = resolve(c, Stateids.decode(args));
    long offset = args.int64();
    long count = args.int64();
    Bitmap4 hints = new Bitmap4().decode(args);
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    // All ones reach to the end of any file.
    if (offset < 0 || (count < 0 && count != -1) || offset > Long.MAX_VALUE - Math.max(count, 0)) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    int status = mayDoIo(c, file, stateid, false);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    Descriptions.Opened opened = description(c, file, false);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return opened.status();
    }
    try {
      advise(opened.file(), offset, Math.max(count, 0), hints).encode(c.reply());
    } finally {
      opened.file().release();
    }
    return NfsStat4.NFS4_OK;
  }

  /** Carries hints out; a length of 0 reaches to the end of file. */
  private Bitmap4 advise(OpenFile file, long offset, long length, Bitmap4 hints) {
    Bitmap4 done = new Bitmap4();
    int order = hints.isSet(RANDOM) ? RANDOM : hints.isSet(SEQUENTIAL) ? SEQUENTIAL : NORMAL;
    if (order != NORMAL || hints.isSet(NORMAL)) {
      int advice =
          switch (order) {
            case RANDOM -> FadviseAdvice.RANDOM;
            case SEQUENTIAL -> FadviseAdvice.SEQUENTIAL;
            default -> FadviseAdvice.NORMAL;
          };
      apply(file, 0, 0, advice, order, done);
    }
    if (hints.isSet(WILLNEED) || hints.isSet(WILLNEED_OPPORTUNISTIC)) {
      long bytes = length == 0 ? WILLNEED_BYTES_MAX : Math.min(length, WILLNEED_BYTES_MAX);
      int hint = hints.isSet(WILLNEED) ? WILLNEED : WILLNEED_OPPORTUNISTIC;
      apply(file, offset, bytes, FadviseAdvice.WILL_NEED, hint, done);
    } else if (hints.isSet(DONTNEED)) {
      apply(file, offset, length, FadviseAdvice.DONT_NEED, DONTNEED, done);
    }
    if (hints.isSet(NOREUSE)) {
      apply(file, offset, length, FadviseAdvice.NO_REUSE, NOREUSE, done);
    }
    return done.isEmpty() ? done.set(NORMAL) : done;
  }

  private void apply(OpenFile file, long offset, long length, int advice, int hint, Bitmap4 done) {
    // A hint that cannot be followed is no error; it is not answered as done.
    if (services.kernel().fadvise(file.fd(), offset, length, advice) >= 0) {
      done.set(hint);
    }
  }
}
