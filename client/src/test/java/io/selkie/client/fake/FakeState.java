package io.selkie.client.fake;

import io.selkie.protocol.layout.rdma.BindingData;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** What the server knows; its monitor guards all of it. */
public final class FakeState implements AutoCloseable {
  final FakeServer server;
  final FakeFile root = new FakeFile(1, true);
  final Map<Long, FakeFile> files = new HashMap<>();
  final Map<Integer, Slot> slots = new HashMap<>();
  final Set<Stateid4> openStateids = new HashSet<>();
  final IwarpProvider provider = new IwarpProvider(IwarpConfig.DEFAULTS);
  final ProtectionDomain domain = provider.allocateProtectionDomain("fake server");
  final RdmaListener listener;
  final List<QueuePair> queuePairs = new CopyOnWriteArrayList<>();
  final List<ByteBuffer> privateData = new CopyOnWriteArrayList<>();
  long nextFileId = 2;
  long nextStateid = 1;
  long clientId = 100;
  boolean isClientKnown = true;
  int createSequence = 1;
  SessionId4 sessionId;
  long nextSession = 1;
  int callbackSequence;
  long writeVerifier = 1;
  long layoutBytesMax = Long.MAX_VALUE;

  /** Where layouts may be granted as holes to readers. */
  boolean grantsHoles;

  /** Whether only replies are kept that the client wants kept. */
  boolean forgetsReplies;

  /** Whether what is written may be flushed. */
  boolean offersFlush;

  static final class Slot {
    int sequence;
    byte[] reply;
    boolean keepsReply;
  }

  FakeState(FakeServer server) throws IOException {
    this.server = server;
    files.put(root.id, root);
    try {
      listener =
          provider.listen(
              new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), this::onConnection);
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  private ConnectionAcceptor.Decision onConnection(ConnectionAcceptor.ConnectionRequest request) {
    ByteBuffer copy = ByteBuffer.allocate(request.privateData().remaining());
    copy.put(request.privateData()).flip();
    privateData.add(copy);
    return new ConnectionAcceptor.Accept(
        domain,
        BindingData.accept(offersFlush ? BindingData.FLAG_FLUSH : 0),
        new QueuePairListener() {
          @Override
          public void onEstablished(QueuePair queuePair) {
            queuePairs.add(queuePair);
          }

          @Override
          public void onClosed(DisconnectCause cause) {}
        });
  }

  /** Breaks all queue pairs. */
  public void dropQueuePairs() {
    queuePairs.forEach(queuePair -> queuePair.abort("test"));
    queuePairs.clear();
  }

  /** From now on devices offer RDMA FLUSH: who asks has to bring a provider that has it. */
  public synchronized void offerFlush() {
    offersFlush = true;
  }

  /** Private data of connection requests, oldest first. */
  public List<ByteBuffer> privateData() {
    return privateData;
  }

  /** Makes a file in the root. */
  public synchronized FakeFile addFile(String name, byte[] content) {
    FakeFile file = new FakeFile(nextFileId++, false);
    MemorySegment.copy(content, 0, file.memory, ValueLayout.JAVA_BYTE, 0, content.length);
    file.size = content.length;
    files.put(file.id, file);
    root.children.put(name, file);
    return file;
  }

  /** A file in the root, or null. */
  public synchronized FakeFile file(String name) {
    return root.children.get(name);
  }

  /** The server restarts: all state is gone, files and addresses stay. */
  public synchronized void restart() {
    forgetSession();
    isClientKnown = false;
    openStateids.clear();
    files.values().forEach(this::killRegions);
    files.values().forEach(f -> f.layoutStateid = null);
    writeVerifier++;
    dropQueuePairs();
  }

  /** The session is forgotten, the client is not. */
  public synchronized void forgetSession() {
    sessionId = null;
    slots.clear();
    callbackSequence = 0;
  }

  /** Only the write verifier changes, as if unstable data had been lost. */
  public synchronized void loseUnstableWrites() {
    writeVerifier++;
  }

  /** Unstable data of a file is lost, and its holes are back. */
  public synchronized void loseUnstableWrites(FakeFile file) {
    writeVerifier++;
    file.memory.fill((byte) 0);
    file.isFilled = false;
  }

  /** From now on only those replies are kept that the client wants kept. */
  public synchronized void forgetReplies() {
    forgetsReplies = true;
  }

  /** From now on the second half of what readers get is a hole until the file is written. */
  public synchronized void grantHoles() {
    grantsHoles = true;
  }

  /** Opens are forgotten, nothing else. */
  public synchronized void forgetOpens() {
    openStateids.clear();
  }

  /** A file's bytes are lost, as in a crash before they were durable. */
  public synchronized void wipe(String name) {
    FakeFile file = root.children.get(name);
    file.memory.fill((byte) 0);
    file.size = 0;
  }

  /** Names in the root. */
  public synchronized java.util.Set<String> names() {
    return java.util.Set.copyOf(root.children.keySet());
  }

  /** The session of the client. */
  public synchronized SessionId4 session() {
    return sessionId;
  }

  /** Whether a layout is granted. */
  public synchronized boolean hasLayout(FakeFile file) {
    return file.hasLayout();
  }

  /** Whether a layout is revoked. */
  public synchronized boolean isRevoked(FakeFile file) {
    return file.isRevoked;
  }

  /** Largest range granted by a LAYOUTGET. */
  public synchronized void limitLayouts(long bytes) {
    layoutBytesMax = bytes;
  }

  /** Revokes a file's layout: the handles are dead when this returns. */
  public synchronized void fence(FakeFile file) {
    killRegions(file);
    file.isRevoked = true;
  }

  void killRegions(FakeFile file) {
    for (MemoryRegion region : file.regions) {
      try {
        region.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
      } catch (Exception e) {
        throw new IllegalStateException("region does not die", e);
      }
    }
    file.regions.clear();
  }

  MemoryRegion register(FakeFile file, long offset, long length) throws IOException {
    MemoryRegion region =
        domain.register(
            file.memory.asSlice(offset, length), Set.of(RemoteAccess.READ, RemoteAccess.WRITE));
    file.regions.add(region);
    return region;
  }

  Stateid4 newStateid() {
    return new Stateid4(1, 0x5E1C1E, (int) nextStateid++);
  }

  @Override
  public void close() {
    listener.close();
    provider.close();
  }
}
