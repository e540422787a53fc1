package io.selkie.rdma.iwarp;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.WorkStatus;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/**
 * One MPA/DDP/RDMAP stream without its socket: octets go in by {@link #receive}, octets come out by
 * {@link #produce}. A driver moves them.
 *
 * <pre>
 *   AWAIT_REQUEST → AWAIT_DECISION → AWAIT_FIRST_FPDU → UP      passive side
 *                          |
 *                          +-(refused)→ CLOSING
 *   AWAIT_REPLY → UP                                            active side
 *
 *   any of those ─(we found an error)→ TERMINATING → CLOSED
 *                ─(closed in order)──→ CLOSING ────→ CLOSED
 *                ─(lost, aborted, Terminate received)→ CLOSED
 * </pre>
 *
 * <p><b>Threading.</b> One thread at a time owns the connection, the driver sees to that. Only
 * {@link #abort}, {@link #state}, {@link #cause} and the send queue are for others.
 */
final class IwarpConnection {

  /** Where the stream is. */
  enum State {
    AWAIT_REQUEST,
    AWAIT_DECISION,
    AWAIT_REPLY,
    AWAIT_FIRST_FPDU,
    UP,
    TERMINATING,
    CLOSING,
    CLOSED
  }

  /** What {@link #receive} stopped for. */
  enum Signal {
    /** All that could be used is used; more octets are needed. */
    NEED_INPUT,
    /** A request is there: the driver answers by {@link #accept} or {@link #refuse}. */
    REQUEST,
    /** The peer accepted us. */
    ACCEPTED,
    /** The peer refused us; its private data is in {@link #peerPrivateData}. */
    REFUSED,
    /** A Send is complete; the driver delivers {@link #message}, then goes on receiving. */
    MESSAGE,
    /** Nothing more will be taken; the driver closes the socket once {@link #hasOutput} is not. */
    ENDED
  }

  private static final Map<State, Set<State>> EDGES = new EnumMap<>(State.class);

  static {
    EDGES.put(State.AWAIT_REQUEST, EnumSet.of(State.AWAIT_DECISION, State.CLOSED));
    EDGES.put(
        State.AWAIT_DECISION, EnumSet.of(State.AWAIT_FIRST_FPDU, State.CLOSING, State.CLOSED));
    EDGES.put(State.AWAIT_REPLY, EnumSet.of(State.UP, State.TERMINATING, State.CLOSED));
    EDGES.put(
        State.AWAIT_FIRST_FPDU,
        EnumSet.of(State.UP, State.TERMINATING, State.CLOSING, State.CLOSED));
    EDGES.put(State.UP, EnumSet.of(State.TERMINATING, State.CLOSING, State.CLOSED));
    EDGES.put(State.TERMINATING, EnumSet.of(State.CLOSED));
    EDGES.put(State.CLOSING, EnumSet.of(State.CLOSED));
    EDGES.put(State.CLOSED, EnumSet.noneOf(State.class));
  }

  private final IwarpConfig config;
  private final IwarpStatistics statistics;
  private final RegionTable regions;
  private final boolean initiator;
  private final Inbound inbound;
  private final Outbound outbound;

  private volatile State state;
  private volatile DisconnectCause cause;
  private volatile boolean aborted;

  private IwarpDomain domain;
  private SendQueue sendQueue;
  private InboundReads inboundReads;
  private MpaFrame offered;
  private MpaFrame answered;
  private boolean readyToReceiveAgreed;
  private int outboundReads;

  private IwarpConnection(
      IwarpConfig config, IwarpStatistics statistics, RegionTable regions, boolean initiator) {
    this.config = config;
    this.statistics = statistics;
    this.regions = regions;
    this.initiator = initiator;
    state = initiator ? State.AWAIT_REPLY : State.AWAIT_REQUEST;
    inbound = new Inbound(this);
    outbound = new Outbound(this);
  }

  /** The passive side of a fresh TCP connection. */
  static IwarpConnection passive(
      IwarpConfig config, IwarpStatistics statistics, RegionTable regions) {
    return new IwarpConnection(config, statistics, regions, false);
  }

  /**
   * The active side of a fresh TCP connection; its request is ready to be produced.
   *
   * @param privateData the consumer's own, see {@link MpaFrame#consumerBytesMax}
   * @param reads RDMA READs we want to have on the wire at a time
   * @param takesMessages whether Sends of the peer have somewhere to go
   */
  static IwarpConnection active(
      IwarpConfig config,
      IwarpStatistics statistics,
      RegionTable regions,
      IwarpDomain domain,
      SendQueue sendQueue,
      ByteBuffer privateData,
      int reads,
      boolean takesMessages) {
    IwarpConnection connection = new IwarpConnection(config, statistics, regions, true);
    connection.domain = domain;
    connection.sendQueue = sendQueue;
    connection.outboundReads = reads;
    connection.inbound.takesMessages(takesMessages);
    boolean enhanced = config.mpaRevision() >= 2;
    connection.offered =
        new MpaFrame(
            false,
            false,
            config.crc(),
            false,
            config.mpaRevision(),
            enhanced
                ? new MpaFrame.Enhanced(
                    true, true, true, true, config.limits().maxInboundReads(), reads)
                : null,
            privateData);
    connection.outbound.handshake(connection.offered);
    return connection;
  }

  // ---- set-up ----

  /** Takes a request or reply out of the buffer. */
  private Signal handshake(ReceiveBuffer in) {
    MpaFrame frame;
    ByteBuffer window = in.window();
    int before = window.position();
    try {
      frame = MpaFrame.decode(window, initiator);
    } catch (MpaFrame.BadFrameException e) {
      return failHandshake(e.getMessage());
    }
    if (frame == null) {
      return Signal.NEED_INPUT;
    }
    in.consume(window.position() - before);
    if (initiator) {
      return reply(frame);
    }
    if (!in.isEmpty()) {
      return failHandshake("the peer sent octets behind its MPA request before our reply");
    }
    offered = frame;
    transition(State.AWAIT_DECISION);
    return Signal.REQUEST;
  }

  private Signal failHandshake(String why) {
    statistics.add(IwarpStatistics.Counter.HANDSHAKE_FAILURES, 1);
    end(DisconnectCause.Kind.LOCAL_ERROR, why, -1, WorkStatus.PROTOCOL_ERROR);
    return Signal.ENDED;
  }

  private Signal reply(MpaFrame reply) {
    answered = reply;
    if (reply.rejected()) {
      end(DisconnectCause.Kind.REMOTE_CLOSE, "the peer refused", -1, WorkStatus.FLUSHED);
      return Signal.REFUSED;
    }
    MpaFrame.Enhanced theirs = reply.enhanced();
    if ((offered.enhanced() == null) != (theirs == null)) {
      return failHandshake(
          offered.enhanced() == null
              ? "the peer answered a plain request with enhanced data"
              : "the peer answered an enhanced request without enhanced data (RFC 6581)");
    }
    if (reply.revision() != offered.revision()) {
      return failHandshake(
          "the peer answered MPA revision %d with revision %d"
              .formatted(offered.revision(), reply.revision()));
    }
    inboundReads = new InboundReads(config.limits().maxInboundReads());
    agree();
    if (theirs != null) {
      if (theirs.inboundReads() != MpaFrame.DEPTH_NOT_NEGOTIATED) {
        outboundReads = Math.min(outboundReads, theirs.inboundReads());
      }
      boolean tooMany =
          theirs.outboundReads() != MpaFrame.DEPTH_NOT_NEGOTIATED
              && theirs.outboundReads() > config.limits().maxInboundReads();
      if (tooMany) {
        return terminate(TerminateMessage.bare(TerminateCode.MPA_INSUFFICIENT_IRD), false);
      }
      if (theirs.peerToPeer()) {
        if (theirs.rtrWrite()) {
          outbound.readyToReceive(Fpdu.WRITE);
        } else if (theirs.rtrRead()) {
          outbound.readyToReceive(Fpdu.READ_REQUEST);
        } else if (theirs.rtrSend()) {
          outbound.readyToReceive(Fpdu.SEND);
        } else {
          return terminate(TerminateMessage.bare(TerminateCode.MPA_NO_MATCHING_RTR), false);
        }
      }
    }
    transition(State.UP);
    return Signal.ACCEPTED;
  }

  /** CRC when either side wants it; markers when the receiver does: RFC 5044 section 7.1.1. */
  private void agree() {
    boolean crc = offered.crc() || answered.crc();
    inbound.crc(crc);
    outbound.agreed(crc, initiator ? answered.markers() : offered.markers());
  }

  /** Private data of the peer's request or reply, read only. */
  ByteBuffer peerPrivateData() {
    return (initiator ? answered : offered).privateData().duplicate();
  }

  /** Most private data an answer can carry. */
  int answerBytesMax() {
    return MpaFrame.consumerBytesMax(offered.enhanced() != null);
  }

  /** Accepts the request that {@link Signal#REQUEST} announced. */
  void accept(IwarpDomain owner, SendQueue queue, ByteBuffer privateData) {
    domain = owner;
    sendQueue = queue;
    inbound.takesMessages(config.limits().maxMessageBytes() > 0);
    MpaFrame.Enhanced theirs = offered.enhanced();
    int inboundMax = config.limits().maxInboundReads();
    int inboundAgreed = inboundMax;
    outboundReads = inboundMax;
    MpaFrame.Enhanced ours = null;
    if (theirs != null) {
      boolean namesOutbound = theirs.outboundReads() != MpaFrame.DEPTH_NOT_NEGOTIATED;
      boolean namesInbound = theirs.inboundReads() != MpaFrame.DEPTH_NOT_NEGOTIATED;
      if (namesOutbound) {
        // At least one when the ready-to-receive FPDU may be a read.
        inboundAgreed = Math.min(inboundMax, theirs.outboundReads());
        inboundAgreed = theirs.peerToPeer() ? Math.max(1, inboundAgreed) : inboundAgreed;
      }
      if (namesInbound) {
        outboundReads = Math.min(outboundReads, theirs.inboundReads());
      }
      readyToReceiveAgreed = theirs.peerToPeer();
      ours =
          new MpaFrame.Enhanced(
              theirs.peerToPeer(),
              theirs.peerToPeer(),
              theirs.peerToPeer(),
              theirs.peerToPeer(),
              namesOutbound ? inboundAgreed : MpaFrame.DEPTH_NOT_NEGOTIATED,
              namesInbound ? outboundReads : MpaFrame.DEPTH_NOT_NEGOTIATED);
    }
    inboundReads = new InboundReads(Math.max(1, inboundAgreed));
    boolean crc = config.crc() || offered.crc();
    answered = new MpaFrame(true, false, crc, false, offered.revision(), ours, privateData);
    agree();
    outbound.handshake(answered);
    transition(State.AWAIT_FIRST_FPDU);
  }

  /** Refuses the request that {@link Signal#REQUEST} announced. */
  void refuse(ByteBuffer privateData) {
    MpaFrame.Enhanced theirs = offered.enhanced();
    answered =
        new MpaFrame(
            true,
            false,
            config.crc() || offered.crc(),
            true,
            offered.revision(),
            theirs == null ? null : new MpaFrame.Enhanced(false, false, false, false, 0, 0),
            privateData);
    outbound.handshake(answered);
    fixCause(DisconnectCause.Kind.LOCAL_CLOSE, "we refused the connection");
    transition(State.CLOSING);
  }

  /** Whether we refused the peer. */
  boolean isRefused() {
    return !initiator && answered != null && answered.rejected();
  }

  // ---- the stream ----

  /** Uses what the buffer holds, up to the next thing the driver must know of. */
  Signal receive(ReceiveBuffer in) {
    while (true) {
      switch (state) {
        case AWAIT_REQUEST, AWAIT_REPLY -> {
          return handshake(in);
        }
        case AWAIT_DECISION -> {
          return Signal.NEED_INPUT;
        }
        case AWAIT_FIRST_FPDU, UP -> {
          if (aborted) {
            in.clear();
            return Signal.ENDED;
          }
          Signal signal = inbound.next(in);
          if (signal != null) {
            return signal;
          }
        }
        case TERMINATING, CLOSING, CLOSED -> {
          in.clear();
          return Signal.ENDED;
        }
      }
    }
  }

  /** The Send that {@link Signal#MESSAGE} announced; valid until the next receive. */
  ByteBuffer message() {
    return inbound.message();
  }

  /** The key it took back, or 0. */
  int invalidatedKey() {
    return inbound.invalidatedKey();
  }

  /** Whether {@link #produce} would put something into a chunk. */
  boolean hasOutput() {
    return outbound.hasOutput();
  }

  /** Appends to the chunk what can go out now, as far as there is room. */
  void produce(Chunk chunk) {
    outbound.produce(chunk);
  }

  /** The kernel has taken so many octets more. */
  void written(long bytes) {
    outbound.written(bytes);
  }

  // ---- ends ----

  /** Ends in order: what is assembled goes out, nothing is begun any more. Idempotent. */
  void close() {
    if (state == State.UP || state == State.AWAIT_FIRST_FPDU) {
      fixCause(DisconnectCause.Kind.LOCAL_CLOSE, "closed by this side");
      transition(State.CLOSING);
      sendQueue.fail(-1, WorkStatus.FLUSHED);
      inboundReads.clear();
    } else if (state != State.TERMINATING && state != State.CLOSING && state != State.CLOSED) {
      end(DisconnectCause.Kind.LOCAL_CLOSE, "closed by this side", -1, WorkStatus.FLUSHED);
    }
  }

  /**
   * Breaks it. Any thread. When this returns no access to a region can begin any more; the driver
   * still has to close the socket and to call {@link #lost}.
   */
  void abort(String reason) {
    fixCause(DisconnectCause.Kind.LOCAL_ABORT, reason);
    aborted = true;
    SendQueue queue = sendQueue;
    if (queue != null) {
      queue.fail(-1, WorkStatus.FLUSHED);
    }
  }

  /** Whether an access that has been counted in may go on; see {@link #abort}. */
  boolean mayAccess() {
    return !aborted;
  }

  /** The socket is gone; nothing is begun any more. Idempotent. */
  void lost(DisconnectCause.Kind kind, String detail) {
    if (state != State.CLOSED) {
      WorkStatus status =
          kind == DisconnectCause.Kind.LOCAL_ABORT || kind == DisconnectCause.Kind.LOCAL_CLOSE
              ? WorkStatus.FLUSHED
              : WorkStatus.CONNECTION_LOST;
      end(kind, detail, sendQueue == null ? -1 : sendQueue.oldestUnfinished(), status);
    }
  }

  /** We found an error in what the peer sent: says so and ends. */
  Signal terminate(TerminateMessage message, boolean answerReads) {
    fixCause(DisconnectCause.Kind.LOCAL_ERROR, "we ended it: " + message.code().text());
    statistics.terminateSent(message.code());
    outbound.terminate(message, answerReads);
    transition(State.TERMINATING);
    if (sendQueue != null) {
      sendQueue.fail(sendQueue.oldestUnfinished(), WorkStatus.PROTOCOL_ERROR);
    }
    return Signal.ENDED;
  }

  /** A request of ours cannot be sent: the peer is told of a local catastrophic error. */
  void failLocally(long sequence) {
    sendQueue.fail(sequence, WorkStatus.LOCAL_PROTECTION_ERROR);
    terminate(TerminateMessage.bare(TerminateCode.LOCAL_CATASTROPHIC), false);
  }

  /** The peer sent Terminate. */
  Signal terminated(TerminateMessage.Received received) {
    statistics.terminateReceived(received.code());
    long culprit = -1;
    if (received.hasHeader() && received.tagged()) {
      culprit = sendQueue.unfinishedWrite(received.key(), received.offset());
    } else if (received.hasHeader() && received.queue() == Fpdu.QN_READ_REQUEST) {
      culprit = sendQueue.readAfterOldest(outbound.readIndex(received.sequence()));
    }
    if (culprit < 0) {
      culprit = sendQueue.oldestUnfinished();
    }
    WorkStatus status =
        received.code() == null ? WorkStatus.PROTOCOL_ERROR : received.code().status();
    end(
        DisconnectCause.Kind.REMOTE_ERROR,
        "the peer ended it: " + received.text(),
        culprit,
        status);
    return Signal.ENDED;
  }

  private void end(DisconnectCause.Kind kind, String detail, long culprit, WorkStatus status) {
    fixCause(kind, detail);
    transition(State.CLOSED);
    if (sendQueue != null) {
      sendQueue.fail(culprit, status);
    }
    if (inboundReads != null) {
      inboundReads.clear();
    }
  }

  private synchronized void fixCause(DisconnectCause.Kind kind, String detail) {
    if (cause == null) {
      cause = new DisconnectCause(kind, detail);
    }
  }

  void transition(State next) {
    if (!EDGES.get(state).contains(next)) {
      throw new IllegalStateException("iWARP connection: no way from " + state + " to " + next);
    }
    state = next;
  }

  // ---- what the halves and the driver ask ----

  State state() {
    return state;
  }

  DisconnectCause cause() {
    return cause;
  }

  boolean isUp() {
    State now = state;
    return !aborted && (now == State.UP || now == State.AWAIT_FIRST_FPDU);
  }

  /** Whether the passive side still waits for the FPDU that RFC 6581 makes the peer send first. */
  boolean awaitsReadyToReceive() {
    return state == State.AWAIT_FIRST_FPDU && readyToReceiveAgreed;
  }

  IwarpConfig config() {
    return config;
  }

  IwarpStatistics statistics() {
    return statistics;
  }

  RegionTable regions() {
    return regions;
  }

  IwarpDomain domain() {
    return domain;
  }

  SendQueue sendQueue() {
    return sendQueue;
  }

  InboundReads inboundReads() {
    return inboundReads;
  }

  Inbound inbound() {
    return inbound;
  }

  /** RDMA READs we may have on the wire at a time (ORD). */
  int outboundReads() {
    return outboundReads;
  }

  @Override
  public String toString() {
    return "iWARP connection %s, %s%s"
        .formatted(
            initiator ? "we opened" : "we accepted",
            state,
            offered == null ? "" : ", request of " + offered.privateData().remaining() + " octets");
  }
}
