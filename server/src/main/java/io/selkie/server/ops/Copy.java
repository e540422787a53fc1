package io.selkie.server.ops;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.offload.OffloadWork.Step;
import io.selkie.server.offload.Offloads;
import io.selkie.server.vfs.VfsFile;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * COPY within the server, RFC 7862 section 15.2. It begins on the request's own worker. What is not
 * done after a short while goes on without the request, if the client allows; otherwise a longer
 * while later the answer says how much was copied, and the client goes on from there. Copies are
 * made from the beginning to the end. Sources on other servers are refused.
 */
final class Copy extends TwoFileOperation {

  /** How long a worker copies when the rest can go on without it. */
  private static final long BEGIN_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  /** And when the client wants it to be synchronous. */
  private static final long SYNCHRONOUS_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private static final int RESULT_BYTES =
      4 + Stateids.BYTES + 8 + 4 + Verifier4.BYTES + 2 * Integer.BYTES;

  private final NanoClock clock;
  private final FileCopier copier;
  private final Offloads offloads;

  Copy(FileServices services, NanoClock clock, FileCopier copier, Offloads offloads) {
    super(services, NfsOp4.OP_COPY);
    this.clock = clock;
    this.copier = copier;
    this.offloads = offloads;
  }

  @Override
  public int replyBytesMax() {
    return RESULT_BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 sourceStateid = resolve(c, Stateids.decode(args));
    Stateid4 targetStateid = resolve(c, Stateids.decode(args));
    long from = args.int64();
    long to = args.int64();
    long count = args.int64();
    args.bool();
    boolean synchronous = args.bool();
    int servers = NetLocations.skipList(args);
    if (!(c.savedFile() instanceof VfsFile source)
        || !(c.currentFile() instanceof VfsFile target)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (servers > 0) {
      return NfsStat4.NFS4ERR_OFFLOAD_DENIED;
    }
    if (source.identity().equals(target.identity())) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    // Of before anything is copied: what is lost from here on shows in a later one.
    Verifier4 verifier = services.verifier().now();
    Both both = open(c, source, sourceStateid, from, target, targetStateid, to, count);
    if (both.status() != NfsStat4.NFS4_OK) {
      return both.status();
    }
    CopyWork work =
        new CopyWork(
            services, copier, both.source(), from, both.target(), to, both.length(), c.clientId());
    boolean handedOver = false;
    try {
      Step step = work.runFor(synchronous ? SYNCHRONOUS_NANOS : BEGIN_NANOS, clock, c.obstacles());
      boolean unfinished = step == Step.MORE || (step == Step.LATER && work.doneBytes() > 0);
      if (unfinished && !synchronous) {
        Optional<Stateid4> stateid = offloads.begin(request(c, source, target, verifier), work);
        if (stateid.isPresent()) {
          handedOver = true;
          answer(c.reply(), stateid, 0, verifier);
          return NfsStat4.NFS4_OK;
        }
      }
      return answer(c, step, work, verifier);
    } finally {
      if (!handedOver) {
        work.close();
      }
    }
  }

  private static Offloads.Request request(
      CompoundContext c, VfsFile source, VfsFile target, Verifier4 verifier) {
    return new Offloads.Request(
        c.clientId(),
        c.credential().uid(),
        target.identity(),
        target.handleBytes(),
        source.handleBytes(),
        verifier,
        new CallReference(c.sessionId(), c.slot().slotId(), c.slot().sequenceId()));
  }

  /** What was copied counts; an error only when nothing was. */
  private static int answer(CompoundContext c, Step step, CopyWork work, Verifier4 verifier) {
    if (work.doneBytes() == 0) {
      if (step == Step.FAILED) {
        return work.status();
      }
      if (step == Step.LATER) {
        return NfsStat4.NFS4ERR_DELAY;
      }
    }
    answer(c.reply(), Optional.empty(), work.doneBytes(), verifier);
    return NfsStat4.NFS4_OK;
  }

  private static void answer(
      XdrWriter out, Optional<Stateid4> callbackId, long count, Verifier4 verifier) {
    out.int32(callbackId.isPresent() ? 1 : 0);
    callbackId.ifPresent(stateid -> Stateids.encode(out, stateid));
    out.int64(count);
    out.int32(Nfs4Const.UNSTABLE4);
    verifier.encode(out);
    // cr_consecutive and cr_synchronous.
    out.bool(true);
    out.bool(callbackId.isEmpty());
  }
}
