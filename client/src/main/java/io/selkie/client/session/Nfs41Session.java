package io.selkie.client.session;

import io.netty.buffer.ByteBuf;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientTimeoutException;
import io.selkie.client.ServerProtocolException;
import io.selkie.client.session.SlotTable.Slot;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * An NFSv4.1 session (RFC 8881 section 2.10) that outlives its connections and, as far as the
 * server allows, the server's restarts.
 *
 * <p>A call waits on its own thread. When its connection breaks it is sent again on the next one
 * with the same slot and sequence number, so that the server carries it out once. When the server
 * asks for patience (DELAY, GRACE) the call is repeated with growing pauses until its deadline.
 *
 * <p>Safe for use by several threads.
 */
public final class Nfs41Session implements AutoCloseable {

  /** Reads a reply on the caller's thread. */
  @FunctionalInterface
  public interface Decoder<T> {
    /** Reads; an {@link XdrException} becomes a {@link ServerProtocolException}. */
    T decode(Reply reply) throws IOException;
  }

  private final SessionSettings settings;
  private final SessionHandshake handshake;
  private final SessionRecovery recovery;
  private final SessionKeeper keeper;
  private final byte[] machineName;

  private Nfs41Session(SessionSettings settings, BackChannel backChannel) {
    this.settings = settings;
    this.machineName = settings.machineName().getBytes(StandardCharsets.UTF_8);
    this.handshake =
        new SessionHandshake(
            settings.allocator(),
            settings.credential(),
            machineName,
            settings.callTimeoutMillis() * 1_000_000L);
    this.recovery = new SessionRecovery(settings, handshake, backChannel);
    this.keeper = new SessionKeeper(this, settings, handshake, recovery);
  }

  /**
   * Opens a session, blocking.
   *
   * @param backChannel serves the server's calls
   * @param state told when state is lost or revoked
   */
  public static Nfs41Session open(
      SessionSettings settings, BackChannel backChannel, StateListener state) throws IOException {
    Nfs41Session session = new Nfs41Session(settings, backChannel);
    backChannel.attach(id -> session.isCurrent(id));
    session.recovery.start();
    session.keeper.start(state);
    return session;
  }

  /** The session's id now; it changes when the server forgets it. */
  public SessionId4 id() {
    return recovery.current().id;
  }

  private boolean isCurrent(SessionId4 id) {
    Incarnation now = recovery.current();
    // Before CREATE_SESSION's reply was read nobody can tell; the server is asked to come back.
    return now != null && now.id.equals(id);
  }

  /** Grows when the server has lost our state: stateids of an earlier generation are void. */
  public int stateGeneration() {
    return recovery.current().stateGeneration;
  }

  /** Whether the server is a pNFS metadata server. */
  public boolean offersLayouts() {
    return recovery.clientId().isMetadataServer();
  }

  /** Data of the largest READ or WRITE, in bytes. */
  public int transferBytesMax() {
    Incarnation now = recovery.current();
    int smallest = Math.min(now.fore.requestBytesMax(), now.fore.responseBytesMax());
    return Math.clamp(smallest - 1024, 512, settings.transferBytes());
  }

  /** Bytes that a reply may have in all. */
  public int responseBytesMax() {
    return Math.min(
        recovery.current().fore.responseBytesMax(), settings.transferBytes() + 64 * 1024);
  }

  /** Operations in a compound, SEQUENCE included. */
  public int operationsMax() {
    return Math.min(recovery.current().fore.operations(), 256);
  }

  /** The default bound on an operation, from now. */
  public Deadline deadline() {
    return Deadline.in(settings.clock(), settings.operationTimeoutMillis());
  }

  /** Pauses within a bound. */
  public BackOff backOff(Deadline deadline) {
    return new BackOff(settings.timers(), settings.random(), deadline);
  }

  /**
   * A new call, SEQUENCE in place.
   *
   * @param name operation and object, for messages
   */
  public Compound compound(String name) {
    int limit = Math.min(recovery.current().fore.requestBytesMax(), Integer.MAX_VALUE - 64) + 4;
    return new Compound(name, settings.allocator(), limit, settings.credential(), machineName)
        .sequence();
  }

  /** Sends a call and reads its reply, blocking; the default deadline. */
  public <T> T call(Compound call, Decoder<T> decoder) throws IOException {
    return call(call, deadline(), decoder);
  }

  /** Sends a call and reads its reply, blocking. */
  public <T> T call(Compound call, Deadline deadline, Decoder<T> decoder) throws IOException {
    return finish(submit(call, deadline, false), decoder);
  }

  /** Like {@link #call}, with the slot that is kept for what recalls and the lease need. */
  public <T> T callUrgent(Compound call, Deadline deadline, Decoder<T> decoder) throws IOException {
    return finish(submit(call, deadline, true), decoder);
  }

  /** A call on its way; give it to {@link #finish} or {@link #abandon}. */
  public final class Pending {
    private final Compound call;
    private final Deadline deadline;
    private final boolean urgent;
    private BackOff backOff;
    private Incarnation session;
    private NfsConnection connection;
    private Slot slot;
    private int xid;
    private CompletableFuture<ByteBuf> reply;
    private boolean isReplyTaken;
    private String lastRefusal;

    private Pending(Compound call, Deadline deadline, boolean urgent) {
      this.call = call;
      this.deadline = deadline;
      this.urgent = urgent;
    }

    private void pause(String why) throws IOException {
      if (backOff == null) {
        backOff = backOff(deadline);
      }
      lastRefusal = why;
      settings.counters().increment(Counter.BACK_OFFS);
      backOff.pause(call.name() + ": " + why);
    }
  }

  /** Sends a call; waits for a slot, but not for the reply. */
  public Pending submit(Compound call, Deadline deadline) throws IOException {
    return submit(call, deadline, false);
  }

  private Pending submit(Compound call, Deadline deadline, boolean urgent) throws IOException {
    Pending pending = new Pending(call, deadline, urgent);
    takeSlot(pending, Math.max(1, deadline.leftNanos()));
    send(pending);
    return pending;
  }

  /** Sends a call if a slot is free at once; null otherwise. For callers with calls on the way. */
  public Pending trySubmit(Compound call, Deadline deadline) throws IOException {
    Pending pending = new Pending(call, deadline, false);
    pending.session = recovery.current();
    try {
      pending.slot = pending.session.slots.take(false, 0);
    } catch (InterruptedException e) {
      throw interrupted(call, e);
    }
    if (pending.slot == null) {
      return null;
    }
    send(pending);
    return pending;
  }

  private void takeSlot(Pending pending, long timeoutNanos) throws IOException {
    try {
      while (true) {
        Incarnation now = recovery.current();
        Slot slot = now.slots.take(pending.urgent, timeoutNanos);
        if (slot != null) {
          pending.session = now;
          pending.slot = slot;
          return;
        }
        if (recovery.isClosed()) {
          throw new IOException(pending.call.name() + ": the client is closed");
        }
        if (now == recovery.current() && !now.slots.isDead()) {
          throw new ClientTimeoutException(
              pending.call.name() + ": no slot of the session became free in time");
        }
        pending.deadline.check(pending.call.name(), null);
      }
    } catch (InterruptedException e) {
      throw interrupted(pending.call, e);
    }
  }

  /** Sends, or leaves a failed reply behind: {@link #finish} then recovers. */
  private void send(Pending pending) {
    Incarnation session = pending.session;
    NfsConnection connection = session.connection;
    pending.connection = connection;
    pending.isReplyTaken = false;
    pending.call.patchSequence(
        session.id, pending.slot.sequence, pending.slot.id, session.slots.highestInUse());
    pending.xid = connection.newXid();
    try {
      pending.reply = connection.send(pending.xid, pending.call.record(pending.xid));
    } catch (ConnectionLostException e) {
      pending.reply = CompletableFuture.failedFuture(e);
    }
  }

  /**
   * Gives a call up whose outcome does not matter any more. Its slot comes free when the reply
   * does.
   */
  public void abandon(Pending pending) {
    Slot slot = pending.slot;
    if (slot == null) {
      return;
    }
    pending.slot = null;
    SlotTable slots = pending.session.slots;
    if (pending.isReplyTaken) {
      slots.give(slot);
      return;
    }
    pending.reply.whenComplete((record, failure) -> {
      if (failure == null) {
        record.release();
      } else {
        slot.uncertain = true;
      }
      slot.sequence++;
      slots.give(slot);
    });
  }

  /**
   * Waits for a call's reply, with all retries that the protocol allows, and reads it.
   *
   * @throws ClientTimeoutException at the call's deadline
   */
  public <T> T finish(Pending pending, Decoder<T> decoder) throws IOException {
    boolean done = false;
    try {
      while (true) {
        ByteBuf record = await(pending);
        if (record == null) {
          continue;
        }
        try (Reply reply = new Reply(pending.call.name(), record)) {
          if (!takeSequenceResult(pending, reply)) {
            continue;
          }
          int status = reply.status();
          if ((asksForPatience(status) && isWholeRetryable(pending, reply))
              || isForgottenAnswer(pending, status)) {
            pending.pause("the server answers " + NfsStat4.name(status));
            takeSlot(pending, Math.max(1, pending.deadline.leftNanos()));
            send(pending);
            continue;
          }
          done = true;
          return decoder.decode(reply);
        } catch (XdrException e) {
          throw new ServerProtocolException(
              pending.call.name() + ": malformed reply: " + e.getMessage(), e);
        }
      }
    } finally {
      if (!done) {
        abandon(pending);
      }
    }
  }

  /** Waits for the reply on this connection; null after recovery, when it was sent again. */
  private ByteBuf await(Pending pending) throws IOException {
    long callNanos = settings.callTimeoutMillis() * 1_000_000L;
    try {
      long nanos = Math.min(callNanos, Math.max(1, pending.deadline.leftNanos()));
      ByteBuf record = pending.reply.get(nanos, TimeUnit.NANOSECONDS);
      pending.isReplyTaken = true;
      return record;
    } catch (TimeoutException e) {
      String refusal =
          pending.lastRefusal == null
              ? "no answer from " + pending.connection.peer()
              : pending.lastRefusal;
      pending.deadline.check(pending.call.name() + ": " + refusal, e);
      IOException silent =
          new IOException(
              pending.call.name() + ": no answer within " + settings.callTimeoutMillis() + " ms");
      pending.connection.fail(silent);
      pending.connection.forget(pending.xid, pending.reply);
      resend(pending, silent);
      return null;
    } catch (ExecutionException e) {
      resend(pending, e.getCause());
      return null;
    } catch (InterruptedException e) {
      throw interrupted(pending.call, e);
    }
  }

  /** After the loss of the connection: the same slot and sequence, if the session still lives. */
  private void resend(Pending pending, Throwable cause) throws IOException {
    Incarnation now =
        recovery.recover(pending.session, pending.connection, pending.deadline, cause);
    if (now == pending.session) {
      send(pending);
      return;
    }
    dropSlot(pending);
    if (!pending.call.isReplaySafe()) {
      throw new IOException(
          pending.call.name()
              + ": the session was lost with the call on its way; whether it was carried out is"
              + " unknown",
          cause);
    }
    takeSlot(pending, Math.max(1, pending.deadline.leftNanos()));
    send(pending);
  }

  private static void dropSlot(Pending pending) {
    pending.session.slots.give(pending.slot);
    pending.slot = null;
  }

  /** Handles SEQUENCE's result; false when the call was sent again and is to be awaited. */
  private boolean takeSequenceResult(Pending pending, Reply reply) throws IOException {
    int status = reply.next(NfsOp4.OP_SEQUENCE);
    Slot slot = pending.slot;
    switch (status) {
      case NfsStat4.NFS4_OK -> {
        XdrReader in = reply.in();
        SessionId4 id = SessionId4.decode(in);
        int sequence = in.int32();
        int slotId = in.int32();
        int highest = in.int32();
        int target = in.int32();
        int flags = in.int32();
        if (!id.equals(pending.session.id) || sequence != slot.sequence || slotId != slot.id) {
          throw new ServerProtocolException(
              pending.call.name() + ": SEQUENCE of another session, slot or request answered");
        }
        slot.sequence++;
        slot.uncertain = false;
        pending.session.slots.told(slot, highest, target);
        dropSlot(pending);
        keeper.onReply(pending.session, flags);
        return true;
      }
      case NfsStat4.NFS4ERR_DELAY -> {
        pending.pause("the server answers NFS4ERR_DELAY to SEQUENCE");
        send(pending);
        return false;
      }
      case NfsStat4.NFS4ERR_BADSESSION,
          NfsStat4.NFS4ERR_DEADSESSION,
          NfsStat4.NFS4ERR_BADSLOT,
          NfsStat4.NFS4ERR_BAD_HIGH_SLOT -> {
        dropSlot(pending);
        recovery.recover(pending.session, null, pending.deadline, reply.failure(status));
      }
      case NfsStat4.NFS4ERR_CONN_NOT_BOUND_TO_SESSION -> {
        pending.pause("the server says the connection is not bound");
        recovery.recover(
            pending.session, pending.connection, pending.deadline, reply.failure(status));
        dropSlot(pending);
      }
      case NfsStat4.NFS4ERR_SEQ_MISORDERED -> {
        if (slot.uncertain) {
          // A request given up earlier never reached the server: its number is still to be used.
          slot.uncertain = false;
          slot.sequence--;
          send(pending);
          return false;
        }
        // The server and we do not agree any more about this slot: only a new session helps.
        dropSlot(pending);
        recovery.recover(pending.session, null, pending.deadline, reply.failure(status));
        if (!pending.call.isReplaySafe()) {
          throw reply.failure(status);
        }
      }
      case NfsStat4.NFS4ERR_RETRY_UNCACHED_REP -> {
        slot.sequence++;
        dropSlot(pending);
        if (!pending.call.isReplaySafe()) {
          throw reply.failure(status);
        }
      }
      default -> throw reply.failure(status);
    }
    takeSlot(pending, Math.max(1, pending.deadline.leftNanos()));
    send(pending);
    return false;
  }

  private static boolean asksForPatience(int status) {
    return status == NfsStat4.NFS4ERR_DELAY || status == NfsStat4.NFS4ERR_GRACE;
  }

  /**
   * Whether the server carried out what was sent twice and knows the answer no more (RFC 8881
   * section 2.10.6.1.3). What changes something asked for its reply to be kept: all else may be
   * asked anew, as another request.
   */
  private static boolean isForgottenAnswer(Pending pending, int status) {
    return status == NfsStat4.NFS4ERR_RETRY_UNCACHED_REP
        && pending.call.isReplaySafe()
        && !pending.call.asksToKeepReply();
  }

  /** Whether the operations that did succeed may be done again. */
  private static boolean isWholeRetryable(Pending pending, Reply reply) {
    return reply.results() <= (long) pending.call.mainOperationIndex() + 1;
  }

  private static InterruptedIOException interrupted(Compound call, InterruptedException cause) {
    Thread.currentThread().interrupt();
    InterruptedIOException interrupted = new InterruptedIOException(call.name() + ": interrupted");
    interrupted.initCause(cause);
    return interrupted;
  }

  /**
   * Calls on a session that nobody else knows yet, without recovery: for reclaiming. Uses one slot.
   */
  <T> T callDuringRecovery(Incarnation fresh, Compound call, Decoder<T> decoder)
      throws IOException {
    Pending pending = new Pending(call, deadline(), false);
    pending.session = fresh;
    try {
      pending.slot = fresh.slots.take(false, 0);
    } catch (InterruptedException e) {
      throw interrupted(call, e);
    }
    boolean answered = false;
    try {
      send(pending);
      ByteBuf record =
          pending.reply.get(settings.callTimeoutMillis() * 1_000_000L, TimeUnit.NANOSECONDS);
      pending.isReplyTaken = true;
      answered = true;
      try (Reply reply = new Reply(call.name(), record)) {
        reply.ok(NfsOp4.OP_SEQUENCE);
        reply.in().skip(SessionId4.BYTES + 5 * Integer.BYTES);
        pending.slot.sequence++;
        return decoder.decode(reply);
      }
    } catch (XdrException e) {
      throw new ServerProtocolException(call.name() + ": malformed reply", e);
    } catch (ExecutionException | TimeoutException e) {
      throw new ConnectionLostException(call.name() + ": lost while reclaiming", e);
    } catch (InterruptedException e) {
      throw interrupted(call, e);
    } finally {
      if (answered) {
        dropSlot(pending);
      } else {
        abandon(pending);
      }
    }
  }

  /**
   * Destroys the session and the client id, and closes the connection. What the server does not
   * answer within one call's time is left to the lease.
   */
  @Override
  public void close() {
    keeper.close();
    recovery.close();
    Incarnation last = recovery.current();
    last.slots.kill();
    if (last.connection.isOpen()) {
      try {
        handshake.destroySession(last.connection, last.id);
        handshake.destroyClientId(last.connection, last.clientId);
      } catch (IOException e) {
        keeper.closedBadly(e);
      }
    }
    last.connection.close();
  }

  /** Closes the connection and nothing else: the server learns of it like of any dead client. */
  public void abandon() {
    keeper.close();
    recovery.close();
    Incarnation last = recovery.current();
    last.slots.kill();
    last.connection.close();
  }
}
