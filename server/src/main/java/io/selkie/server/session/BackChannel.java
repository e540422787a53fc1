package io.selkie.server.session;

import io.selkie.config.time.Timers;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.rpc.CallHandler;
import io.selkie.server.rpc.RpcConnection;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A session's back channel: CB_COMPOUNDs to the client, each led by a CB_SEQUENCE on a slot of its
 * own (RFC 8881 sections 2.10.6 and 20.9).
 *
 * <p>When the connection is lost before the answer, the same request goes out again on another one,
 * on the same slot with the same sequence id, now or when the client associates a new connection. A
 * slot whose request is not settled is never used for another one. Nobody is called with the lock
 * held. Safe for use by several threads.
 */
final class BackChannel {

  private static final Logger LOG = LoggerFactory.getLogger(BackChannel.class);
  private static final long DELAY_NANOS_FIRST = TimeUnit.MILLISECONDS.toNanos(10);
  private static final int DELAY_DOUBLINGS_MAX = 7;

  /** One slot: the request on it, if any, and the sequence id of the last one settled. */
  private static final class CallbackSlot {
    final int slotId;
    int sequenceId;
    Callback current;

    CallbackSlot(int slotId) {
      this.slotId = slotId;
    }
  }

  /** Something to do once the lock is released. */
  private static final class Todo {
    private final List<Runnable> actions = new ArrayList<>(2);

    void add(Runnable action) {
      actions.add(action);
    }

    void run() {
      actions.forEach(Runnable::run);
    }
  }

  private final SessionId4 sessionId;
  private final int minorVersion;
  private final SessionLimits limits;
  private final Timers timers;
  private final CallbackSlot[] slots;
  private final List<RpcConnection> connections = new ArrayList<>();
  private final ArrayDeque<Callback> waiting = new ArrayDeque<>();
  private RpcConnection.Call call;
  private boolean fault;
  private boolean closed;
  private volatile boolean up;
  private volatile boolean faulty;

  /**
   * Creates a back channel without a connection.
   *
   * @param attrs what was negotiated
   * @param minorVersion that of the CREATE_SESSION: callbacks carry the same
   */
  BackChannel(
      SessionId4 sessionId,
      ChannelAttrs4 attrs,
      int minorVersion,
      int program,
      CallbackSecurity security,
      SessionLimits limits,
      Timers timers) {
    this.sessionId = sessionId;
    this.minorVersion = minorVersion;
    this.limits = limits;
    this.timers = timers;
    this.slots = new CallbackSlot[(int) Math.min(attrs.maxRequests(), limits.callbackSlotsMax())];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new CallbackSlot(i);
    }
    target(program, security);
  }

  /** BACKCHANNEL_CTL: whom to call from now on, and as whom. */
  synchronized void target(int program, CallbackSecurity security) {
    call =
        security.isUsable()
            ? new RpcConnection.Call(
                program, Nfs4Const.NFS_CB, Nfs4Const.CB_COMPOUND, security.credential())
            : null;
    updateUp();
  }

  /** Whether a callback could be sent now. */
  boolean isUp() {
    return up;
  }

  /** Whether it is beyond repair (SEQ4_STATUS_BACKCHANNEL_FAULT). */
  boolean isFaulty() {
    return faulty;
  }

  /** Whether a callback sent now would not have to wait for others. */
  synchronized boolean hasFreeSlot() {
    return waiting.isEmpty() && freeSlot() != null;
  }

  /** Sends a callback, or queues it; it is told what came of it exactly once. */
  void submit(Callback callback) {
    Todo todo = new Todo();
    boolean sentAtOnce;
    synchronized (this) {
      updateUp();
      if (!up || waiting.size() >= limits.callbacksPendingMax()) {
        todo.add(() -> callback.tell(Outcome.NO_BACK_CHANNEL, 0));
      } else {
        waiting.add(callback);
        pump(todo);
      }
      sentAtOnce = callback.inFlight;
    }
    callback.timer(
        timers.schedule(limits.callbackTimeout().toNanos(), () -> lost(callback, sentAtOnce)));
    todo.run();
  }

  /**
   * Nobody answered in time. A connection that said nothing all the while makes way for another.
   */
  private void lost(Callback callback, boolean sentAtOnce) {
    RpcConnection silent = null;
    synchronized (this) {
      if (sentAtOnce && callback.inFlight && openConnection(callback.connection) != null) {
        silent = callback.connection;
      }
    }
    callback.tell(Outcome.LOST, 0);
    if (silent != null) {
      silent.close("no answer to a callback after " + limits.callbackTimeout().toMillis() + " ms");
    }
  }

  /** A connection was associated: what waits for one goes out on it. */
  void connectionAdded(RpcConnection connection) {
    Todo todo = new Todo();
    synchronized (this) {
      if (!closed) {
        connections.add(connection);
        updateUp();
        for (CallbackSlot slot : slots) {
          if (slot.current != null && !slot.current.inFlight) {
            send(slot, todo);
          }
        }
        pump(todo);
      }
    }
    todo.run();
  }

  /** A connection is gone. */
  synchronized void connectionRemoved(RpcConnection connection) {
    connections.removeIf(open -> open.id() == connection.id());
    updateUp();
  }

  /** The session is gone: nothing will be answered any more. */
  void close() {
    Todo todo = new Todo();
    synchronized (this) {
      closed = true;
      connections.clear();
      giveUp(todo);
    }
    todo.run();
  }

  private void giveUp(Todo todo) {
    for (CallbackSlot slot : slots) {
      if (slot.current != null) {
        Callback callback = slot.current;
        slot.current = null;
        todo.add(() -> callback.tell(Outcome.LOST, 0));
      }
    }
    for (Callback callback : waiting) {
      todo.add(() -> callback.tell(Outcome.NO_BACK_CHANNEL, 0));
    }
    waiting.clear();
    updateUp();
  }

  private void updateUp() {
    faulty = fault;
    up = !closed && !fault && call != null && slots.length > 0 && openConnection(null) != null;
  }

  private RpcConnection openConnection(RpcConnection except) {
    for (RpcConnection connection : connections) {
      if (connection.isOpen() && (except == null || connection.id() != except.id())) {
        return connection;
      }
    }
    return null;
  }

  private CallbackSlot freeSlot() {
    for (CallbackSlot slot : slots) {
      if (slot.current == null) {
        return slot;
      }
    }
    return null;
  }

  /** Puts waiting callbacks on free slots. */
  private void pump(Todo todo) {
    CallbackSlot slot = freeSlot();
    while (up && slot != null && !waiting.isEmpty()) {
      Callback callback = waiting.poll();
      if (!callback.isTold()) {
        slot.current = callback;
        send(slot, todo);
        slot = freeSlot();
      }
    }
  }

  private int highestSlot() {
    int highest = 0;
    for (CallbackSlot slot : slots) {
      if (slot.current != null) {
        highest = slot.slotId;
      }
    }
    return highest;
  }

  /** Sends a slot's request, for the first time or again, if there is a connection. */
  private void send(CallbackSlot slot, Todo todo) {
    RpcConnection connection = openConnection(null);
    if (connection == null || call == null) {
      return;
    }
    Callback callback = slot.current;
    callback.inFlight = true;
    callback.connection = connection;
    RpcConnection.Call target = call;
    CallbackCompound message =
        new CallbackCompound(
            minorVersion, sessionId, slot.sequenceId + 1, slot.slotId, highestSlot(), callback);
    todo.add(() ->
        connection.call(
            target,
            message::encode,
            new CallHandler() {
              @Override
              public void onReply(RpcReply header, XdrReader results) {
                replied(slot, callback, header, results);
              }

              @Override
              public void onFailure(Failure failure) {
                failed(slot, callback, connection, failure);
              }
            }));
  }

  private void replied(CallbackSlot slot, Callback callback, RpcReply header, XdrReader in) {
    CallbackCompound.Result result;
    try {
      result =
          header.isSuccess()
              ? CallbackCompound.decode(in, sessionId, slot.slotId, callback.opcode)
              : CallbackCompound.Result.BROKEN;
      if (result.hasResults()) {
        callback.results.accept(in);
      }
    } catch (XdrException _) {
      result = CallbackCompound.Result.BROKEN;
    }
    Todo todo = new Todo();
    synchronized (this) {
      callback.inFlight = false;
      if (slot.current != callback) {
        return;
      }
      if (result.sequenceStatus() == NfsStat4.NFS4ERR_DELAY) {
        retryLater(slot, callback, todo);
      } else if (result.sequenceStatus() == NfsStat4.NFS4_OK) {
        slot.sequenceId++;
        slot.current = null;
        int status = result.status();
        todo.add(() -> callback.tell(Outcome.ANSWERED, status));
        pump(todo);
      } else {
        LOG.warn(
            "back channel of session {} is out of order, the client answers CB_SEQUENCE with {}",
            sessionId,
            NfsStat4.name(result.sequenceStatus()));
        fault = true;
        giveUp(todo);
      }
    }
    todo.run();
  }

  /** The client is busy: the same request again, on the same slot, after a while. */
  private void retryLater(CallbackSlot slot, Callback callback, Todo todo) {
    long nanos = DELAY_NANOS_FIRST << Math.min(callback.delays++, DELAY_DOUBLINGS_MAX);
    todo.add(() -> timers.schedule(nanos, () -> retry(slot, callback)));
  }

  private void retry(CallbackSlot slot, Callback callback) {
    Todo todo = new Todo();
    synchronized (this) {
      if (slot.current == callback && !callback.inFlight) {
        send(slot, todo);
      }
    }
    todo.run();
  }

  private void failed(
      CallbackSlot slot, Callback callback, RpcConnection connection, CallHandler.Failure why) {
    Todo todo = new Todo();
    synchronized (this) {
      callback.inFlight = false;
      if (slot.current != callback) {
        return;
      }
      if (why == CallHandler.Failure.LOST || !connection.isOpen()) {
        connections.removeIf(open -> open.id() == connection.id());
        updateUp();
        // On another connection if there is one, else when the client associates one.
        send(slot, todo);
      } else {
        // As many calls are outstanding as the connection allows; it is tried again.
        retryLater(slot, callback, todo);
      }
    }
    todo.run();
  }
}
