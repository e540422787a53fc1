package io.selkie.server.ops;

import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.WorkStatus;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.concurrent.TimeUnit;

/** The one-sided half of a client: a queue pair bound to its session, and a buffer. */
final class DirectPeer implements AutoCloseable {

  private final IwarpProvider provider = new IwarpProvider(IwarpConfig.DEFAULTS);
  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer = arena.allocate(1 << 16, 4096);
  private final MemoryRegion region;
  private final QueuePair queuePair;

  /** Connects with a session's id. */
  static DirectPeer connect(InetSocketAddress server, SessionId4 session)
      throws RdmaException, InterruptedException {
    return new DirectPeer(
        server,
        ByteBuffer.allocate(24)
            .putInt('R' << 24 | 'L' << 16 | 'Q' << 8 | '1')
            .putInt(0)
            .putLong(session.high())
            .putLong(session.low())
            .flip());
  }

  private DirectPeer(InetSocketAddress server, ByteBuffer privateData)
      throws RdmaException, InterruptedException {
    ProtectionDomain domain = provider.allocateProtectionDomain("test");
    region = domain.register(buffer, EnumSet.noneOf(io.selkie.rdma.RemoteAccess.class));
    queuePair =
        provider.connect(server, domain, new ConnectOptions(privateData, 16, 16, 0, 10_000));
  }

  /** What the server said when it accepted. */
  ByteBuffer accepted() {
    return queuePair.remotePrivateData();
  }

  /** Reads through a handle. */
  WorkStatus read(int handle, long address, byte[] into) throws InterruptedException {
    MemorySegment local = buffer.asSlice(0, into.length);
    queuePair.postRead(region, local, handle, address, 7);
    WorkStatus status = await();
    MemorySegment.copy(local, ValueLayout.JAVA_BYTE, 0, into, 0, into.length);
    return status;
  }

  /** Writes through a handle, and knows that it is there. */
  WorkStatus write(int handle, long address, byte[] data) throws InterruptedException {
    MemorySegment local = buffer.asSlice(0, data.length);
    MemorySegment.copy(data, 0, local, ValueLayout.JAVA_BYTE, 0, data.length);
    queuePair.postWriteAndConfirm(region, local, handle, address, 7);
    return await();
  }

  private WorkStatus await() throws InterruptedException {
    WorkStatus[] got = new WorkStatus[1];
    int count =
        queuePair
            .completions()
            .await((workId, status) -> got[0] = status, 1, TimeUnit.SECONDS.toNanos(60));
    return count == 0 ? WorkStatus.CONNECTION_LOST : got[0];
  }

  @Override
  public void close() {
    queuePair.close();
    provider.close();
    arena.close();
  }
}
