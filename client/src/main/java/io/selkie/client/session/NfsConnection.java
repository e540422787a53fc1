package io.selkie.client.session;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.selkie.protocol.rpc.RpcConst;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One TCP connection to a server, with calls in both directions: replies are matched by their xid,
 * calls go to the back channel. The number of calls outstanding is bounded by who sends them (the
 * session's slots) and, for safety, here. Safe for use by several threads.
 */
public final class NfsConnection implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NfsConnection.class);
  private static final int OUTSTANDING_MAX = 256;
  private static final int HEADER_BYTES_MIN = 8;

  /** Takes the calls that the server makes on this connection; must not block. */
  @FunctionalInterface
  public interface CallHandler {
    /**
     * Takes one call.
     *
     * @param record the whole call; valid until this returns
     */
    void onCall(NfsConnection connection, ByteBuf record);
  }

  private final String peer;
  private final ConcurrentHashMap<Integer, CompletableFuture<ByteBuf>> outstanding =
      new ConcurrentHashMap<>();
  private final AtomicInteger nextXid;
  private volatile Channel channel;
  private volatile IOException ended;

  private NfsConnection(String peer, int firstXid) {
    this.peer = peer;
    this.nextXid = new AtomicInteger(firstXid);
  }

  /**
   * Connects, blocking.
   *
   * @param recordBytesMax largest record accepted from the server
   * @param firstXid where transaction ids start; chance makes stale replies harmless
   */
  public static NfsConnection connect(
      EventLoopGroup group,
      InetSocketAddress address,
      int timeoutMillis,
      int recordBytesMax,
      int firstXid,
      CallHandler calls)
      throws IOException {
    if (address.isUnresolved()) {
      throw new IOException("cannot resolve host " + address.getHostString());
    }
    NfsConnection connection = new NfsConnection(address.toString(), firstXid);
    Bootstrap bootstrap =
        new Bootstrap()
            .group(group)
            .channel(Epoll.isAvailable() ? EpollSocketChannel.class : NioSocketChannel.class)
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.SO_KEEPALIVE, true)
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, timeoutMillis)
            .handler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    channel
                        .pipeline()
                        .addLast(new RecordDecoder(recordBytesMax))
                        .addLast(connection.new Receiver(calls));
                  }
                });
    ChannelFuture connecting = bootstrap.connect(address).awaitUninterruptibly();
    if (!connecting.isSuccess()) {
      throw new IOException(
          "cannot connect to %s port %d: %s"
              .formatted(address.getHostString(), address.getPort(), words(connecting.cause())),
          connecting.cause());
    }
    connection.channel = connecting.channel();
    return connection;
  }

  /** The transport's own words repeat the address and the system call. */
  private static String words(Throwable cause) {
    return switch (cause) {
      case ConnectTimeoutException _ -> "no answer in time";
      case ConnectException e when String.valueOf(e.getMessage()).contains("refused") ->
          "connection refused";
      default -> String.valueOf(cause.getMessage());
    };
  }

  /** The server's address, for messages. */
  public String peer() {
    return peer;
  }

  /** Whether calls can be sent. */
  public boolean isOpen() {
    return ended == null && channel.isActive();
  }

  /** A transaction id that no outstanding call has. */
  int newXid() {
    int xid = nextXid.getAndIncrement();
    while (outstanding.containsKey(xid)) {
      xid = nextXid.getAndIncrement();
    }
    return xid;
  }

  /**
   * Sends a call whose record mark and xid are in place.
   *
   * @param record released when it is written
   * @return completes on the connection's thread with the reply record, which the receiver owns, or
   *     with {@link ConnectionLostException}; give it up with {@link #forget}
   */
  CompletableFuture<ByteBuf> send(int xid, ByteBuf record) throws ConnectionLostException {
    CompletableFuture<ByteBuf> reply = new CompletableFuture<>();
    if (outstanding.size() >= OUTSTANDING_MAX) {
      record.release();
      throw new IllegalStateException("more than " + OUTSTANDING_MAX + " calls outstanding");
    }
    outstanding.put(xid, reply);
    IOException over = ended;
    if (over != null) {
      outstanding.remove(xid);
      record.release();
      throw lost(over);
    }
    channel.writeAndFlush(record, channel.voidPromise());
    return reply;
  }

  /** Gives a call up; a reply that comes later is dropped. */
  void forget(int xid, CompletableFuture<ByteBuf> reply) {
    outstanding.remove(xid);
    if (!reply.completeExceptionally(new ConnectionLostException("given up", null))
        && !reply.isCompletedExceptionally()) {
      reply.join().release();
    }
  }

  /** Sends the reply to a call of the server, record mark included. Released when written. */
  void reply(ByteBuf record) {
    channel.writeAndFlush(record, channel.voidPromise());
  }

  private ConnectionLostException lost(Throwable cause) {
    return new ConnectionLostException(
        "lost the connection to " + peer + ": " + cause.getMessage(), cause);
  }

  /** Ends the connection because it cannot be trusted or does not answer. */
  void fail(IOException why) {
    if (ended == null) {
      ended = why;
    }
    channel.close();
  }

  /** Closes the connection and waits until it is closed, unless called on its own thread. */
  @Override
  public void close() {
    if (ended == null) {
      ended = new IOException("closed");
    }
    ChannelFuture closing = channel.close();
    if (!channel.eventLoop().inEventLoop()) {
      closing.awaitUninterruptibly();
    }
  }

  private void endAll(IOException why) {
    if (ended == null) {
      ended = why;
    }
    IOException cause = ended;
    outstanding.forEach((xid, reply) -> {
      if (outstanding.remove(xid, reply)) {
        reply.completeExceptionally(lost(cause));
      }
    });
  }

  private final class Receiver extends SimpleChannelInboundHandler<ByteBuf> {
    private final CallHandler calls;

    Receiver(CallHandler calls) {
      this.calls = calls;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, ByteBuf record) {
      if (record.readableBytes() < HEADER_BYTES_MIN) {
        fail(new IOException("record of " + record.readableBytes() + " bytes"));
        return;
      }
      int xid = record.getInt(record.readerIndex());
      int type = record.getInt(record.readerIndex() + Integer.BYTES);
      switch (type) {
        case RpcConst.REPLY -> {
          CompletableFuture<ByteBuf> reply = outstanding.remove(xid);
          if (reply == null) {
            // Given up, or never asked: nothing depends on it.
            LOG.debug("reply from {} to nothing outstanding, xid {}", peer, xid);
          } else if (!reply.complete(record.retain())) {
            record.release();
          }
        }
        case RpcConst.CALL -> calls.onCall(NfsConnection.this, record);
        default -> fail(new IOException("RPC message of type " + type));
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      endAll(new IOException("closed by the peer"));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      LOG.debug("connection to {} fails", peer, cause);
      fail(cause instanceof IOException io ? io : new IOException(cause.getMessage(), cause));
    }
  }
}
