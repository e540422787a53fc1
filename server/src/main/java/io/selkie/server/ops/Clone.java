package io.selkie.server.ops;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Probe;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.VfsFile;

/**
 * CLONE, RFC 7862 section 15.13: FICLONERANGE through the two files' own descriptions. Blocks of
 * the target are replaced and those of the source become shared, both unseen by our own leases, so
 * the layouts that name them are recalled first. Where there is no reflink nothing is recalled.
 */
final class Clone extends TwoFileOperation {

  private final FileCopier copier;

  Clone(FileServices services, FileCopier copier) {
    super(services, NfsOp4.OP_CLONE);
    this.copier = copier;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 sourceStateid = resolve(c, Stateids.decode(args));
    Stateid4 targetStateid = resolve(c, Stateids.decode(args));
    long from = args.int64();
    long to = args.int64();
    long count = args.int64();
    if (!(c.savedFile() instanceof VfsFile source)
        || !(c.currentFile() instanceof VfsFile target)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    Both both = open(c, source, sourceStateid, from, target, targetStateid, to, count);
    if (both.status() != NfsStat4.NFS4_OK) {
      return both.status();
    }
    try {
      return clone(c, both, from, to);
    } finally {
      both.release();
    }
  }

  private int clone(CompoundContext c, Both both, long from, long to) {
    if (both.source().identity().device() != both.target().identity().device()) {
      return NfsStat4.NFS4ERR_XDEV;
    }
    if (copier.canShare(both.source(), both.target()) == Probe.Answer.NO) {
      return NfsStat4.NFS4ERR_NOTSUPP;
    }
    if (both.length() == 0) {
      return NfsStat4.NFS4_OK;
    }
    ChangePermit into =
        Leave.ask(
            services,
            c,
            both.target().identity(),
            FileChange.REMAP,
            new ByteRange(to, both.length()));
    if (!(into instanceof ChangePermit.Granted granted)) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    try (granted) {
      return clonePermitted(c, both, from, to);
    }
  }

  private int clonePermitted(CompoundContext c, Both both, long from, long to) {
    ChangePermit outOf =
        Leave.ask(
            services,
            c,
            both.source().identity(),
            FileChange.SHARE,
            new ByteRange(from, both.length()));
    if (!(outOf instanceof ChangePermit.Granted granted)) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    try (granted) {
      int result =
          services
              .kernel()
              .cloneRange(both.source().fd(), from, both.length(), both.target().fd(), to);
      if (result < 0) {
        return NfsErrors.of(result);
      }
    }
    // There is no COMMIT for it, so it is durable when it is answered.
    int status = services.fs().commit(both.target());
    if (status != NfsStat4.NFS4_OK) {
      services.verifier().change();
    }
    return status;
  }
}
