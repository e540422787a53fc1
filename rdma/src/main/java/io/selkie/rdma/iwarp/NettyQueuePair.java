package io.selkie.rdma.iwarp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.ReferenceCountUtil;
import io.selkie.config.time.NanoClock;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.iwarp.IwarpConnection.State;
import io.selkie.rdma.iwarp.IwarpStatistics.Counter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A queue pair of the passive side: the event loop that owns its channel owns its stream. Octets
 * are received, placed, fetched and sent on that thread; others only post, abort and reap.
 */
final class NettyQueuePair extends AbstractQueuePair {

  private static final Logger LOG = LoggerFactory.getLogger(NettyQueuePair.class);

  /** Chunks sent in one go before other connections of the loop get their turn. */
  private static final int CHUNKS_PER_TURN = 8;

  private final NettyDriver driver;
  private final ConnectionAcceptor acceptor;
  private final Channel channel;
  private final LoopBuffers buffers;
  private final IwarpConnection connection;
  private final NanoClock clock;
  private final String remoteAddress;
  private final Handler handler = new Handler();
  private final Runnable turn = this::takeTurn;
  private final AtomicBoolean turnIsDue = new AtomicBoolean();
  private final ArrayDeque<Chunk> inFlight = new ArrayDeque<>();

  private volatile SendQueue sendQueue;
  private QueuePairListener listener;
  private ReceiveBuffer in;
  private int queuedBytes;
  private Future<?> handshakeTimer;
  private boolean pumping;
  private boolean lingering;
  private boolean outputShut;
  private boolean established;
  private boolean peerSpins;

  NettyQueuePair(
      NettyDriver driver, ConnectionAcceptor acceptor, Channel channel, LoopBuffers buffers) {
    this.driver = driver;
    this.acceptor = acceptor;
    this.channel = channel;
    this.buffers = buffers;
    this.clock = driver.clock();
    remoteAddress = String.valueOf(channel.remoteAddress());
    connection = IwarpConnection.passive(driver.config(), driver.statistics(), driver.regions());
  }

  ChannelInboundHandlerAdapter handler() {
    return handler;
  }

  @Override
  IwarpConnection connection() {
    return connection;
  }

  @Override
  SendQueue sendQueue() {
    return sendQueue;
  }

  @Override
  public String remoteAddress() {
    return remoteAddress;
  }

  // ---- any thread ----

  @Override
  void kick() {
    if (channel.eventLoop().inEventLoop()) {
      pump();
    } else {
      requestTurn();
    }
  }

  private void requestTurn() {
    if (turnIsDue.compareAndSet(false, true)) {
      execute(turn);
    }
  }

  private void execute(Runnable task) {
    try {
      channel.eventLoop().execute(task);
    } catch (RejectedExecutionException e) {
      LOG.debug("{}: the event loop is shut down already", remoteAddress, e);
    }
  }

  @Override
  public int poll(Sink sink, int limit) {
    return reap(sink, limit);
  }

  @Override
  public int await(Sink sink, int limit, long timeoutNanos) throws InterruptedException {
    long start = clock.nanoTime();
    while (true) {
      int given = reap(sink, limit);
      long left = timeoutNanos - (clock.nanoTime() - start);
      if (given > 0 || left <= 0 || (!isUp() && sendQueue.isIdle())) {
        return given;
      }
      sendQueue.awaitCompletion(left, clock);
    }
  }

  @Override
  public void close() {
    execute(() -> {
      connection.close();
      pump();
    });
  }

  @Override
  public void abort(String reason) {
    connection.abort(reason);
    execute(this::closeChannel);
  }

  @Override
  public void abortIfHolding(IwarpRegion region) {
    execute(() -> {
      for (Chunk chunk : inFlight) {
        if (chunk.holds(region)) {
          connection.abort("accesses to a region were aborted; this peer does not read");
          closeChannel();
          return;
        }
      }
    });
  }

  // ---- the event loop ----

  private void takeTurn() {
    turnIsDue.set(false);
    pump();
  }

  private void closeChannel() {
    var _ = channel.close();
  }

  /** The buffer Netty reads into next. */
  ByteBuf receiveBuffer() {
    if (in == null) {
      in = buffers.takeReceiveBuffer();
    }
    return in.netty.prepare();
  }

  private void received() {
    boolean more = true;
    while (more) {
      switch (connection.receive(in)) {
        case NEED_INPUT, ENDED, ACCEPTED, REFUSED -> more = false;
        case REQUEST -> decide();
        case MESSAGE -> listener.onMessage(connection.message(), connection.invalidatedKey());
      }
    }
    endHandshakeTimer();
    if (in.isEmpty()) {
      giveReceiveBuffer();
    } else {
      in.compact();
    }
  }

  private void giveReceiveBuffer() {
    if (in != null) {
      buffers.give(in);
      in = null;
    }
  }

  private void decide() {
    ByteBuffer data = connection.peerPrivateData();
    var request =
        new ConnectionAcceptor.ConnectionRequest() {
          @Override
          public ByteBuffer privateData() {
            return data.duplicate();
          }

          @Override
          public String remoteAddress() {
            return remoteAddress;
          }
        };
    switch (acceptor.onRequest(request)) {
      case ConnectionAcceptor.Accept accept -> accept(accept);
      case ConnectionAcceptor.Refuse refuse -> refuse(copyOf(refuse.privateData()));
    }
  }

  private void accept(ConnectionAcceptor.Accept accept) {
    ByteBuffer answer = copyOf(accept.privateData());
    if (!(accept.domain() instanceof IwarpDomain domain)) {
      throw new IllegalArgumentException(
          "a connection was accepted into " + accept.domain() + ", which is not of this provider");
    }
    SendQueue queue = new SendQueue(NettyDriver.SEND_QUEUE_DEPTH);
    listener = accept.listener();
    peerSpins = accept.peerSpins();
    sendQueue = queue;
    connection.accept(domain, queue, answer);
    established = true;
    driver.statistics().add(Counter.LIVE_QUEUE_PAIRS, 1);
    if (!domain.join(this)) {
      abort("the protection domain of " + domain.owner() + " is closed");
    }
    listener.onEstablished(this);
  }

  private void refuse(ByteBuffer answer) {
    driver.statistics().add(Counter.REFUSED, 1);
    connection.refuse(answer);
  }

  private ByteBuffer copyOf(ByteBuffer data) {
    int most = connection.answerBytesMax();
    if (data.remaining() > most) {
      throw new IllegalArgumentException(
          "private data of %d octets; %d are allowed".formatted(data.remaining(), most));
    }
    byte[] copy = new byte[data.remaining()];
    data.duplicate().get(copy);
    return ByteBuffer.wrap(copy);
  }

  /** Sends what there is, as far as the socket takes it. */
  private void pump() {
    if (pumping || !channel.isOpen()) {
      return;
    }
    pumping = true;
    try {
      int chunks = 0;
      int queuedMax = driver.config().limits().queuedBytesMax();
      while (queuedBytes < queuedMax && connection.hasOutput()) {
        if (chunks++ == CHUNKS_PER_TURN) {
          requestTurn();
          break;
        }
        Chunk chunk = buffers.takeChunk();
        connection.produce(chunk);
        int length = chunk.bytes().position();
        if (length == 0) {
          chunk.release();
          buffers.give(chunk);
          break;
        }
        queuedBytes += length;
        inFlight.addLast(chunk);
        // Each chunk is handed over while it is still in the cache.
        var _ = channel.write(chunk.netty.prepare(this, length), channel.voidPromise());
        channel.flush();
      }
    } finally {
      pumping = false;
    }
    endWhenDone();
  }

  /** Netty is done with a chunk: it is in the kernel, or the channel is gone. */
  void onChunkDone(Chunk chunk) {
    int length = chunk.bytes().position();
    queuedBytes -= length;
    inFlight.remove(chunk);
    if (channel.isOpen()) {
      connection.written(length);
    }
    chunk.release();
    buffers.give(chunk);
    if (!pumping && (connection.hasOutput() || isEnding())) {
      requestTurn();
    }
  }

  private boolean isEnding() {
    return switch (connection.state()) {
      case TERMINATING, CLOSING, CLOSED -> true;
      default -> false;
    };
  }

  /**
   * An ended stream: its last octets go out, then our half is closed, and the peer's octets are
   * thrown away until it closes too. A socket closed with octets unread would be reset, and a reset
   * can overtake the Terminate. After a refusal it is the initiator who closes (RFC 5044 section
   * 7.1.4.2); there are peers that see an end which comes with the reply first, and lose what it
   * says.
   */
  private void endWhenDone() {
    if (connection.state() == State.CLOSED) {
      closeChannel();
    } else if (isEnding()) {
      if (!lingering) {
        lingering = true;
        var _ = schedule(driver.config().limits().lingerMillis(), this::closeChannel);
      }
      if (!outputShut && !connection.isRefused() && queuedBytes == 0 && !connection.hasOutput()) {
        outputShut = true;
        var _ = ((DuplexChannel) channel).shutdownOutput();
      }
    }
  }

  private Future<?> schedule(int millis, Runnable task) {
    return channel.eventLoop().schedule(task, millis, TimeUnit.MILLISECONDS);
  }

  /** A timer that runs makes each sleep of the loop dearer, so it goes when the set-up is over. */
  private void endHandshakeTimer() {
    if (handshakeTimer != null
        && connection.state() != State.AWAIT_REQUEST
        && !connection.awaitsReadyToReceive()) {
      handshakeTimer.cancel(false);
      handshakeTimer = null;
    }
  }

  private void onHandshakeTimeout() {
    State state = connection.state();
    if (state == State.AWAIT_REQUEST || connection.awaitsReadyToReceive()) {
      driver.statistics().add(Counter.HANDSHAKE_FAILURES, 1);
      connection.lost(
          DisconnectCause.Kind.LOCAL_ERROR,
          "the peer did not finish the MPA set-up within %d ms"
              .formatted(driver.config().limits().handshakeTimeoutMillis()));
      closeChannel();
    }
  }

  private void gone() {
    if (handshakeTimer != null) {
      handshakeTimer.cancel(false);
    }
    connection.lost(DisconnectCause.Kind.REMOTE_CLOSE, "the peer closed the connection");
    giveReceiveBuffer();
    if (!inFlight.isEmpty()) {
      throw new IllegalStateException(
          remoteAddress + ": " + inFlight.size() + " chunks outlived their channel");
    }
    driver.forget(this);
    if (established) {
      driver.statistics().add(Counter.LIVE_QUEUE_PAIRS, -1);
      connection.domain().leave(this);
      listener.onClosed(connection.cause());
    } else {
      LOG.info("iWARP connection from {} ended: {}", remoteAddress, connection.cause().detail());
    }
  }

  /** The channel's events; kept apart so that the queue pair shows none of it. */
  private final class Handler extends ChannelInboundHandlerAdapter {

    @Override
    public void channelActive(ChannelHandlerContext context) {
      handshakeTimer =
          schedule(
              driver.config().limits().handshakeTimeoutMillis(),
              NettyQueuePair.this::onHandshakeTimeout);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object octets) {
      if (octets instanceof NettyReceiveBuffer buffer && buffer.fill(in)) {
        received();
      } else {
        ReferenceCountUtil.release(octets);
        throw new IllegalStateException("octets arrived in a buffer that is not ours");
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      pump();
      if (in != null && in.isEmpty()) {
        giveReceiveBuffer();
      }
      if (peerSpins) {
        driver.spinForPeer();
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      gone();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable trouble) {
      if (trouble instanceof IOException) {
        connection.lost(
            DisconnectCause.Kind.TRANSPORT_FAILURE, "the socket failed: " + trouble.getMessage());
      } else {
        LOG.error("{}: unexpected error, the queue pair is broken", remoteAddress, trouble);
        connection.abort("internal error: " + trouble);
      }
      closeChannel();
    }
  }
}
