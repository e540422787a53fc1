package io.selkie.rdma.iwarp;

import java.util.ArrayDeque;

/**
 * Idle buffers of one thread at a time: an event loop, or the owner of an active connection. A
 * connection with nothing on the way holds none.
 */
final class LoopBuffers {

  private final IwarpLimits limits;
  private final boolean forNetty;
  private final ArrayDeque<Chunk> chunks = new ArrayDeque<>();
  private final ArrayDeque<ReceiveBuffer> receiveBuffers = new ArrayDeque<>();

  LoopBuffers(IwarpLimits limits, boolean forNetty) {
    this.limits = limits;
    this.forNetty = forNetty;
  }

  Chunk takeChunk() {
    Chunk chunk = chunks.pollLast();
    return chunk != null ? chunk : new Chunk(limits.sendChunkBytes(), forNetty);
  }

  /** The chunk must have been released. */
  void give(Chunk chunk) {
    if (chunks.size() < limits.pooledBuffersMax()) {
      chunks.addLast(chunk);
    }
  }

  ReceiveBuffer takeReceiveBuffer() {
    ReceiveBuffer buffer = receiveBuffers.pollLast();
    return buffer != null ? buffer : new ReceiveBuffer(limits.receiveBufferBytes(), forNetty);
  }

  void give(ReceiveBuffer buffer) {
    buffer.clear();
    if (receiveBuffers.size() < limits.pooledBuffersMax()) {
      receiveBuffers.addLast(buffer);
    }
  }
}
