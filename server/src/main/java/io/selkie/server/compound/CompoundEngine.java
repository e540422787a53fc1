package io.selkie.server.compound;

import io.selkie.posix.StuckIdentityError;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.Utf8;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrException.Kind;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.Operation.Position;
import io.selkie.server.rpc.BuffersExhaustedException;
import io.selkie.server.rpc.RpcExchange;
import java.nio.ByteBuffer;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs COMPOUND procedures (RFC 8881 section 16.2): one operation after the other, decoded as they
 * come, each result written as it is known, to the first that fails.
 *
 * <p><b>Threading.</b> {@link #run} is called on the event loop of the connection. Where the
 * compound goes on from there is decided by the {@link ExecutionPolicy}; whichever thread executes
 * its last operation sends the reply. Safe for use by several threads, as it holds no state of its
 * own.
 */
public final class CompoundEngine {

  /** The longest tag taken, in bytes; the RFC sets no bound, so this is ours. */
  public static final int TAG_BYTES_MAX = 1024;

  private static final Logger LOG = LoggerFactory.getLogger(CompoundEngine.class);

  /** Not a status: the compound goes on elsewhere. */
  private static final int ELSEWHERE = -3;

  /** More words than the attributes that are known have; for a look ahead only. */
  private static final int BITMAP_WORDS_MAX = 8;

  private final OperationTable table;
  private final ExecutionPolicy policy;
  private final Workers workers;
  private final OperationObserver observer;
  private final Attendant attendant;
  private final Places places;

  /** Creates an engine that executes the operations of a table, and nobody watches. */
  public CompoundEngine(OperationTable table, ExecutionPolicy policy, Workers workers) {
    this(table, policy, workers, (opcode, status) -> {}, Attendant.NONE, Places.ONE);
  }

  /** Creates an engine that executes the operations of a table. */
  public CompoundEngine(
      OperationTable table,
      ExecutionPolicy policy,
      Workers workers,
      OperationObserver observer,
      Attendant attendant,
      Places places) {
    this.table = table;
    this.policy = policy;
    this.workers = workers;
    this.observer = observer;
    this.attendant = attendant;
    this.places = places;
  }

  /**
   * Runs the compound whose arguments the exchange holds, and answers it.
   *
   * @param exchange its reply's header is not yet written
   * @throws XdrException if the arguments are no COMPOUND4args, not even before the first
   *     operation: answer GARBAGE_ARGS; the exchange is untouched
   */
  public void run(RpcExchange exchange) {
    CompoundContext c = contextOf(exchange);
    c.reset();
    EngineState s = c.state();
    XdrReader args = exchange.args();
    s.argsStart = args.position();
    int tagLength = args.opaqueLength(Integer.MAX_VALUE);
    int tagStart = args.position();
    args.skipOpaque(tagLength);
    s.minorVersion = args.int32();
    s.opCount = args.int32();
    if (s.opCount < 0) {
      throw Kind.OVER_BOUND.exception();
    }
    int early = earlyStatus(s, args.buffer(), tagStart, tagLength);

    XdrWriter reply = exchange.reply();
    s.replyStart = reply.position();
    s.bodyStart = exchange.beginSuccess();
    reply.int32(early);
    int echoed = tagLength <= TAG_BYTES_MAX ? tagLength : 0;
    copyOpaque(args.buffer(), tagStart, echoed, reply);
    s.countPosition = reply.reserveInt32();
    if (early != NfsStat4.NFS4_OK) {
      s.status = early;
      s.opCount = 0;
    }
    advance(c, false);
  }

  private CompoundContext contextOf(RpcExchange exchange) {
    if (exchange.attachment() instanceof CompoundContext pooled) {
      return pooled;
    }
    CompoundContext c = new CompoundContext(exchange);
    c.state().onWorker = () -> advance(c, true);
    exchange.attachment(c);
    return c;
  }

  /** The status of a compound of which nothing is executed, with a zero-length result array. */
  private static int earlyStatus(EngineState s, ByteBuffer request, int tagStart, int tagLength) {
    if (!OperationTable.isServed(s.minorVersion)) {
      return NfsStat4.NFS4ERR_MINOR_VERS_MISMATCH;
    }
    if (tagLength > TAG_BYTES_MAX || !Utf8.isWellFormed(request, tagStart, tagLength)) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    return NfsStat4.NFS4_OK;
  }

  private static void copyOpaque(ByteBuffer from, int start, int length, XdrWriter to) {
    to.ensure(Xdr.opaqueBytes(length));
    int lengthPosition = to.beginOpaque();
    to.buffer().put(to.position(), from, start, length);
    to.position(to.position() + length);
    to.endOpaque(lengthPosition);
  }

  /** Executes operations until the compound is finished, waits, or moves to a worker. */
  private void advance(CompoundContext c, boolean onWorker) {
    EngineState s = c.state();
    try {
      while (true) {
        int status = step(c, onWorker);
        if (status == ELSEWHERE) {
          return;
        }
        if (status == Operation.SUSPENDED) {
          if (s.stage == null) {
            throw new IllegalStateException(s.operation.name() + " suspended without a stage");
          }
          if (s.moving) {
            status = move(c);
          } else if (!park(c, onWorker)) {
            return;
          }
          if (status == Operation.SUSPENDED) {
            continue;
          }
          if (status == ELSEWHERE) {
            return;
          }
        }
        if (status == Operation.REPLAYED) {
          finish(c);
          return;
        }
        if (status != NfsStat4.NFS4_OK || s.opIndex >= s.opCount) {
          s.status = status;
          conclude(c);
          return;
        }
      }
    } catch (RejectedExecutionException _) {
      dropAtStop(c);
    } catch (StuckIdentityError e) {
      endStuck(c, e);
      throw e;
    } catch (RuntimeException | Error e) {
      LOG.error("request dropped without a reply, defect in the compound engine: {}", c, e);
      abandon(c);
      if (e instanceof VirtualMachineError fatal) {
        throw fatal;
      }
    }
  }

  /** The client hears of it; the thread, which may be the wrong user, does nothing else. */
  private void endStuck(CompoundContext c, StuckIdentityError e) {
    EngineState s = c.state();
    try {
      s.status = endOperation(c, Faults.status(c, e));
      conclude(c);
    } catch (RuntimeException | Error further) {
      e.addSuppressed(further);
      abandon(c);
    }
  }

  /**
   * Executes one operation, or goes on with one that waited.
   *
   * @return its status when it is finished, or one of the negative markers
   */
  private int step(CompoundContext c, boolean onWorker) {
    EngineState s = c.state();
    int status;
    if (s.continuation != null) {
      status = onWorker ? attended(c, true) : guarded(c, true);
    } else {
      if (s.opIndex >= s.opCount) {
        return s.status;
      }
      if (s.operation == null && !beginOperation(c)) {
        return refuse(c, s.status);
      }
      if (s.retryUncached && !(s.operation instanceof Refusal)) {
        return endOperation(c, NfsStat4.NFS4ERR_RETRY_UNCACHED_REP);
      }
      status = statusOfPosition(c);
      if (status == NfsStat4.NFS4_OK && mustMove(c, onWorker)) {
        return goOnIn(laneOf(c), c);
      }
      if (status == NfsStat4.NFS4_OK && !Inside.enter(c)) {
        // Its export has gone since the filehandle was put.
        status = NfsStat4.NFS4ERR_STALE;
      }
      if (status == NfsStat4.NFS4_OK) {
        status = onWorker ? attended(c, false) : guarded(c, false);
      }
    }
    return status < 0 ? status : endOperation(c, status);
  }

  /** Goes on in a lane if there is room, and ends the operation if not. */
  private int goOnIn(WorkerLane lane, CompoundContext c) {
    EngineState s = c.state();
    leave(c);
    Flow share = lane.admit(clientOf(c), s.flow);
    if (share == null) {
      s.clearSuspension();
      return endOperation(c, NfsStat4.NFS4ERR_DELAY);
    }
    s.lane = lane;
    s.share = share;
    s.flow = lane.execute(s.onWorker, clientOf(c), share);
    return ELSEWHERE;
  }

  /** The operation under way asked to go on in another place; SUSPENDED when it is there. */
  private int move(CompoundContext c) {
    EngineState s = c.state();
    s.moving = false;
    return s.lane != null && s.lane.place() == s.nextPlace
        ? Operation.SUSPENDED
        : goOnIn(workers.ordinary(s.nextPlace), c);
  }

  /** Whether the operation that is next must run elsewhere. */
  private boolean mustMove(CompoundContext c, boolean onWorker) {
    EngineState s = c.state();
    if (!policy.needsWorker(s.operation)) {
      return false;
    }
    if (!onWorker) {
      return true;
    }
    if (s.operation.cost() != Operation.Cost.BLOCKING) {
      return false;
    }
    int place = placeOf(c);
    if (s.lane.place() != place) {
      return true;
    }
    return switch (s.lane.kind()) {
      case CLOSING -> !s.operation.givesBack() && !followsGivingBack(c);
      case GIVING_BACK ->
          s.operation.closes() || (!s.operation.givesBack() && !followsGivingBack(c));
      // Once in the lane for the disk a compound stays in it: it has waited there.
      case DISK -> false;
      case ORDINARY -> s.operation.waitsForDisk(c.args().buffer(), c.args().position());
    };
  }

  private boolean followsGivingBack(CompoundContext c) {
    return c.state().operation.opcode() == NfsOp4.OP_PUTFH
        ? c.state().placeOnly || isAtHand(c)
        : c.state().operation.followsGivingBack(c);
  }

  /** Whether the file of the PUTFH that is next is open. */
  private boolean isAtHand(CompoundContext c) {
    ByteBuffer request = c.args().buffer();
    int at = c.args().position();
    int length = handleLength(request, at);
    return length >= 0 && places.isAtHand(request, at + Integer.BYTES, length);
  }

  /** Where the operation that is next is to run. */
  private WorkerLane laneOf(CompoundContext c) {
    EngineState s = c.state();
    ByteBuffer request = c.args().buffer();
    int at = c.args().position();
    Operation next = s.operation;
    boolean atHand = true;
    if (next.opcode() == NfsOp4.OP_PUTFH && s.opIndex + 1 < s.opCount) {
      // A look ahead to what the filehandle is put for.
      int length = handleLength(request, at);
      int after = at + Xdr.opaqueBytes(Math.max(0, length));
      if (length >= 0 && request.limit() - after >= Integer.BYTES) {
        next = table.lookup(s.minorVersion, request.getInt(after));
        at = after + Integer.BYTES;
        Operation second = s.opIndex + 2 < s.opCount ? afterGetattr(s, request, at, next) : null;
        if (second != null && second.givesBack() && isAtHand(c)) {
          next = second;
        } else {
          s.placeOnly = next.needsPlaceOnly(request, at);
          // Who has nothing of a file has nothing to give back.
          atHand = !next.givesBack() || s.placeOnly || isAtHand(c);
        }
      }
    }
    int place = placeOf(c);
    if (next.givesBack() && atHand) {
      return next.closes() ? workers.closing(place) : workers.givingBack(place);
    }
    return next.waitsForDisk(request, at) ? workers.disk(place) : workers.ordinary(place);
  }

  /**
   * What stands behind a GETATTR, or null. Clients ask for the attributes before they close or
   * return a delegation; of a file that is open these need no disk.
   *
   * @param at where the arguments of the first begin
   */
  private Operation afterGetattr(EngineState s, ByteBuffer request, int at, Operation first) {
    if (first.opcode() != NfsOp4.OP_GETATTR || request.limit() - at < Integer.BYTES) {
      return null;
    }
    int words = request.getInt(at);
    if (words < 0 || words > BITMAP_WORDS_MAX) {
      return null;
    }
    int after = at + Integer.BYTES * (1 + words);
    return request.limit() - after < Integer.BYTES
        ? null
        : table.lookup(s.minorVersion, request.getInt(after));
  }

  /** What the operation that is next depends on. */
  private int placeOf(CompoundContext c) {
    EngineState s = c.state();
    if (s.operation.opcode() != NfsOp4.OP_PUTFH) {
      return c.currentFile() == null ? Places.NOWHERE : c.currentFile().place();
    }
    ByteBuffer request = c.args().buffer();
    int at = c.args().position();
    int length = handleLength(request, at);
    return length < 0 ? Places.NOWHERE : places.of(request, at + Integer.BYTES, length);
  }

  /** The length of a filehandle in the arguments, -1 if there is none that is whole. */
  private static int handleLength(ByteBuffer request, int at) {
    if (request.limit() - at < Integer.BYTES) {
      return -1;
    }
    int length = request.getInt(at);
    boolean whole =
        length >= 0
            && length <= Nfs4Const.NFS4_FHSIZE
            && request.limit() - at >= Xdr.opaqueBytes(length);
    return whole ? length : -1;
  }

  /** Who takes turns with others: the client, or the connection as long as none is known. */
  private static long clientOf(CompoundContext c) {
    return c.slot() == null ? ~c.connection().id() : c.clientId();
  }

  /** Reads the next opcode and writes the head of its result; false when there is neither. */
  private boolean beginOperation(CompoundContext c) {
    EngineState s = c.state();
    XdrWriter reply = c.reply();
    s.keepErrorBody = false;
    s.begun = 0;
    s.opcodePosition = reply.position();
    try {
      int opcode = c.args().int32();
      s.operation = table.lookup(s.minorVersion, opcode);
      reply.int32(s.operation == Refusal.ILLEGAL ? NfsOp4.OP_ILLEGAL : opcode);
      reply.int32(NfsStat4.NFS4_OK);
      s.resultStart = reply.position();
      s.argumentsPosition = c.args().position();
      s.begun = observer.begins(s.operation);
      return true;
    } catch (XdrException e) {
      s.status = statusOf(s, e);
      return false;
    }
  }

  /** There is no opcode to answer to, or no room for an answer. */
  private int refuse(CompoundContext c, int status) {
    EngineState s = c.state();
    s.operation = Refusal.ILLEGAL;
    XdrWriter reply = c.reply();
    reply.rewind(s.opcodePosition);
    // The one result that may stand beyond the limit: without it there would be no answer at all.
    reply.limit(Math.max(reply.limit(), reply.position() + 2 * Integer.BYTES));
    reply.int32(NfsOp4.OP_ILLEGAL);
    reply.int32(status);
    s.resultStart = reply.position();
    return endOperation(c, status);
  }

  /** The rules of RFC 8881 sections 2.10.6 and 18.46.3 about what may stand where. */
  private static int statusOfPosition(CompoundContext c) {
    EngineState s = c.state();
    if (s.operation instanceof Refusal) {
      return NfsStat4.NFS4_OK;
    }
    Position position = s.operation.position();
    if (position == Position.FIRST) {
      return s.opIndex == 0 ? NfsStat4.NFS4_OK : NfsStat4.NFS4ERR_SEQUENCE_POS;
    }
    if (position == Position.ALONE && s.opCount > 1) {
      return NfsStat4.NFS4ERR_NOT_ONLY_OP;
    }
    if (c.slot() == null) {
      if (position == Position.IN_SESSION) {
        return NfsStat4.NFS4ERR_OP_NOT_IN_SESSION;
      }
      if (s.opCount > 1) {
        return NfsStat4.NFS4ERR_NOT_ONLY_OP;
      }
    }
    return NfsStat4.NFS4_OK;
  }

  /** The same, with the thread prepared for it. */
  private int attended(CompoundContext c, boolean resume) {
    CompletionStage<?> first = attendant.begin(c, !resume);
    if (first != null) {
      return c.suspend(
          first,
          (context, value, failure) ->
              failure == null ? guarded(context, false) : NfsStat4.NFS4ERR_DELAY);
    }
    try {
      return guarded(c, resume);
    } finally {
      attendant.end(c);
    }
  }

  /** Executes or resumes the operation; every way it can fail becomes a status. */
  private static int guarded(CompoundContext c, boolean resume) {
    EngineState s = c.state();
    try {
      if (resume) {
        return s.resume(c);
      }
      if (s.operation.replyBytesMax() > c.replyRoom()) {
        return s.tooBigStatus;
      }
      c.exchange().replyMayBeRefused(s.operation.replyBytesMax() == 0);
      return s.operation.execute(c);
    } catch (BuffersExhaustedException _) {
      s.keepErrorBody = false;
      return NfsStat4.NFS4ERR_DELAY;
    } catch (XdrException e) {
      s.keepErrorBody = false;
      return statusOf(s, e);
    } catch (StuckIdentityError e) {
      throw e;
    } catch (RuntimeException | Error e) {
      // Of a stack or a memory that was full nothing is left here: the thread goes on.
      return Faults.status(c, e);
    } finally {
      c.exchange().replyMayBeRefused(false);
    }
  }

  private static int statusOf(EngineState s, XdrException e) {
    return e.kind() == Kind.NO_SPACE ? s.tooBigStatus : NfsStat4.NFS4ERR_BADXDR;
  }

  /** Writes the status of a finished operation and moves on to the next. */
  private int endOperation(CompoundContext c, int status) {
    EngineState s = c.state();
    Inside.leave(s);
    XdrWriter reply = c.reply();
    if (status != NfsStat4.NFS4_OK && !s.keepErrorBody) {
      reply.rewind(s.resultStart);
    }
    reply.patchInt32(s.resultStart - Integer.BYTES, status);
    observer.ended(s.operation.opcode(), status, c.slot() == null ? 0 : c.clientId(), s.begun);
    s.opIndex++;
    s.operation = null;
    s.placeOnly = false;
    return status;
  }

  /**
   * Lets go of the thread until the stage is complete.
   *
   * @return true if it is complete already, so that the caller goes on right away
   */
  private boolean park(CompoundContext c, boolean onWorker) {
    EngineState s = c.state();
    CompletableFuture<?> future = s.stage.toCompletableFuture();
    if (onWorker && future.isDone()) {
      take(s, future);
      return true;
    }
    if (s.lane == null) {
      // The operation has begun and must not be cut off, so it is taken in any case.
      s.lane = workers.ordinary(Places.NOWHERE);
      s.lane.admitSuspended();
    }
    WorkerLane lane = s.lane;
    future.whenComplete((value, failure) -> {
      s.value = value;
      s.failure = cause(failure);
      try {
        s.flow = lane.execute(s.onWorker, clientOf(c), s.flow);
      } catch (RejectedExecutionException _) {
        dropAtStop(c);
      }
    });
    return false;
  }

  private static void take(EngineState s, CompletableFuture<?> done) {
    try {
      s.value = done.getNow(null);
    } catch (CompletionException | CancellationException e) {
      s.failure = cause(e);
    }
  }

  private static Throwable cause(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  /** Completes the COMPOUND4res and gives it to the slot and to the connection. */
  private void conclude(CompoundContext c) {
    EngineState s = c.state();
    XdrWriter reply = c.reply();
    reply.patchInt32(s.bodyStart, s.status);
    reply.patchInt32(s.countPosition, s.opIndex);
    if (c.slot() != null) {
      ByteBuffer buffer = reply.buffer();
      int end = buffer.position();
      int limit = buffer.limit();
      buffer.limit(end).position(s.bodyStart);
      try {
        c.slot().complete(buffer);
      } finally {
        buffer.limit(limit).position(end);
      }
    }
    finish(c);
  }

  private void finish(CompoundContext c) {
    leave(c);
    c.exchange().send();
  }

  /** The workers take nothing any more: the client will ask again, another server or a new one. */
  private void dropAtStop(CompoundContext c) {
    LOG.warn("request dropped without a reply, the server is stopping: {}", c);
    abandon(c);
  }

  private void abandon(CompoundContext c) {
    Inside.leave(c.state());
    leave(c);
    if (c.slot() != null) {
      c.slot().abandon();
    }
    c.exchange().drop();
  }

  private void leave(CompoundContext c) {
    WorkerLane lane = c.state().lane;
    if (lane != null) {
      Flow share = c.state().share;
      c.state().lane = null;
      c.state().share = null;
      lane.leave(share);
    }
  }
}
