package io.selkie.rdma.iwarp;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaException.Reason;
import io.selkie.rdma.iwarp.IwarpConnection.Signal;
import io.selkie.rdma.iwarp.IwarpConnection.State;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketOption;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;

/** Opens one active connection: TCP, then the MPA exchange, both within one time-out. */
final class Connector {

  private static final int DEPTH_MAX = 4096;

  private final IwarpProvider provider;
  private final InetSocketAddress peer;
  private final IwarpDomain domain;
  private final ConnectOptions options;
  private final QueuePairListener listener;
  private final long startNanos;

  /**
   * @param listener may be null: then Sends of the peer have nowhere to go and end the connection
   */
  Connector(
      IwarpProvider provider,
      InetSocketAddress peer,
      IwarpDomain domain,
      ConnectOptions options,
      QueuePairListener listener) {
    this.provider = provider;
    this.peer = peer;
    this.domain = domain;
    this.options = options;
    this.listener = listener;
    within("sendQueueDepth", options.sendQueueDepth(), DEPTH_MAX);
    within("readsOutstanding", options.readsOutstanding(), DEPTH_MAX);
    within("connectTimeoutMillis", options.connectTimeoutMillis(), Integer.MAX_VALUE);
    if (options.busyPollNanos() < 0) {
      throw new IllegalArgumentException("busyPollNanos is negative: " + options.busyPollNanos());
    }
    startNanos = provider.clock().nanoTime();
  }

  private static void within(String name, int value, int most) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException(
          "%s is %d; it must be between 1 and %d".formatted(name, value, most));
    }
  }

  CallerQueuePair connect() throws RdmaException, InterruptedException {
    ByteBuffer data = privateData();
    SocketChannel channel = open();
    CallerQueuePair pair = null;
    boolean established = false;
    try {
      SendQueue queue = new SendQueue(options.sendQueueDepth());
      IwarpConnection connection =
          IwarpConnection.active(
              provider.config(),
              provider.statistics(),
              provider.regions(),
              domain,
              queue,
              data,
              options.readsOutstanding(),
              listener != null);
      pair =
          new CallerQueuePair(
              channel,
              connection,
              queue,
              listener,
              provider.clock(),
              options.busyPollNanos(),
              provider);
      check(pair.handshake(leftNanos()), connection);
      established = true;
      return pair;
    } catch (RdmaException e) {
      throw e;
    } catch (IOException e) {
      throw new RdmaException(
          Reason.UNREACHABLE,
          "iWARP connection to %s: the set-up failed: %s".formatted(peer, e.getMessage()),
          e);
    } finally {
      if (!established) {
        discard(pair, channel);
      }
    }
  }

  private ByteBuffer privateData() {
    ByteBuffer data = options.privateData();
    int most = provider.capabilities().maxPrivateDataBytes();
    if (data.remaining() > most) {
      throw new IllegalArgumentException(
          "private data of %d octets; %d are allowed".formatted(data.remaining(), most));
    }
    byte[] copy = new byte[data.remaining()];
    data.duplicate().get(copy);
    return ByteBuffer.wrap(copy);
  }

  private long leftNanos() {
    return TimeUnit.MILLISECONDS.toNanos(options.connectTimeoutMillis())
        - (provider.clock().nanoTime() - startNanos);
  }

  private SocketChannel open() throws RdmaException, InterruptedException {
    if (peer.isUnresolved()) {
      throw new RdmaException(
          Reason.UNREACHABLE,
          "iWARP connection to %s: the name is not known".formatted(peer),
          null);
    }
    SocketChannel channel = null;
    boolean open = false;
    try {
      channel = SocketChannel.open();
      int bufferBytes = provider.config().socketBufferBytes();
      if (bufferBytes > 0) {
        channel.setOption(StandardSocketOptions.SO_RCVBUF, bufferBytes);
        channel.setOption(StandardSocketOptions.SO_SNDBUF, bufferBytes);
      }
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
      int idleSeconds = provider.config().limits().idleTimeoutMillis() / 1000;
      if (idleSeconds > 0) {
        setIfKnown(channel, ExtendedSocketOptions.TCP_KEEPIDLE, Math.max(1, idleSeconds / 2));
        setIfKnown(channel, ExtendedSocketOptions.TCP_KEEPINTERVAL, Math.max(1, idleSeconds / 6));
        setIfKnown(channel, ExtendedSocketOptions.TCP_KEEPCOUNT, 3);
      }
      channel.socket().connect(peer, options.connectTimeoutMillis());
      open = true;
      return channel;
    } catch (ClosedByInterruptException e) {
      throw interrupted(e);
    } catch (SocketTimeoutException e) {
      throw new RdmaException(
          Reason.UNREACHABLE,
          "iWARP connection to %s: no answer within %d ms"
              .formatted(peer, options.connectTimeoutMillis()),
          e);
    } catch (IOException e) {
      throw new RdmaException(
          Reason.UNREACHABLE, "iWARP connection to %s: %s".formatted(peer, e.getMessage()), e);
    } finally {
      if (!open) {
        discard(null, channel);
      }
    }
  }

  private static void setIfKnown(SocketChannel channel, SocketOption<Integer> option, int value)
      throws IOException {
    if (channel.supportedOptions().contains(option)) {
      channel.setOption(option, value);
    }
  }

  private InterruptedException interrupted(ClosedByInterruptException cause) {
    // The channel leaves the mark set; an InterruptedException stands for it from here on.
    var _ = Thread.interrupted();
    InterruptedException interrupted =
        new InterruptedException("interrupted while connecting to " + peer);
    interrupted.initCause(cause);
    return interrupted;
  }

  private void check(Signal signal, IwarpConnection connection) throws RdmaException {
    if (signal == null) {
      throw new RdmaException(
          Reason.UNREACHABLE,
          "iWARP connection to %s: TCP is up, but there was no MPA reply within %d ms"
              .formatted(peer, options.connectTimeoutMillis()),
          null);
    }
    if (signal == Signal.REFUSED) {
      throw new RdmaException(
          Reason.REFUSED,
          "iWARP connection to %s: the peer refused it".formatted(peer),
          null,
          connection.peerPrivateData());
    }
    if (signal != Signal.ACCEPTED || connection.state() != State.UP) {
      DisconnectCause cause = connection.cause();
      throw new RdmaException(
          cause == null ? Reason.UNREACHABLE : Reason.PROTOCOL,
          "iWARP connection to %s: %s"
              .formatted(
                  peer,
                  cause == null ? "the peer closed it during the MPA set-up" : cause.detail()),
          null);
    }
    if (connection.outboundReads() == 0) {
      throw new RdmaException(
          Reason.LIMIT,
          "iWARP connection to %s: the peer permits no RDMA READ (IRD 0)".formatted(peer),
          null);
    }
  }

  private static void discard(CallerQueuePair pair, SocketChannel channel) {
    if (pair != null) {
      pair.discard();
    } else if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        throw new java.io.UncheckedIOException("closing a socket failed", e);
      }
    }
  }
}
