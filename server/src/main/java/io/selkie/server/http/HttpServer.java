package io.selkie.server.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.selkie.config.ConfigDifference.Change;
import io.selkie.config.HttpConfig;
import io.selkie.posix.PatientThreads;
import io.selkie.server.admin.Addresses;
import io.selkie.server.metrics.Metric;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for HTTP/1.1. One event loop of its own speaks to all connections; lists and commands are
 * worked on by threads of its own, which wait for slow readers. Safe for use by several threads.
 */
public final class HttpServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
  private static final int STOP_TIMEOUT_SECONDS = 5;
  private static final Duration EXPIRES_SOON = Duration.ofDays(14);
  private static final int CHUNK_BYTES = 8192;
  private static final WriteBufferWaterMark WATER_MARK =
      new WriteBufferWaterMark(64 * 1024, 256 * 1024);

  private final HttpConfig config;
  private final HttpLimits limits;
  private final HttpAccess access;
  private final HttpParts parts;
  private final EventLoopGroup loop;
  private final ExecutorService lists;
  private final ExecutorService disks;
  private final ExecutorService changes;
  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final HttpRoutes routes;
  private final InetSocketAddress address;

  private HttpServer(
      HttpConfig config,
      InetSocketAddress wanted,
      HttpAccess access,
      HttpLimits limits,
      HttpParts parts)
      throws IOException {
    this.config = config;
    this.limits = limits;
    this.access = access;
    this.parts = parts;
    this.loop =
        new MultiThreadIoEventLoopGroup(
            1,
            PatientThreads.of(new DefaultThreadFactory("http-io", true)),
            NioIoHandler.newFactory());
    this.lists = threads("http-list", limits.lists(), 4 * limits.lists());
    this.disks = threads("http-disk", limits.lists(), 4 * limits.lists());
    this.changes = threads("http-change", limits.changes(), limits.changes());
    this.routes = new HttpRoutes(parts, access, limits, lists, disks, changes);
    if (access.secrets().certificate().isPresent()) {
      parts.metrics().gauge(Metric.HTTP_CERTIFICATE_EXPIRY, () -> expirySeconds(access));
    }
    boolean done = false;
    try {
      this.address = listen(wanted);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /**
   * Listens as configured; empty when that is off, or when nobody has said where and the default is
   * taken.
   *
   * @throws IOException when it cannot, or when that would let in whom it should not; the message
   *     says what to do
   */
  public static Optional<HttpServer> open(HttpConfig config, HttpParts parts) throws IOException {
    return open(config, parts, HttpLimits.DEFAULT);
  }

  /** The same with other limits, for tests. */
  static Optional<HttpServer> open(HttpConfig config, HttpParts parts, HttpLimits limits)
      throws IOException {
    if (!config.enabled()) {
      LOG.info("no HTTP (http.enabled)");
      return Optional.empty();
    }
    InetSocketAddress wanted =
        new InetSocketAddress(
            InetAddress.getByName(config.listen().host()), config.listen().port());
    HttpAccess access = HttpAccess.of(config, wanted, parts.uid());
    try {
      HttpServer server = new HttpServer(config, wanted, access, limits, parts);
      LOG.info(
          "{} on {}{}",
          access.tls().isPresent() ? "HTTPS" : "HTTP",
          Addresses.text(server.address),
          access.hasToken() ? "" : ", for everybody on this machine to look (http.tokenFile)");
      server.lookAtCertificate();
      return Optional.of(server);
    } catch (IOException e) {
      if (!config.listensByDefault()) {
        throw e;
      }
      LOG.warn("no HTTP: {}; set http.listen to another address, or http.enabled", e.getMessage());
      return Optional.empty();
    }
  }

  private static ExecutorService threads(String name, int count, int queueLength) {
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            count,
            count,
            60,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(queueLength),
            PatientThreads.of(Thread.ofPlatform().name(name + "-", 0).daemon().factory()));
    threads.allowCoreThreadTimeOut(true);
    return threads;
  }

  private InetSocketAddress listen(InetSocketAddress wanted) throws IOException {
    var bound =
        new ServerBootstrap()
            .group(loop)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, limits.connectionsMax())
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .childHandler(new Initializer())
            .bind(wanted)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(
          "listening for HTTP on "
              + Addresses.text(wanted)
              + " failed: "
              + bound.cause().getMessage(),
          bound.cause());
    }
    connections.add(bound.channel());
    return (InetSocketAddress) bound.channel().localAddress();
  }

  private final class Initializer extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel channel) {
      // The listening socket is counted with the connections.
      if (connections.size() > limits.connectionsMax()) {
        LOG.warn("HTTP: {} connections already, one more was closed", limits.connectionsMax());
        channel.close();
        return;
      }
      connections.add(channel);
      ChannelPipeline pipeline = channel.pipeline();
      access
          .tls()
          .ifPresent(tls -> {
            SslHandler handler = tls.newHandler(channel.alloc());
            handler.setHandshakeTimeoutMillis(limits.requestMillis());
            pipeline.addLast(handler);
          });
      pipeline.addLast(
          new HttpServerCodec(
              new HttpDecoderConfig()
                  .setMaxInitialLineLength(limits.lineBytesMax())
                  .setMaxHeaderSize(limits.headerBytesMax())
                  .setMaxChunkSize(CHUNK_BYTES)),
          new HttpServerKeepAliveHandler(),
          new HttpObjectAggregator(limits.bodyBytesMax(), true),
          new FlowControlHandler(),
          new HttpConnection(routes, limits, parts.timers()));
    }
  }

  /**
   * Reads token, certificate and key again, and changes nothing.
   *
   * @throws IOException when they cannot be used; the message says which file, and what to do
   */
  public Renewal renewal() throws IOException {
    HttpSecrets before = access.secrets();
    HttpSecrets renewed = HttpSecrets.read(config, parts.uid());
    List<Change> changes = renewed.changesFrom(before, parts.wall().instant());
    return changes.isEmpty() ? Renewal.NONE : new Renewal(changes, () -> use(before, renewed));
  }

  /**
   * On the event loop, where requests are let in: so none comes between, let in with the old token
   * and listening after the streams were ended. Waits, which the event loop itself need not.
   */
  private void use(HttpSecrets before, HttpSecrets renewed) {
    Runnable change =
        () -> {
          access.use(renewed);
          if (renewed.hasOtherToken(before)) {
            // Who listens has shown the token that does not count any more.
            routes.endStreams();
          }
        };
    EventLoop one = loop.next();
    if (one.inEventLoop()) {
      change.run();
    } else {
      try {
        one.submit(change).syncUninterruptibly();
      } catch (RejectedExecutionException _) {
        // It has ended, and with it all connections.
        access.use(renewed);
      }
    }
    lookAtCertificate();
  }

  private static long expirySeconds(HttpAccess access) {
    return access.secrets().certificate().orElseThrow().notAfter().getEpochSecond();
  }

  /** Clients see for themselves whether it is valid, but nobody else would tell in time. */
  private void lookAtCertificate() {
    access
        .secrets()
        .certificate()
        .ifPresent(certificate -> {
          Instant now = parts.wall().instant();
          if (now.isBefore(certificate.notBefore())) {
            LOG.warn(
                "http.certificateFile is not valid before {}: clients refuse it",
                certificate.notBefore());
          } else if (now.isAfter(certificate.notAfter())) {
            LOG.warn(
                "http.certificateFile has not been valid since {}: clients refuse it; renew it,"
                    + " then selkie ctl reload",
                certificate.notAfter());
          } else if (now.plus(EXPIRES_SOON).isAfter(certificate.notAfter())) {
            LOG.warn(
                "http.certificateFile is valid until {} only; renew it, then selkie ctl reload",
                certificate.notAfter());
          }
        });
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return address;
  }

  /** Stops listening and closes every connection. Idempotent. */
  @Override
  public void close() {
    routes.close();
    connections.close().awaitUninterruptibly(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    endAnswers();
    loop.shutdownGracefully(0, STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS)
        .awaitUninterruptibly(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
  }

  /**
   * Who still answers hears from its connection, or by an interrupt, that nobody takes it. The
   * event loop ends after them: without it they could not even let go of what they send. A disk
   * that hangs is not waited for for ever.
   */
  private void endAnswers() {
    List<ExecutorService> answering = List.of(lists, disks, changes);
    answering.forEach(ExecutorService::shutdownNow);
    try {
      for (ExecutorService threads : answering) {
        if (!threads.awaitTermination(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
          LOG.warn("an answer by HTTP is still being made and is left to itself");
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
