package io.selkie.rdma.iwarp;

import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RemoteAccess;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A passive side with one domain, one region and a record of what happened to it. */
final class Server implements AutoCloseable, QueuePairListener {

  static final int REGION_BYTES = 1 << 20;

  final IwarpProvider provider;
  final ProtectionDomain domain;
  final Arena arena = Arena.ofShared();
  final MemorySegment memory;
  final MemoryRegion region;
  final RdmaListener listener;
  final BlockingQueue<QueuePair> established = new LinkedBlockingQueue<>();
  final BlockingQueue<DisconnectCause> closed = new LinkedBlockingQueue<>();
  final BlockingQueue<byte[]> messages = new LinkedBlockingQueue<>();
  final BlockingQueue<Integer> invalidatedKeys = new LinkedBlockingQueue<>();

  Server() throws Exception {
    this(IwarpConfig.DEFAULTS);
  }

  Server(IwarpConfig config) throws Exception {
    provider = new IwarpProvider(config.withEventLoops(1, 0));
    domain = provider.allocateProtectionDomain("the server's only client");
    memory = arena.allocate(REGION_BYTES, 4096);
    for (int i = 0; i < REGION_BYTES; i += 8) {
      memory.set(ValueLayout.JAVA_LONG, i, i * 0x9E3779B97F4A7C15L);
    }
    region = domain.register(memory, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    listener =
        provider.listen(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            request -> new ConnectionAcceptor.Accept(domain, ByteBuffer.allocate(0), this));
  }

  MemoryRegion register(RemoteAccess... access) throws Exception {
    return domain.register(arena.allocate(4096), Set.of(access));
  }

  InetSocketAddress address() {
    return listener.address();
  }

  int key() {
    return region.key();
  }

  long base() {
    return region.remoteAddress();
  }

  byte[] contents(long offset, int length) {
    byte[] copy = new byte[length];
    MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, offset, copy, 0, length);
    return copy;
  }

  DisconnectCause awaitClosed() throws InterruptedException {
    DisconnectCause cause = closed.poll(60, TimeUnit.SECONDS);
    if (cause == null) {
      throw new AssertionError("the queue pair did not close");
    }
    return cause;
  }

  QueuePair awaitEstablished() throws InterruptedException {
    QueuePair pair = established.poll(60, TimeUnit.SECONDS);
    if (pair == null) {
      throw new AssertionError("no queue pair was established");
    }
    return pair;
  }

  @Override
  public void onEstablished(QueuePair queuePair) {
    established.add(queuePair);
  }

  @Override
  public void onMessage(ByteBuffer message, int invalidatedKey) {
    byte[] copy = new byte[message.remaining()];
    message.get(copy);
    invalidatedKeys.add(invalidatedKey);
    messages.add(copy);
  }

  @Override
  public void onClosed(DisconnectCause cause) {
    closed.add(cause);
  }

  @Override
  public void close() {
    provider.close();
    arena.close();
  }
}
