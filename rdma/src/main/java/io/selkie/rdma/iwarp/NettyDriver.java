package io.selkie.rdma.iwarp;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.SelectStrategy;
import io.netty.channel.SelectStrategyFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.UncheckedBooleanSupplier;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.iwarp.IwarpStatistics.Counter;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sockets of the passive side: listeners and the event loops that own their connections. */
final class NettyDriver implements AutoCloseable {

  /** Requests the passive side may have outstanding on one queue pair. */
  static final int SEND_QUEUE_DEPTH = 64;

  private static final Logger LOG = LoggerFactory.getLogger(NettyDriver.class);

  /** Octets read from one connection before others of the loop get their turn. */
  private static final int BYTES_PER_TURN = 1 << 20;

  private static final int SHUTDOWN_SECONDS = 5;

  private final IwarpConfig config;
  private final IwarpStatistics statistics;
  private final RegionTable regions;
  private final NanoClock clock;
  private final boolean epoll;
  private final MultiThreadIoEventLoopGroup group;
  private final Map<EventLoop, LoopBuffers> buffers = new ConcurrentHashMap<>();
  private final Set<NettyQueuePair> pairs = ConcurrentHashMap.newKeySet();
  private final Set<Channel> listeners = ConcurrentHashMap.newKeySet();
  private final AtomicInteger connections = new AtomicInteger();

  NettyDriver(
      IwarpConfig config, IwarpStatistics statistics, RegionTable regions, NanoClock clock) {
    this.config = config;
    this.statistics = statistics;
    this.regions = regions;
    this.clock = clock;
    epoll = config.nativeTransport() && Epoll.isAvailable();
    if (epoll) {
      LOG.info("iwarp: native epoll transport");
    } else if (config.nativeTransport()) {
      LOG.warn(
          "iwarp: running on NIO, because epoll cannot be used here: {}",
          String.valueOf(Epoll.unavailabilityCause()));
    } else {
      LOG.info("iwarp: running on NIO, as configured");
    }
    long spinNanos = TimeUnit.MICROSECONDS.toNanos(config.busyPollMicros());
    SelectStrategyFactory strategy = () -> new Spinning(clock, spinNanos);
    IoHandlerFactory handlers =
        epoll
            ? EpollIoHandler.newFactory(0, strategy)
            : NioIoHandler.newFactory(java.nio.channels.spi.SelectorProvider.provider(), strategy);
    int threads =
        config.eventLoopThreads() > 0
            ? config.eventLoopThreads()
            : Runtime.getRuntime().availableProcessors();
    group =
        new MultiThreadIoEventLoopGroup(threads, new DefaultThreadFactory("iwarp", true), handlers);
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

  /** Keeps the present event loop awake for a while: a peer that spins was just served. */
  void spinForPeer() {
    Spinning strategy = Spinning.OF_LOOP.get();
    if (strategy != null) {
      strategy.spinForPeer();
    }
  }

  NanoClock clock() {
    return clock;
  }

  RdmaListener listen(InetSocketAddress address, ConnectionAcceptor acceptor)
      throws RdmaException, InterruptedException {
    Class<? extends ServerChannel> type =
        epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(group, group)
            .channel(type)
            .option(ChannelOption.SO_BACKLOG, config.limits().listenBacklog())
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childHandler(new Accepting(acceptor));
    if (config.socketBufferBytes() > 0) {
      bootstrap
          .option(ChannelOption.SO_RCVBUF, config.socketBufferBytes())
          .childOption(ChannelOption.SO_SNDBUF, config.socketBufferBytes());
    }
    int idleMillis = config.limits().idleTimeoutMillis();
    if (epoll && idleMillis > 0) {
      int idleSeconds = Math.max(1, idleMillis / 1000);
      bootstrap
          .childOption(EpollChannelOption.TCP_USER_TIMEOUT, idleMillis)
          .childOption(EpollChannelOption.TCP_KEEPIDLE, Math.max(1, idleSeconds / 2))
          .childOption(EpollChannelOption.TCP_KEEPINTVL, Math.max(1, idleSeconds / 6));
    }
    ChannelFuture bound = bootstrap.bind(address).await();
    if (!bound.isSuccess()) {
      throw new RdmaException(
          RdmaException.Reason.SYSTEM,
          "cannot listen for iWARP on %s: %s".formatted(address, bound.cause().getMessage()),
          bound.cause());
    }
    Channel channel = bound.channel();
    listeners.add(channel);
    InetSocketAddress local = (InetSocketAddress) channel.localAddress();
    LOG.info("iwarp: listening on {}", local);
    return new RdmaListener() {
      @Override
      public InetSocketAddress address() {
        return local;
      }

      @Override
      public void close() {
        listeners.remove(channel);
        awaitUnlessOnLoop(channel.close());
      }
    };
  }

  private void awaitUnlessOnLoop(ChannelFuture future) {
    if (!future.channel().eventLoop().inEventLoop()) {
      future.awaitUninterruptibly(SHUTDOWN_SECONDS, TimeUnit.SECONDS);
    }
  }

  void forget(NettyQueuePair pair) {
    if (pairs.remove(pair)) {
      connections.decrementAndGet();
    }
  }

  @Override
  public void close() {
    for (Channel listener : listeners) {
      var _ = listener.close();
    }
    for (NettyQueuePair pair : pairs) {
      pair.abort("the provider was closed");
    }
    var stopped = group.shutdownGracefully(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS);
    for (EventLoop loop : buffers.keySet()) {
      if (loop.inEventLoop()) {
        return;
      }
    }
    stopped.awaitUninterruptibly(SHUTDOWN_SECONDS, TimeUnit.SECONDS);
  }

  /** Turns accepted channels into queue pairs in set-up. */
  private final class Accepting extends ChannelInitializer<Channel> {

    private final ConnectionAcceptor acceptor;

    Accepting(ConnectionAcceptor acceptor) {
      this.acceptor = acceptor;
    }

    @Override
    public boolean isSharable() {
      return true;
    }

    @Override
    protected void initChannel(Channel channel) {
      statistics.add(Counter.CONNECTIONS, 1);
      if (connections.incrementAndGet() > config.limits().maxConnections()) {
        connections.decrementAndGet();
        statistics.add(Counter.OVER_LIMIT, 1);
        LOG.warn(
            "iWARP connection from {} closed: the bound of {} connections (maxConnections) is"
                + " reached",
            channel.remoteAddress(),
            config.limits().maxConnections());
        channel.pipeline().addLast(new Closing());
        return;
      }
      LoopBuffers idle =
          buffers.computeIfAbsent(
              channel.eventLoop(), loop -> new LoopBuffers(config.limits(), true));
      NettyQueuePair pair = new NettyQueuePair(NettyDriver.this, acceptor, channel, idle);
      pairs.add(pair);
      ChannelConfig settings = channel.config();
      settings.setRecvByteBufAllocator(new Receiving(pair));
      channel.pipeline().addLast(pair.handler());
    }
  }

  /** Closes what comes beyond the bound. */
  private static final class Closing extends ChannelInboundHandlerAdapter {
    @Override
    public void channelActive(ChannelHandlerContext context) {
      var _ = context.close();
    }
  }

  /** Makes Netty read into the connection's own buffer. */
  private record Receiving(NettyQueuePair pair) implements RecvByteBufAllocator {
    @Override
    public ExtendedHandle newHandle() {
      return new ReceivingHandle(pair);
    }
  }

  private static final class ReceivingHandle implements RecvByteBufAllocator.ExtendedHandle {

    private final NettyQueuePair pair;
    private int attempted;
    private int last;
    private int total;

    ReceivingHandle(NettyQueuePair pair) {
      this.pair = pair;
    }

    @Override
    public ByteBuf allocate(ByteBufAllocator unused) {
      return pair.receiveBuffer();
    }

    @Override
    public int guess() {
      return 1 << 16;
    }

    @Override
    public void reset(ChannelConfig unused) {
      total = 0;
    }

    @Override
    public void incMessagesRead(int count) {
      // Only octets count here.
    }

    @Override
    public void lastBytesRead(int bytes) {
      last = bytes;
      if (bytes > 0) {
        total += bytes;
      }
    }

    @Override
    public int lastBytesRead() {
      return last;
    }

    @Override
    public void attemptedBytesRead(int bytes) {
      attempted = bytes;
    }

    @Override
    public int attemptedBytesRead() {
      return attempted;
    }

    @Override
    public boolean continueReading() {
      return continueReading(() -> last == attempted);
    }

    @Override
    public boolean continueReading(UncheckedBooleanSupplier maybeMore) {
      // A read that did not fill the buffer has emptied the socket; but in the middle of much, more
      // has come meanwhile.
      return total < BYTES_PER_TURN && (last >= CallerQueuePair.EAGER_BYTES || maybeMore.get());
    }

    @Override
    public void readComplete() {
      // Nothing is learned from one read for the next.
    }
  }

  /**
   * Looks for work for a while before it lets the loop sleep: always, where configured, and after a
   * request of a peer that spins itself. Such a peer asks again within microseconds, and to wake a
   * processor that went idle in between costs more than its whole round trip.
   */
  private static final class Spinning implements SelectStrategy {

    private static final long PEER_SPIN_NANOS = 50_000;

    /** That of the present thread, when it is an event loop of ours. */
    private static final ThreadLocal<Spinning> OF_LOOP = new ThreadLocal<>();

    private final NanoClock clock;
    private final long spinNanos;
    private long idleSince;
    private boolean idle;
    private boolean known;
    private boolean forPeer;
    private long forPeerUntil;

    Spinning(NanoClock clock, long spinNanos) {
      this.clock = clock;
      this.spinNanos = spinNanos;
    }

    void spinForPeer() {
      forPeer = true;
      forPeerUntil = clock.nanoTime() + PEER_SPIN_NANOS;
    }

    @Override
    public int calculateStrategy(io.netty.util.IntSupplier selectNow, boolean hasTasks)
        throws Exception {
      if (!known) {
        // Made before its thread, so it can only introduce itself here.
        known = true;
        OF_LOOP.set(this);
      }
      if (spinNanos == 0 && !forPeer) {
        return hasTasks ? selectNow.get() : SELECT;
      }
      int ready = selectNow.get();
      if (ready > 0 || hasTasks) {
        idle = false;
        return ready;
      }
      long now = clock.nanoTime();
      if (!idle) {
        idle = true;
        idleSince = now;
      }
      forPeer = forPeer && now - forPeerUntil < 0;
      if (forPeer || now - idleSince < spinNanos) {
        Thread.onSpinWait();
        return CONTINUE;
      }
      idle = false;
      return SELECT;
    }
  }
}
