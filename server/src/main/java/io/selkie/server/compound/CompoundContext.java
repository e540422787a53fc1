package io.selkie.server.compound;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.rpc.RpcConnection;
import io.selkie.server.rpc.RpcExchange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * One COMPOUND under way: everything its operations share. Pooled with its {@link RpcExchange};
 * owned by one thread at a time, the one that executes the current operation. What an operation
 * keeps beyond its return (in a continuation's closure, say) may refer to the context only until
 * the operation is finished.
 */
public final class CompoundContext {

  /** What goes on when the stage that an operation waited for is complete. */
  @FunctionalInterface
  public interface Continuation<T> {

    /**
     * Finishes the operation, on a worker thread. May suspend again.
     *
     * @param value what the stage completed with, null if it failed
     * @param failure why it failed, null if it did not
     * @return an nfsstat4, or what {@link CompoundContext#suspend} returned
     */
    int resume(CompoundContext c, T value, Throwable failure);
  }

  private static final CompletionStage<Void> HERE = CompletableFuture.completedStage(null);

  private final RpcExchange exchange;
  private final EngineState state = new EngineState();

  private SequencedSlot slot;
  private CurrentFile currentFile;
  private Stateid4 currentStateid = Stateids.ANONYMOUS;
  private CurrentFile savedFile;
  private Stateid4 savedStateid = Stateids.ANONYMOUS;
  private final Principal.Holder principal = new Principal.Holder();
  private Object attendance;
  private final List<FileIdentity> obstacles = new ArrayList<>(2);

  /** Creates the context of an exchange; used again and again for the calls that it carries. */
  public CompoundContext(RpcExchange exchange) {
    this.exchange = exchange;
  }

  /** Forgets the compound before; the engine calls it first. */
  void reset() {
    slot = null;
    currentFile = null;
    currentStateid = Stateids.ANONYMOUS;
    savedFile = null;
    savedStateid = Stateids.ANONYMOUS;
    principal.clear();
    obstacles.clear();
    state.reset();
  }

  EngineState state() {
    return state;
  }

  RpcExchange exchange() {
    return exchange;
  }

  /** The arguments; the position is at those of the current operation. */
  public XdrReader args() {
    return exchange.args();
  }

  /** The reply; the position is after the status of the current operation. */
  public XdrWriter reply() {
    return exchange.reply();
  }

  /**
   * Starts the body of a result that is not NFS4_OK, for the few that have one (SETATTR, LOCK,
   * LAYOUTGET, GETDEVICEINFO): takes back what the operation wrote, and tells the engine to keep
   * what follows.
   */
  public XdrWriter errorBody() {
    reply().rewind(state.resultStart);
    state.keepErrorBody = true;
    return reply();
  }

  /** How many more bytes the reply may have, by the limits of the session and of this request. */
  public int replyRoom() {
    return reply().remaining();
  }

  /**
   * The status of an operation whose result does not fit into the reply: NFS4ERR_REP_TOO_BIG, or
   * NFS4ERR_REP_TOO_BIG_TO_CACHE where the reply is to be kept (RFC 8881 section 2.10.6.4).
   */
  public int tooBigStatus() {
    return state.tooBigStatus;
  }

  /** How many bytes the reply has so far, RPC header included. */
  public int replyBytes() {
    return reply().position() - state.replyStart;
  }

  /** 1 or 2. */
  public int minorVersion() {
    return state.minorVersion;
  }

  /** Which operation of the compound this is, from 0. */
  public int opIndex() {
    return state.opIndex;
  }

  /** How many operations the compound has, as it says itself; any number up to 2^31 - 1. */
  public int opCount() {
    return state.opCount;
  }

  /** Of a PUTFH: whether what follows asks nothing of its file but where it is. */
  public boolean needsPlaceOnly() {
    return state.placeOnly;
  }

  /** Whether no operation follows this one. */
  public boolean isLastOp() {
    return state.opIndex == state.opCount - 1;
  }

  /** The size of the whole request, RPC header included, in bytes. */
  public int requestBytes() {
    return exchange.requestBytes();
  }

  /** The connection that the request came in on. */
  public RpcConnection connection() {
    return exchange.connection();
  }

  /** AUTH_NONE or AUTH_SYS. */
  public int flavor() {
    return exchange.header().flavor();
  }

  /** The caller's user, valid during the request; with AUTH_NONE nobody (uid and gid 65534). */
  public AuthSys credential() {
    return flavor() == RpcConst.AUTH_SYS ? exchange.header().authSys() : state.nobody;
  }

  /** Who asks, in a form that can be kept and compared. */
  public Principal principal() {
    return principal.of(flavor(), credential());
  }

  /** What the {@link Attendant} keeps from compound to compound of this context; null at first. */
  public Object attendance() {
    return attendance;
  }

  /** Sets that. */
  public void attendance(Object kept) {
    attendance = kept;
  }

  /** The slot this compound runs on, or null before SEQUENCE and in a compound without one. */
  public SequencedSlot slot() {
    return slot;
  }

  /** The client; only in a session. */
  public long clientId() {
    return slot.clientId();
  }

  /** The session; only in a session. */
  public SessionId4 sessionId() {
    return slot.sessionId();
  }

  /**
   * Binds the compound to its slot; for SEQUENCE when it succeeded. From here on the slot's {@link
   * SequencedSlot#complete} will be called.
   *
   * @param replyBytesMax the largest reply allowed, RPC header included
   * @param tooBigStatus what a reply that would be larger is answered with
   */
  public void sequenced(SequencedSlot newSlot, int replyBytesMax, int tooBigStatus) {
    slot = newSlot;
    state.tooBigStatus = tooBigStatus;
    reply().limit(Math.min(reply().limit(), state.replyStart + replyBytesMax));
  }

  /**
   * Makes the reply that of an earlier request: replaces everything written so far by a
   * COMPOUND4res taken from the reply cache. For SEQUENCE only, which returns the result.
   *
   * @return {@link Operation#REPLAYED}
   */
  public int replay(ByteBuffer compoundResult) {
    reply().rewind(state.bodyStart);
    reply().raw(compoundResult);
    return Operation.REPLAYED;
  }

  /**
   * Says that this is the retry of a request whose reply was not kept: nothing after SEQUENCE is
   * executed again (RFC 8881 section 2.10.6.1.3). For SEQUENCE only.
   */
  public void retryOfUncached() {
    state.retryUncached = true;
  }

  /**
   * Returns the arguments of the whole compound, from the tag to the end, as they lie in the
   * request; for SEQUENCE to recognise a false retry. The buffer is shared: put its position and
   * limit back.
   */
  public ByteBuffer compoundArguments() {
    return exchange.args().buffer();
  }

  /** The position in {@link #compoundArguments} at which they begin. */
  public int compoundArgumentsStart() {
    return state.argsStart;
  }

  /** The current filehandle's file, or null: then NFS4ERR_NOFILEHANDLE. */
  public CurrentFile currentFile() {
    return currentFile;
  }

  /** The saved filehandle's file, or null: then NFS4ERR_NOFILEHANDLE (RESTOREFH: RESTOREFH). */
  public CurrentFile savedFile() {
    return savedFile;
  }

  /** Sets the current filehandle; the current stateid becomes the all-zero one with it. */
  public void currentFile(CurrentFile file) {
    currentFile = file;
    currentStateid = Stateids.ANONYMOUS;
  }

  /** Sets filehandle and stateid together, for OPEN. */
  public void currentFile(CurrentFile file, Stateid4 stateid) {
    currentFile = file;
    currentStateid = stateid;
  }

  /** Sets the current stateid: for every operation that returns one (RFC 8881, 16.2.3.1.2). */
  public void currentStateid(Stateid4 stateid) {
    currentStateid = stateid;
  }

  /** SAVEFH: saves current filehandle and stateid as a set. */
  public void saveCurrent() {
    savedFile = currentFile;
    savedStateid = currentStateid;
  }

  /** RESTOREFH: restores filehandle and stateid as a set. */
  public void restoreSaved() {
    currentFile = savedFile;
    currentStateid = savedStateid;
  }

  /** After SECINFO and SECINFO_NO_NAME the filehandle is consumed. */
  public void consumeCurrentFile() {
    currentFile(null);
  }

  /**
   * Replaces the special stateid (1, 0) by the current stateid; any other stays what it is.
   *
   * @return the stateid meant, or null for NFS4ERR_BAD_STATEID: there is no current stateid, or it
   *     is a special one, or the invalid special stateid was given
   */
  public Stateid4 resolve(Stateid4 stateid) {
    if (stateid.equals(Stateids.CURRENT)) {
      return Stateids.isSpecial(currentStateid) ? null : currentStateid;
    }
    return stateid.equals(Stateids.INVALID) ? null : stateid;
  }

  /**
   * The files of which somebody else's delegations are in the operation's way, and are being
   * recalled. Whoever executes it empties it before.
   */
  public List<FileIdentity> obstacles() {
    return obstacles;
  }

  /**
   * Takes back all that the operation has read and written, so that it can be executed once more;
   * where nothing else has changed, which is for the operation to know.
   */
  public void again() {
    args().position(state.argumentsPosition);
    reply().rewind(state.resultStart);
    state.keepErrorBody = false;
  }

  /**
   * Suspends the operation until a stage is complete; the caller returns the result at once. A
   * stage that is complete already costs nothing: the continuation runs right away.
   *
   * @return {@link Operation#SUSPENDED}
   */
  public <T> int suspend(CompletionStage<T> stage, Continuation<? super T> continuation) {
    state.suspend(stage, continuation);
    return Operation.SUSPENDED;
  }

  /**
   * Goes on among the workers of another place, because the operation now depends on that one; the
   * caller returns the result at once. When there is no room for it the operation is answered with
   * NFS4ERR_DELAY. Only for operations whose cost is {@code BLOCKING}.
   *
   * @param place see {@link Places}
   * @param continuation gets null
   * @return {@link Operation#SUSPENDED}
   */
  public int moveTo(int place, Continuation<Void> continuation) {
    state.suspend(HERE, continuation);
    state.moving = true;
    state.nextPlace = place;
    return Operation.SUSPENDED;
  }

  @Override
  public String toString() {
    return "%s operation %d of %d, status %s, from %s"
        .formatted(
            slot == null ? "compound without a session" : "session " + slot.sessionId(),
            state.opIndex + 1,
            state.opCount,
            NfsStat4.name(state.status),
            connection().remoteAddress());
  }
}
