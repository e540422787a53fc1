package io.selkie.rdma;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * A connected queue pair.
 *
 * <p><b>Work requests</b> are posted by any thread and complete in the order of posting through
 * {@link #completions()}. Nothing is allocated per posted request. At most {@link
 * #sendQueueDepth()} may be outstanding: one more answers {@link PostResult#QUEUE_FULL} and changes
 * nothing.
 *
 * <p>An error (a remote access error, a lost connection) breaks the queue pair as in verbs: the
 * request that failed completes with its {@link WorkStatus}, the ones behind it with {@link
 * WorkStatus#FLUSHED}. A request that completes with an error may or may not have taken effect, in
 * part or whole, unless the status says otherwise.
 */
public interface QueuePair extends AutoCloseable {

  /** What posting answered. */
  enum PostResult {
    /** Taken; a completion will follow. */
    POSTED,
    /** Too many outstanding; reap completions first. */
    QUEUE_FULL,
    /** The queue pair is broken or closed; no completion will follow. */
    BROKEN
  }

  /** The peer's private data from the connection's answer or request, read only. */
  ByteBuffer remotePrivateData();

  /** The domain this queue pair belongs to. */
  ProtectionDomain domain();

  /** The peer's address for logs. */
  String remoteAddress();

  /** Most work requests outstanding at a time. */
  int sendQueueDepth();

  /** Whether posting is still possible. */
  boolean isUp();

  /** Why it ended, or null while it is up. */
  DisconnectCause disconnectCause();

  /**
   * RDMA READ: {@code local.byteSize()} bytes from the peer into {@code local}.
   *
   * @param local native memory; must stay valid until the completion. {@code localRegion} covers it
   * @param localRegion registration of {@code local} (needs no remote rights), made in {@link
   *     #domain()}
   * @param workId comes back in the completion
   */
  PostResult postRead(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId);

  /**
   * RDMA WRITE: {@code local.byteSize()} bytes from {@code local} to the peer. The completion says
   * that the local buffer may be used again; that the bytes are placed at the peer is known only
   * after a later READ, Send answer or FLUSH on the same queue pair completed (RFC 5040 section
   * 5.5), which {@link #postWriteAndConfirm} folds into one request.
   */
  PostResult postWrite(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId);

  /**
   * RDMA WRITE followed by an RDMA READ, completing when the write is known to be placed at the
   * peer, or with the error it met there. A provider whose READ cannot be empty reads one byte of
   * the same place, and then needs a key with both rights; the others need the right to write.
   */
  PostResult postWriteAndConfirm(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId);

  /**
   * Whether it has RDMA FLUSH: the provider's device does ({@link RdmaProvider#hasFlush}), and so
   * do its libraries.
   */
  default boolean canFlush() {
    return false;
  }

  /**
   * RDMA FLUSH of a range at the peer, behind the WRITEs that were posted to it before: its
   * completion says that they are placed and durable, or visible to whoever looks at the peer's
   * memory.
   *
   * @param remoteKey of a region with the right {@link RemoteAccess#FLUSH}
   * @param remoteAddress of the first byte
   * @param bytes 1 to 2^32 - 1
   * @param persistent whether durable is meant, else visible
   * @throws UnsupportedOperationException where {@link #canFlush} says no
   */
  default PostResult postFlush(
      int remoteKey, long remoteAddress, long bytes, boolean persistent, long workId) {
    throw new UnsupportedOperationException("this provider has no RDMA FLUSH");
  }

  /** Send an untagged message; bounded by the peer's receive buffers (4 KiB). */
  PostResult postSend(MemoryRegion localRegion, MemorySegment local, long workId);

  /** Send with Invalidate: the peer's {@code remoteKey} is dead when the message is delivered. */
  PostResult postSendWithInvalidate(
      MemoryRegion localRegion, MemorySegment local, int remoteKey, long workId);

  /** Where this queue pair's completions come out. */
  CompletionQueue completions();

  /** Ends it in order; outstanding requests complete as {@link WorkStatus#FLUSHED}. Idempotent. */
  @Override
  void close();

  /** Breaks it at once (a fence). Returns when no access through it can begin any more. */
  void abort(String reason);
}
