package io.selkie.server.compound;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.server.compound.CompoundContext.Continuation;
import java.util.concurrent.CompletionStage;

/** Where a compound stands: the engine's own part of a context. */
final class EngineState {

  private static final int NOBODY = 65534;

  final AuthSys nobody = new AuthSys().set(NOBODY, NOBODY);

  int minorVersion;
  int opCount;
  int opIndex;
  int status;
  int tooBigStatus;

  /** The operation under way, null between two. */
  Operation operation;

  /** Positions in the arguments and in the reply. */
  int argsStart;

  int replyStart;
  int bodyStart;
  int countPosition;
  int opcodePosition;
  int resultStart;

  /** Where the arguments of the operation under way begin. */
  int argumentsPosition;

  boolean keepErrorBody;

  /** What the observer gave when the operation under way began. */
  long begun;

  /** What the operation under way has entered, see {@link Inside}; null for nothing. */
  CurrentFile inside;

  CurrentFile insideSaved;

  /** The request is a retry whose reply was not kept: nothing is executed again. */
  boolean retryUncached;

  /** The workers against whose capacity this compound counts; null for none. */
  WorkerLane lane;

  /** Whose share of that capacity it takes; null for none. */
  Flow share;

  /** The client's turn in that lane, kept from compound to compound; null at first. */
  Flow flow;

  CompletionStage<?> stage;
  Continuation<?> continuation;
  Object value;
  Throwable failure;

  /** Whether the PUTFH under way need not look at its file. */
  boolean placeOnly;

  /** Whether the operation goes on in {@link #nextPlace}. */
  boolean moving;

  int nextPlace;

  /** What a worker runs to go on with this compound; made once, with the pooled context. */
  Runnable onWorker;

  void reset() {
    minorVersion = 0;
    opCount = 0;
    opIndex = 0;
    status = NfsStat4.NFS4_OK;
    tooBigStatus = NfsStat4.NFS4ERR_REP_TOO_BIG;
    operation = null;
    keepErrorBody = false;
    retryUncached = false;
    lane = null;
    share = null;
    placeOnly = false;
    clearSuspension();
  }

  void suspend(CompletionStage<?> newStage, Continuation<?> newContinuation) {
    if (stage != null) {
      throw new IllegalStateException("suspended twice without returning in between");
    }
    stage = newStage;
    continuation = newContinuation;
  }

  void clearSuspension() {
    moving = false;
    stage = null;
    continuation = null;
    value = null;
    failure = null;
  }

  /** Runs the continuation that suspended the operation. */
  int resume(CompoundContext c) {
    @SuppressWarnings("unchecked") // Stage and continuation came in with the same type.
    Continuation<Object> go = (Continuation<Object>) continuation;
    Object with = value;
    Throwable why = failure;
    clearSuspension();
    return go.resume(c, with, why);
  }
}
