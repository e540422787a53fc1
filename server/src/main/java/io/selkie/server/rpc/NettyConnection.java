package io.selkie.server.rpc;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.util.ReferenceCountUtil;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.rpc.RecordAssembler.BadRecordException;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One TCP connection: records in, calls out to their program, replies back, calls to the peer.
 *
 * <p><b>Threading.</b> Everything but the methods of {@link RpcConnection} and {@link #finished}
 * runs on the channel's event loop. Finished exchanges come back through a list that other threads
 * push to; the first push wakes the event loop, which writes all of them and flushes once.
 *
 * <p><b>Back-pressure.</b> Nothing is read while as many requests are under way as are allowed, or
 * while the peer does not take what was sent, and while the {@link MemoryBudget} of all connections
 * leaves nothing for this one. What was already read waits in {@link #pending}.
 */
final class NettyConnection extends ChannelInboundHandlerAdapter implements RpcConnection {

  private static final Logger LOG = LoggerFactory.getLogger(NettyConnection.class);

  private final long id;
  private final Channel channel;
  private final SocketAddress remoteAddress;
  private final RpcLimits limits;
  private final RpcDispatcher dispatcher;
  private final MemoryBudget budget;
  private final MemoryBudget.Share share;
  private final LargeBuffers large;
  private final RecordAssembler assembler;
  private final RecordAssembler.Sink sink = this::onRecord;
  private final XdrReader replyReader = new XdrReader();
  private final OutboundCalls calls;
  private final ConnectionWatch watch;
  private final AtomicReference<NettyExchange> finished = new AtomicReference<>();
  private final Runnable drain = this::drainFinished;
  private final ArrayDeque<NettyExchange> idle = new ArrayDeque<>();
  private final ArrayDeque<ByteBuf> pending = new ArrayDeque<>();
  private final List<Runnable> closeActions = new ArrayList<>();

  private int inFlight;
  private boolean inConsume;
  private boolean needsFlush;
  private boolean reading = true;
  private boolean waitsForBytes;

  /** What of the budget is in the buffer of the record that comes in. */
  private int recordCharge;

  /** What of it is in replies written to the channel, and whether they are waited for. */
  private long queuedCharge;

  private long awaitedCharge;
  private boolean awaitsSent;
  private boolean closed;
  private volatile boolean closing;
  private volatile BooleanSupplier needed = () -> false;

  NettyConnection(
      long id,
      Channel channel,
      RpcLimits limits,
      MemoryBudget budget,
      LargeBuffers large,
      RpcDispatcher dispatcher,
      NanoClock clock,
      Timers timers,
      int firstXid) {
    this.id = id;
    this.channel = channel;
    this.remoteAddress = channel.remoteAddress();
    this.limits = limits;
    this.dispatcher = dispatcher;
    this.budget = budget;
    this.large = large;
    this.share = budget.share(id, this::wake);
    this.assembler =
        new RecordAssembler(channel.alloc(), large, limits.requestBytesMax(), this::isPlenty);
    this.calls = new OutboundCalls(limits.callsMax(), firstXid);
    this.watch = new ConnectionWatch(this, channel.eventLoop(), limits, clock, timers);
  }

  /** The buffer that the next bytes from the socket belong in, if they belong in one. */
  ByteBuf receiveBuffer() {
    if (!pending.isEmpty() || !mayTakeMore()) {
      return null;
    }
    ByteBuf buffer = assembler.receiveBuffer();
    chargeRecord();
    // What is read may have to be kept, so little is read at a time when memory is short.
    return buffer != null || isPlenty(0)
        ? buffer
        : channel.alloc().directBuffer(RecordAssembler.SHORT_BYTES);
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    watch.connected();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (closed || closing || !(message instanceof ByteBuf chunk)) {
      ReferenceCountUtil.release(message);
      return;
    }
    if (pending.isEmpty()) {
      consume(chunk);
    } else {
      hold(chunk);
      pending.add(chunk);
    }
    updateReading();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    flush();
    watch.inRecord(assembler.inRecord());
    updateReading();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    resume();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    end();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof OutOfMemoryError) {
      outOfMemory(cause);
    } else if (cause instanceof java.io.IOException) {
      close(cause.getMessage());
    } else {
      LOG.error("connection {} from {} fails: defect in a handler", id, remoteAddress, cause);
      close("internal error");
    }
  }

  /** This connection asked for what is not there: it goes, others stay. Safe on any thread. */
  void outOfMemory(Throwable cause) {
    LOG.error("connection {} from {} finds no memory for its buffers", id, remoteAddress, cause);
    close("out of memory");
  }

  /** Hands on the records of a chunk, as many as may be under way; keeps the rest for later. */
  private void consume(ByteBuf chunk) {
    boolean keep = false;
    inConsume = true;
    try {
      assembler.consume(chunk, sink, this::mayTakeMore);
      keep = chunk.isReadable() && !closed;
    } catch (BadRecordException e) {
      close(e.getMessage());
    } finally {
      inConsume = false;
      chargeRecord();
      if (keep) {
        hold(chunk);
        pending.addFirst(chunk);
      } else {
        chunk.release();
      }
    }
  }

  private boolean mayTakeMore() {
    return mayTakeMoreButFor() && hasBytes();
  }

  private boolean mayTakeMoreButFor() {
    return !closed && !closing && inFlight < limits.inFlightMax() && channel.isWritable();
  }

  private boolean hasBytes() {
    return assembler.inRecord() ? share.mayGoOn() : share.mayBegin();
  }

  /** The budget has bytes again, perhaps for this connection. Called on any thread. */
  private void wake() {
    try {
      channel
          .eventLoop()
          .execute(() -> {
            waitsForBytes = false;
            resume();
            budget.passOn();
          });
    } catch (RejectedExecutionException _) {
      // The transport is stopped, and all its connections with it.
    }
  }

  private void hold(ByteBuf chunk) {
    share.take(chunk.capacity());
  }

  private boolean isPlenty(int bytes) {
    return budget.free() - bytes > budget.total() / 2;
  }

  private ByteBuf nextPending() {
    ByteBuf chunk = pending.poll();
    share.give(chunk.capacity());
    return chunk;
  }

  private void chargeRecord() {
    int held = assembler.heldBytes();
    int more = held - recordCharge;
    recordCharge = held;
    if (more > 0) {
      share.take(more);
    } else {
      share.give(-more);
    }
  }

  /** Goes on with what was held back, if it may. */
  private void resume() {
    if (inConsume) {
      return;
    }
    while (!pending.isEmpty() && mayTakeMore()) {
      consume(nextPending());
    }
    flush();
    updateReading();
  }

  private void updateReading() {
    boolean mayRead = pending.isEmpty() && mayTakeMore();
    if (mayRead != reading) {
      reading = mayRead;
      channel.config().setAutoRead(mayRead);
    }
    if (!mayRead && mayTakeMoreButFor() && !hasBytes()) {
      waitsForBytes = true;
      share.await(assembler.inRecord());
    } else if (waitsForBytes) {
      waitsForBytes = false;
      share.leave();
    }
  }

  private void onRecord(ByteBuf record, int offset, int length) {
    if (length < 2 * Integer.BYTES) {
      close("record of " + length + " bytes, too short for any message");
      return;
    }
    int xid = record.getInt(offset);
    int type = record.getInt(offset + Integer.BYTES);
    try {
      switch (type) {
        case RpcConst.CALL -> onCall(xid, record, offset, length);
        case RpcConst.REPLY -> onReply(xid, record, offset, length);
        default -> close("message that is neither call nor reply");
      }
    } catch (XdrException e) {
      close("malformed RPC header: " + e.getMessage());
    }
  }

  private void onReply(int xid, ByteBuf record, int offset, int length) {
    int header = 2 * Integer.BYTES;
    replyReader.wrap(record.nioBuffer(offset + header, length - header));
    try {
      if (!calls.onReply(xid, replyReader)) {
        LOG.debug("connection {}: reply to nothing, xid {}", id, xid);
      }
    } finally {
      replyReader.release();
    }
  }

  private void onCall(int xid, ByteBuf record, int offset, int length) {
    NettyExchange exchange = idle.poll();
    if (exchange == null) {
      exchange = new NettyExchange(this, share, large);
    }
    inFlight++;
    try {
      exchange.begin(record, offset, length, channel.alloc(), limits.replyBytesMax());
    } catch (OutOfMemoryError e) {
      exchange.end();
      throw e;
    }
    exchange.args().position(exchange.args().position() + 2 * Integer.BYTES);
    RpcCall.Verdict verdict;
    try {
      verdict = exchange.header().decode(xid, exchange.args());
    } catch (XdrException e) {
      exchange.drop();
      throw e;
    }
    watch.called();
    dispatcher.dispatch(exchange, verdict);
  }

  /** Takes an exchange back from whatever thread finished it. */
  void finished(NettyExchange exchange) {
    if (channel.eventLoop().inEventLoop()) {
      finish(exchange);
      if (!inConsume) {
        resume();
      }
      return;
    }
    NettyExchange before;
    do {
      before = finished.get();
      exchange.next = before;
    } while (!finished.compareAndSet(before, exchange));
    if (before == null) {
      try {
        channel.eventLoop().execute(drain);
      } catch (RejectedExecutionException e) {
        LOG.debug("connection {}: reply dropped, the transport is stopped", id, e);
      }
    }
  }

  private void drainFinished() {
    NettyExchange newest = finished.getAndSet(null);
    NettyExchange oldest = null;
    while (newest != null) {
      NettyExchange next = newest.next;
      newest.next = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != null) {
      NettyExchange next = oldest.next;
      oldest.next = null;
      finish(oldest);
      oldest = next;
    }
    resume();
  }

  private void finish(NettyExchange exchange) {
    if (exchange.toSend && !closed) {
      queuedCharge += exchange.recordCharge();
      channel.write(exchange.takeRecord(), channel.voidPromise());
      needsFlush = true;
    }
    exchange.end();
    inFlight--;
    if (!closed && idle.size() < limits.inFlightMax()) {
      idle.add(exchange);
    }
  }

  private void flush() {
    if (needsFlush) {
      needsFlush = false;
      channel.flush();
    }
    giveSent();
  }

  /** Gives back what the peer took; where it did not take all, notes when it has. */
  private void giveSent() {
    if (queuedCharge == 0 || awaitsSent || closed) {
      return;
    }
    ChannelOutboundBuffer out = channel.unsafe().outboundBuffer();
    if (out == null || out.isEmpty()) {
      long back = queuedCharge;
      queuedCharge = 0;
      share.give(back);
      return;
    }
    awaitsSent = true;
    awaitedCharge = queuedCharge;
    watch.unsent(true);
    channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(_ -> sent());
  }

  private void sent() {
    if (closed) {
      return;
    }
    awaitsSent = false;
    watch.unsent(false);
    queuedCharge -= awaitedCharge;
    share.give(awaitedCharge);
    giveSent();
    resume();
  }

  private void end() {
    if (closed) {
      return;
    }
    closed = true;
    watch.close();
    assembler.close();
    chargeRecord();
    while (!pending.isEmpty()) {
      nextPending().release();
    }
    share.leave();
    share.give(queuedCharge);
    queuedCharge = 0;
    idle.clear();
    calls.loseAll();
    List<Runnable> actions = List.copyOf(closeActions);
    closeActions.clear();
    for (Runnable action : actions) {
      runCloseAction(action);
    }
  }

  private void runCloseAction(Runnable action) {
    try {
      action.run();
    } catch (RuntimeException e) {
      LOG.error("connection {}: an action on its end fails", id, e);
    }
  }

  @Override
  public long id() {
    return id;
  }

  @Override
  public SocketAddress localAddress() {
    return channel.localAddress();
  }

  @Override
  public SocketAddress remoteAddress() {
    return remoteAddress;
  }

  @Override
  public boolean isOpen() {
    return channel.isActive();
  }

  @Override
  public void call(Call call, Consumer<XdrWriter> arguments, CallHandler handler) {
    onLoop(
        () -> {
          if (closed || !calls.hasRoom() || !channel.isActive()) {
            handler.onFailure(CallHandler.Failure.NOT_SENT);
            return;
          }
          int xid = calls.add(handler);
          try {
            send(call, arguments, xid);
          } catch (RuntimeException | OutOfMemoryError e) {
            LOG.error("connection {}: a call to the peer cannot be encoded", id, e);
            calls.fail(xid);
          }
        },
        () -> handler.onFailure(CallHandler.Failure.NOT_SENT));
  }

  private void send(Call call, Consumer<XdrWriter> arguments, int xid) {
    ByteBuf buffer = channel.alloc().directBuffer(1024, limits.replyBytesMax());
    try {
      encode(call, arguments, xid, buffer);
    } catch (RuntimeException | OutOfMemoryError e) {
      buffer.release();
      throw e;
    }
    queuedCharge += buffer.capacity();
    share.take(buffer.capacity());
    channel.write(buffer, channel.voidPromise());
    needsFlush = true;
    flush();
  }

  private void encode(Call call, Consumer<XdrWriter> arguments, int xid, ByteBuf buffer) {
    XdrWriter out = new XdrWriter();
    XdrWriter.Growth growth =
        (full, minCapacity) -> {
          int position = full.position();
          buffer.setIndex(0, position).capacity(Math.max(minCapacity, 2 * buffer.capacity()));
          return buffer.nioBuffer(0, buffer.capacity()).position(position);
        };
    out.wrap(buffer.nioBuffer(0, buffer.capacity()), growth, limits.replyBytesMax() / 2);
    out.reserveInt32();
    if (call.credential() == null) {
      RpcCall.encode(out, xid, call.program(), call.version(), call.procedure());
    } else {
      RpcCall.encode(
          out,
          xid,
          call.program(),
          call.version(),
          call.procedure(),
          call.credential(),
          0,
          new byte[0]);
    }
    arguments.accept(out);
    out.patchInt32(0, RecordMark.lastFragment(out.position() - RecordMark.BYTES));
    buffer.setIndex(0, out.position());
  }

  @Override
  public void onClose(Runnable action) {
    onLoop(
        () -> {
          if (closed) {
            runCloseAction(action);
          } else {
            closeActions.add(action);
          }
        },
        action);
  }

  @Override
  public void keepWhile(BooleanSupplier isNeeded) {
    needed = isNeeded;
  }

  /** Whether there is work on it, or somebody who will want it. */
  boolean isNeeded() {
    return inFlight > 0 || needed.getAsBoolean();
  }

  @Override
  public void close(String reason) {
    if (channel.isOpen()) {
      LOG.info("connection {} from {} is closed: {}", id, remoteAddress, reason);
      // What was already read is not looked at any more, even before the channel says it is gone.
      closing = true;
      channel.close();
    }
  }

  private void onLoop(Runnable task, Runnable stopped) {
    if (channel.eventLoop().inEventLoop()) {
      task.run();
      return;
    }
    try {
      channel.eventLoop().execute(task);
    } catch (RejectedExecutionException e) {
      LOG.debug("connection {}: the transport is stopped", id, e);
      stopped.run();
    }
  }

  @Override
  public String toString() {
    return "connection " + id + " from " + remoteAddress;
  }
}
