package io.selkie.server.rpc;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Listens for ONC RPC over TCP and serves programs on it. Safe for use by several threads. */
public final class RpcServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RpcServer.class);
  private static final int STOP_TIMEOUT_SECONDS = 5;
  private static final int RECEIVE_BYTES_FIRST = 4096;
  private static final int RECEIVE_BYTES_MAX = 64 * 1024;

  private final RpcLimits limits;
  private final RpcDispatcher dispatcher;
  private final NanoClock clock;
  private final Timers timers;
  private final RandomGenerator random;
  private final Transport transport;
  private final EventLoopGroup acceptors;
  private final EventLoopGroup loops;
  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final MemoryBudget budget;
  private final LargeBuffers large;
  private final AtomicLong lastConnectionId = new AtomicLong();
  private final AtomicLong refused = new AtomicLong();
  private final AtomicInteger open = new AtomicInteger();

  /**
   * Creates a server that does not listen yet.
   *
   * @param loopCount how many event loops serve the connections
   * @param random where the xids of calls to the peers start
   */
  public RpcServer(
      List<RpcProgram> programs,
      RpcLimits limits,
      int loopCount,
      NanoClock clock,
      Timers timers,
      RandomGenerator random) {
    this.limits = limits;
    this.dispatcher = new RpcDispatcher(programs);
    this.budget = new MemoryBudget(limits.bufferBytesMax());
    this.large =
        new LargeBuffers(
            Math.max(limits.requestBytesMax(), NettyExchange.capacityMax(limits.replyBytesMax())));
    this.clock = clock;
    this.timers = timers;
    this.random = random;
    this.transport = Transport.best();
    this.acceptors = transport.newGroup(1, "nfs-accept");
    this.loops = transport.newGroup(loopCount, "nfs-io");
  }

  /**
   * Listens on an address; port 0 means any free one.
   *
   * @return the address it listens on
   * @throws IOException if it cannot be bound, with the address in the message
   */
  public InetSocketAddress listen(InetSocketAddress address) throws IOException {
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(acceptors, loops)
            .channel(transport.serverChannel())
            .option(ChannelOption.SO_BACKLOG, 1024)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    connect(channel);
                  }
                });
    var bound = bootstrap.bind(address).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(
          "cannot listen on %s: %s".formatted(address, bound.cause().getMessage()), bound.cause());
    }
    connections.add(bound.channel());
    InetSocketAddress local = (InetSocketAddress) bound.channel().localAddress();
    LOG.info("RPC listens on {} ({})", local, transport.description());
    return local;
  }

  private void connect(Channel channel) {
    // Counted before it is compared: several event loops accept at the same time.
    int now = open.incrementAndGet();
    channel.closeFuture().addListener(_ -> open.decrementAndGet());
    if (now > limits.connectionsMax()) {
      LOG.warn(
          "connection from {} refused: {} are open, the limit; {} refused so far",
          channel.remoteAddress(),
          limits.connectionsMax(),
          refused.incrementAndGet());
      channel.close();
      return;
    }
    var config = channel.config();
    config.setOption(ChannelOption.TCP_NODELAY, true);
    config.setOption(ChannelOption.SO_KEEPALIVE, true);
    config.setWriteBufferWaterMark(
        new WriteBufferWaterMark(limits.outboundBytesHigh() / 2, limits.outboundBytesHigh()));
    if (transport.isNative()) {
      int seconds = (int) Math.max(1, limits.deadPeerTimeout().toSeconds());
      config.setOption(EpollChannelOption.TCP_USER_TIMEOUT, seconds * 1000);
      config.setOption(EpollChannelOption.TCP_KEEPIDLE, Math.max(1, seconds / 2));
      config.setOption(EpollChannelOption.TCP_KEEPINTVL, Math.max(1, seconds / 6));
      config.setOption(EpollChannelOption.TCP_KEEPCNT, 3);
    }
    NettyConnection connection =
        new NettyConnection(
            lastConnectionId.incrementAndGet(),
            channel,
            limits,
            budget,
            large,
            dispatcher,
            clock,
            timers,
            random.nextInt());
    config.setRecvByteBufAllocator(
        new RecordReceiveAllocator(
            new AdaptiveRecvByteBufAllocator(64, RECEIVE_BYTES_FIRST, RECEIVE_BYTES_MAX),
            connection::receiveBuffer));
    channel.pipeline().addLast(connection);
    connections.add(channel);
  }

  /**
   * Bytes now in the buffers of all connections; at most about {@link RpcLimits#bufferBytesMax}.
   */
  public long bufferBytes() {
    return budget.total() - budget.free();
  }

  /** How many connections are open, listening sockets included. */
  public int connectionCount() {
    return connections.size();
  }

  /** Stops listening and closes all connections; returns when that is done or takes too long. */
  @Override
  public void close() {
    connections.close().awaitUninterruptibly(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    var acceptorsDone = acceptors.shutdownGracefully(0, STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    var loopsDone = loops.shutdownGracefully(0, STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    acceptorsDone.awaitUninterruptibly(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    loopsDone.awaitUninterruptibly(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    large.close();
  }
}
