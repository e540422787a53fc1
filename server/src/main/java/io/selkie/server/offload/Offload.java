package io.selkie.server.offload;

import io.selkie.config.time.Timers;
import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** One asynchronous operation. What can change is guarded by the table's lock. */
final class Offload {
  final long clientId;
  final int uid;
  final FileIdentity target;
  final byte[] fileHandle;
  final byte[] sourceHandle;
  final Stateid4 stateid;
  final Verifier4 verifier;
  final List<CallReference> startedBy;
  final OffloadWork work;
  private OffloadState state = OffloadState.RUNNING;

  /** Until the next piece is tried; null while it never had to wait. */
  Timers.Timer pause;

  /** Why no further piece is to be begun; NFS4_OK while there is no reason. */
  int stopped = NfsStat4.NFS4_OK;

  /** Completes when the work holds nothing any more. */
  final CompletableFuture<Void> letGo = new CompletableFuture<>();

  /** Set once the work is over. */
  int status = NfsStat4.NFS4_OK;

  long bytes;

  /** Whether the client has got a back channel since it was tried to tell it. */
  boolean channelCameUp;

  /** How often an answer was lost. */
  int failures;

  Offload(Offloads.Request request, Stateid4 stateid, OffloadWork work) {
    this.clientId = request.clientId();
    this.uid = request.uid();
    this.target = request.target();
    this.fileHandle = request.fileHandle();
    this.sourceHandle = request.sourceHandle();
    this.verifier = request.verifier();
    this.startedBy = List.of(request.call());
    this.stateid = stateid;
    this.work = work;
  }

  /** Gives back what the work holds; by the thread alone that does its pieces. */
  void letGo() {
    work.close();
    letGo.complete(null);
  }

  OffloadState state() {
    return state;
  }

  void become(OffloadState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException(this + " cannot become " + next);
    }
    state = next;
  }

  boolean isOver() {
    return state != OffloadState.RUNNING;
  }

  /**
   * Writes CB_OFFLOAD4args (RFC 7862 section 16.1).
   *
   * <pre>
   *   +------------+---------+---------+-------------------------------------------+
   *   | filehandle | stateid | NFS4_OK | no callback id | count | UNSTABLE4 | verf |
   *   |            |         +---------+-------------------------------------------+
   *   |            |         | error   | bytes copied   |
   *   +------------+---------+---------+----------------+
   * </pre>
   */
  void encodeCallback(XdrWriter out) {
    out.opaque(fileHandle);
    Stateids.encode(out, stateid);
    out.int32(status);
    if (status == NfsStat4.NFS4_OK) {
      out.int32(0);
      out.int64(bytes);
      out.int32(Nfs4Const.UNSTABLE4);
      verifier.encode(out);
    } else {
      out.int64(bytes);
    }
  }

  @Override
  public String toString() {
    return "offload %s of client %x, %s, %d bytes"
        .formatted(Long.toHexString(stateid.otherHigh()), clientId, state, work.doneBytes());
  }
}
