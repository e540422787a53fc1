package io.selkie.rdma.iwarp;

import io.selkie.rdma.CompletionQueue;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReference;

/** What the two kinds of queue pair share: posting into the ring and reaping from it. */
abstract class AbstractQueuePair implements QueuePair, CompletionQueue, IwarpDomain.Member {

  /** The longest message RDMAP can name: RFC 5040 section 4.4. */
  private static final long MESSAGE_BYTES_MAX = 0xFFFF_FFFFL;

  private final AtomicReference<SendQueue.Completion> spare = new AtomicReference<>();

  /** The stream. */
  abstract IwarpConnection connection();

  /** The ring; present from the moment the consumer knows this queue pair. */
  abstract SendQueue sendQueue();

  /** Something was posted. */
  abstract void kick();

  @Override
  public ByteBuffer remotePrivateData() {
    return connection().peerPrivateData();
  }

  @Override
  public ProtectionDomain domain() {
    return connection().domain();
  }

  @Override
  public int sendQueueDepth() {
    return sendQueue().depth();
  }

  @Override
  public boolean isUp() {
    return connection().isUp();
  }

  @Override
  public DisconnectCause disconnectCause() {
    return connection().cause();
  }

  @Override
  public CompletionQueue completions() {
    return this;
  }

  @Override
  public PostResult postRead(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    return post(SendQueue.Kind.READ, localRegion, local, remoteKey, remoteAddress, workId);
  }

  @Override
  public PostResult postWrite(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    return post(SendQueue.Kind.WRITE, localRegion, local, remoteKey, remoteAddress, workId);
  }

  @Override
  public PostResult postWriteAndConfirm(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    return post(
        SendQueue.Kind.WRITE_AND_CONFIRM, localRegion, local, remoteKey, remoteAddress, workId);
  }

  @Override
  public PostResult postSend(MemoryRegion localRegion, MemorySegment local, long workId) {
    return post(SendQueue.Kind.SEND, localRegion, local, 0, 0, workId);
  }

  @Override
  public PostResult postSendWithInvalidate(
      MemoryRegion localRegion, MemorySegment local, int remoteKey, long workId) {
    return post(SendQueue.Kind.SEND_INVALIDATE, localRegion, local, remoteKey, 0, workId);
  }

  private PostResult post(
      SendQueue.Kind kind,
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    long bytes = local.byteSize();
    if (bytes > MESSAGE_BYTES_MAX) {
      throw new IllegalArgumentException(
          "a message of %d octets: RDMAP can name %d; split it"
              .formatted(bytes, MESSAGE_BYTES_MAX));
    }
    // A buffer that is not covered goes into the queue all the same: its error must complete in
    // its turn.
    IwarpRegion region = null;
    long offset = -1;
    if (localRegion instanceof IwarpRegion ours && ours.domain() == connection().domain()) {
      offset = ours.offsetOf(local);
      region = offset >= 0 ? ours : null;
    }
    PostResult result =
        sendQueue().post(kind, region, offset, bytes, remoteKey, remoteAddress, workId);
    if (result == PostResult.POSTED) {
      kick();
    }
    return result;
  }

  /** Gives completions to the sink, outside of any lock. */
  final int reap(Sink sink, int limit) {
    SendQueue queue = sendQueue();
    SendQueue.Completion completion = spare.getAndSet(null);
    if (completion == null) {
      completion = new SendQueue.Completion();
    }
    int given = 0;
    try {
      while (given < limit && queue.reap(completion)) {
        given++;
        sink.onCompletion(completion.workId, completion.status);
      }
    } finally {
      spare.set(completion);
    }
    return given;
  }

  @Override
  public String toString() {
    return "iWARP queue pair with " + remoteAddress() + " in " + connection().domain();
  }
}
