package io.selkie.rdma.iwarp;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * A direct buffer of outgoing FPDUs on their way to the socket, and the regions whose octets are in
 * it. Those stay counted in flight until {@link #release()}: when the kernel has taken all of the
 * chunk, or the connection is gone (invariant S3).
 */
final class Chunk {

  /** Regions a chunk can hold at a time; a chunk that is full of them is sent as it is. */
  private static final int HOLDS_MAX = 64;

  private final ByteBuffer bytes;
  private final MemorySegment segment;
  private final IwarpRegion[] holds = new IwarpRegion[HOLDS_MAX];
  private int holdCount;

  /** What the driver keeps beside it; see {@link NettyChunk}. */
  final NettyChunk netty;

  Chunk(int capacity, boolean forNetty) {
    bytes = ByteBuffer.allocateDirect(capacity);
    segment = MemorySegment.ofBuffer(bytes);
    netty = forNetty ? new NettyChunk(this) : null;
  }

  /** Written by the engine up to its position; the driver flips it. */
  ByteBuffer bytes() {
    return bytes;
  }

  /** The same memory, whole, whatever the position. */
  MemorySegment segment() {
    return segment;
  }

  boolean canHold() {
    return holdCount < HOLDS_MAX;
  }

  /**
   * Makes the chunk keep an access that was begun by {@link IwarpRegion#begin()}; if it keeps one
   * of the same region already, this one is ended.
   */
  void hold(IwarpRegion region) {
    if (holdCount > 0 && holds[holdCount - 1] == region) {
      region.end();
    } else {
      holds[holdCount++] = region;
    }
  }

  boolean holds(IwarpRegion region) {
    for (int i = 0; i < holdCount; i++) {
      if (holds[i] == region) {
        return true;
      }
    }
    return false;
  }

  /** Ends the accesses and empties the buffer. */
  void release() {
    for (int i = 0; i < holdCount; i++) {
      IwarpRegion region = holds[i];
      holds[i] = null;
      region.end();
    }
    holdCount = 0;
    bytes.clear();
  }
}
