package io.selkie.server.offload;

import io.selkie.config.time.Timers;
import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.session.StateOwners;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All asynchronous operations of all clients: few at a time, a piece of each in turn. When one ends
 * the client is told by CB_OFFLOAD; a client that cannot be reached is told when it has a back
 * channel again, and meanwhile OFFLOAD_STATUS answers. Nothing of it outlives the server.
 *
 * <p>Stateids: {@code seqid} 1, and
 *
 * <pre>
 *    0       1                               8               12
 *   +-------+-------------------------------+---------------+
 *   | 0x43  | number                        | boot epoch    |   other
 *   +-------+-------------------------------+---------------+
 * </pre>
 *
 * <p>Safe for use by several threads. Work is done, and clients are called, with no lock held.
 */
public final class Offloads implements StateOwners, AutoCloseable {

  /** First byte of the {@code other} of every copy stateid. */
  public static final int TAG = 0x43;

  private static final Logger LOG = LoggerFactory.getLogger(Offloads.class);
  private static final long LATER_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final int RETRY_DOUBLINGS_MAX = 6;

  /**
   * Bounds.
   *
   * @param running of all clients together
   * @param runningPerClient of one client
   * @param keptPerClient ended and not yet seen by the client; the oldest goes
   */
  public record Limits(int running, int runningPerClient, int keptPerClient) {
    /** What suits a few hundred clients. */
    public static final Limits DEFAULT = new Limits(64, 8, 64);
  }

  /** Sends callbacks; {@link io.selkie.server.session.SessionManager#callBack} does. */
  @FunctionalInterface
  public interface Caller {
    /** Calls back; see there. */
    void callBack(
        long clientId,
        int opcode,
        List<CallReference> referringCalls,
        Consumer<XdrWriter> arguments,
        RecallReply reply);
  }

  /**
   * What asks for the work.
   *
   * @param uid the user that asks; only it may cancel
   * @param target the file that is written
   * @param fileHandle as the client knows the target
   * @param sourceHandle as the client knows the file that is read
   * @param verifier of what is written
   * @param call the request, whose reply the callback must not overtake
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed over, never compared.
  public record Request(
      long clientId,
      int uid,
      FileIdentity target,
      byte[] fileHandle,
      byte[] sourceHandle,
      Verifier4 verifier,
      CallReference call) {}

  /**
   * OFFLOAD_STATUS's answer.
   *
   * @param status an NFS status; the rest means something with NFS4_OK only
   * @param isComplete whether it has ended
   * @param result how it ended
   */
  public record Progress(int status, long bytes, boolean isComplete, int result) {}

  private final int bootEpoch;
  private final Limits limits;
  private final Executor executor;
  private final Timers timers;
  private final Caller caller;
  private final Object lock = new Object();
  // In the order in which they began.
  private final Map<Long, Offload> all = new LinkedHashMap<>();
  private long lastNumber;
  private int running;
  private boolean closed;

  /**
   * Creates an empty table.
   *
   * @param bootEpoch differs from that of every earlier server
   * @param executor runs the pieces; as many at a time as it has threads
   */
  public Offloads(int bootEpoch, Limits limits, Executor executor, Timers timers, Caller caller) {
    this.bootEpoch = bootEpoch;
    this.limits = limits;
    this.executor = executor;
    this.timers = timers;
    this.caller = caller;
  }

  /**
   * Goes on with work on its own.
   *
   * @param work taken over, unless nothing is answered
   * @return the copy stateid; empty when there is too much already
   */
  public Optional<Stateid4> begin(Request request, OffloadWork work) {
    Offload offload;
    synchronized (lock) {
      long ofClient =
          all.values().stream().filter(o -> o.clientId == request.clientId && !o.isOver()).count();
      if (closed || running >= limits.running || ofClient >= limits.runningPerClient) {
        return Optional.empty();
      }
      running++;
      long other = (long) TAG << 56 | ++lastNumber;
      offload = new Offload(request, new Stateid4(1, other, bootEpoch), work);
      all.put(other, offload);
    }
    executor.execute(() -> step(offload));
    return Optional.of(offload.stateid);
  }

  /** Offloads that run now. */
  public int runningCount() {
    synchronized (lock) {
      return running;
    }
  }

  private void step(Offload offload) {
    boolean goesOn;
    int stopped;
    synchronized (lock) {
      goesOn = offload.state() == OffloadState.RUNNING && !closed;
      stopped = offload.stopped;
    }
    if (!goesOn) {
      // Nobody but the chain of pieces holds the work, and here the chain ends.
      offload.letGo();
      return;
    }
    if (stopped != NfsStat4.NFS4_OK) {
      ended(offload, stopped);
      return;
    }
    OffloadWork.Step step;
    try {
      step = offload.work.step();
    } catch (RuntimeException | Error e) {
      // An error too: what is neither ended nor goes on would keep its place for ever.
      LOG.error("{} failed and is told as NFS4ERR_SERVERFAULT", offload, e);
      ended(offload, NfsStat4.NFS4ERR_SERVERFAULT);
      return;
    }
    switch (step) {
      case MORE -> executor.execute(() -> step(offload));
      case LATER -> later(offload);
      case DONE -> ended(offload, NfsStat4.NFS4_OK);
      case FAILED -> ended(offload, offload.work.status());
    }
  }

  private void ended(Offload offload, int status) {
    boolean tell;
    synchronized (lock) {
      tell = offload.state() == OffloadState.RUNNING;
      if (tell) {
        running--;
        offload.status = status;
        offload.bytes = offload.work.doneBytes();
        offload.become(OffloadState.ENDED);
        dropOldest(offload.clientId);
      }
    }
    offload.letGo();
    if (tell) {
      tell(offload);
    }
  }

  private void later(Offload offload) {
    synchronized (lock) {
      offload.pause = timers.schedule(LATER_NANOS, () -> executor.execute(() -> step(offload)));
    }
  }

  /** What was forgotten during a pause gives back at once what it holds. */
  private void wake(Offload offload) {
    Timers.Timer pause;
    synchronized (lock) {
      pause = offload.pause;
    }
    if (pause != null && pause.cancel()) {
      executor.execute(() -> step(offload));
    }
  }

  private void dropOldest(long clientId) {
    List<Offload> kept =
        all.values().stream().filter(o -> o.clientId == clientId && o.isOver()).toList();
    for (int i = 0; i < kept.size() - limits.keptPerClient; i++) {
      forget(kept.get(i));
    }
  }

  private void forget(Offload offload) {
    if (offload.state() == OffloadState.RUNNING) {
      running--;
    }
    offload.become(OffloadState.FORGOTTEN);
    all.remove(offload.stateid.otherHigh());
  }

  // ---------------------------------------------------------------- CB_OFFLOAD

  private void tell(Offload offload) {
    synchronized (lock) {
      if (closed || offload.state() != OffloadState.ENDED) {
        return;
      }
      offload.become(OffloadState.TELLING);
      offload.channelCameUp = false;
    }
    caller.callBack(
        offload.clientId,
        NfsCbOp4.OP_CB_OFFLOAD,
        offload.startedBy,
        offload::encodeCallback,
        (outcome, status) -> told(offload, outcome, status));
  }

  private void told(Offload offload, Outcome outcome, int status) {
    long retryNanos;
    synchronized (lock) {
      if (offload.state() != OffloadState.TELLING) {
        return;
      }
      if (outcome == Outcome.ANSWERED && status != NfsStat4.NFS4ERR_DELAY) {
        // Whatever the answer is, the stateid's life is over (RFC 7862 section 4.8).
        forget(offload);
        return;
      }
      offload.become(OffloadState.ENDED);
      if (outcome != Outcome.NO_BACK_CHANNEL) {
        retryNanos = RETRY_NANOS << Math.min(offload.failures++, RETRY_DOUBLINGS_MAX);
      } else if (offload.channelCameUp) {
        retryNanos = 0;
      } else {
        return;
      }
    }
    timers.schedule(retryNanos, () -> executor.execute(() -> tell(offload)));
  }

  /** The client has a back channel again: it is told what has ended meanwhile. */
  public void backChannelUp(long clientId) {
    List<Offload> over;
    synchronized (lock) {
      over = all.values().stream().filter(o -> o.clientId == clientId && o.isOver()).toList();
      // Those being told just now may have looked before it was there.
      over.forEach(offload -> offload.channelCameUp = true);
    }
    over.forEach(this::tell);
  }

  // ---------------------------------------------------------------- operations

  /** OFFLOAD_STATUS, RFC 7862 section 15.9. */
  public Progress progress(long clientId, FileIdentity target, Stateid4 stateid) {
    synchronized (lock) {
      Offload offload = find(clientId, stateid);
      if (offload == null || !offload.target.equals(target)) {
        return new Progress(NfsStat4.NFS4ERR_BAD_STATEID, 0, false, 0);
      }
      return offload.isOver()
          ? new Progress(NfsStat4.NFS4_OK, offload.bytes, true, offload.status)
          : new Progress(NfsStat4.NFS4_OK, offload.work.doneBytes(), false, 0);
    }
  }

  /**
   * OFFLOAD_CANCEL, RFC 7862 section 15.8: no further piece is begun, and no callback comes. What
   * has ended is forgotten.
   *
   * @return NFS4_OK, NFS4ERR_COMPLETE_ALREADY or NFS4ERR_BAD_STATEID
   */
  public int cancel(long clientId, int uid, FileIdentity target, Stateid4 stateid) {
    Offload offload;
    boolean over;
    synchronized (lock) {
      offload = find(clientId, stateid);
      if (offload == null || !offload.target.equals(target) || offload.uid != uid) {
        return NfsStat4.NFS4ERR_BAD_STATEID;
      }
      over = offload.isOver();
      forget(offload);
    }
    wake(offload);
    return over ? NfsStat4.NFS4ERR_COMPLETE_ALREADY : NfsStat4.NFS4_OK;
  }

  /**
   * Stops what reads or writes such files: no further piece is begun, and the client is told the
   * status.
   *
   * @return completes when nothing of it holds a file any more, which is after the pieces that are
   *     being done now
   */
  public CompletableFuture<Void> stop(Predicate<byte[]> fileHandle, int status) {
    List<Offload> stopped;
    synchronized (lock) {
      stopped =
          all.values().stream()
              .filter(o -> fileHandle.test(o.fileHandle) || fileHandle.test(o.sourceHandle))
              .toList();
      stopped.stream().filter(o -> !o.isOver()).forEach(o -> o.stopped = status);
    }
    stopped.forEach(this::wake);
    return CompletableFuture.allOf(
        stopped.stream().map(o -> o.letGo).toArray(CompletableFuture[]::new));
  }

  private Offload find(long clientId, Stateid4 stateid) {
    if (stateid.otherHigh() >>> 56 != TAG || stateid.otherLow() != bootEpoch) {
      return null;
    }
    Offload offload = all.get(stateid.otherHigh());
    boolean current = stateid.seqid() == 0 || stateid.seqid() == 1;
    return offload != null && offload.clientId == clientId && current ? offload : null;
  }

  // ---------------------------------------------------------------- as owner of state

  @Override
  public int testStateid(long clientId, Stateid4 stateid) {
    synchronized (lock) {
      return find(clientId, stateid) == null ? NfsStat4.NFS4ERR_BAD_STATEID : NfsStat4.NFS4_OK;
    }
  }

  @Override
  public int freeStateid(long clientId, Stateid4 stateid) {
    synchronized (lock) {
      Offload offload = find(clientId, stateid);
      if (offload == null) {
        return NfsStat4.NFS4ERR_BAD_STATEID;
      }
      if (!offload.isOver()) {
        return NfsStat4.NFS4ERR_LOCKS_HELD;
      }
      forget(offload);
      return NfsStat4.NFS4_OK;
    }
  }

  @Override
  public boolean holdsState(long clientId) {
    synchronized (lock) {
      return all.values().stream().anyMatch(o -> o.clientId == clientId && !o.isOver());
    }
  }

  @Override
  public int statusFlags(long clientId) {
    return 0;
  }

  // ---------------------------------------------------------------- ends

  /**
   * The client is gone: what it began is cancelled and forgotten. A piece that is being done is
   * done to its end, as a WRITE would be.
   */
  public void clientGone(long clientId) {
    forgetAll(clientId, false);
  }

  /** Cancels everything; no client is told. */
  @Override
  public void close() {
    forgetAll(0, true);
  }

  private void forgetAll(long clientId, boolean ofEverybody) {
    List<Offload> gone;
    synchronized (lock) {
      closed |= ofEverybody;
      gone = all.values().stream().filter(o -> ofEverybody || o.clientId == clientId).toList();
      gone.forEach(this::forget);
    }
    gone.forEach(this::wake);
    if (!gone.isEmpty()) {
      LOG.info("{} copies end unfinished or untold: {}", gone.size(), gone);
    }
  }
}
