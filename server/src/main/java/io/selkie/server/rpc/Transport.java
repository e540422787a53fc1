package io.selkie.server.rpc;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How sockets are served: epoll where its native library loads, else the JDK's own selectors. */
enum Transport {
  /** Linux epoll through Netty's native library. */
  EPOLL("native epoll", EpollServerSocketChannel.class),
  /** The JDK's selectors. */
  NIO("JDK selectors", NioServerSocketChannel.class);

  private static final Logger LOG = LoggerFactory.getLogger(Transport.class);

  private final String description;
  private final Class<? extends ServerChannel> serverChannel;

  Transport(String description, Class<? extends ServerChannel> serverChannel) {
    this.description = description;
    this.serverChannel = serverChannel;
  }

  /** Returns the best there is here; says so when it is not the native one. */
  static Transport best() {
    if (Epoll.isAvailable()) {
      return EPOLL;
    }
    LOG.warn(
        "native epoll is not available, sockets are served by JDK selectors: {}",
        String.valueOf(Epoll.unavailabilityCause()));
    return NIO;
  }

  boolean isNative() {
    return this == EPOLL;
  }

  String description() {
    return description;
  }

  Class<? extends ServerChannel> serverChannel() {
    return serverChannel;
  }

  EventLoopGroup newGroup(int threads, String name) {
    IoHandlerFactory handlers =
        this == EPOLL ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
    return new MultiThreadIoEventLoopGroup(threads, new DefaultThreadFactory(name, true), handlers);
  }
}
