package io.selkie.rdma.iwarp;

import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledDirectByteBuf;

/**
 * A {@link Chunk} as Netty's outgoing queue sees it. Netty "releases" a buffer when the kernel has
 * taken all of it or the connection is gone; here that gives the chunk back to its connection,
 * memory and all, instead of freeing it.
 */
final class NettyChunk extends UnpooledDirectByteBuf {

  private final Chunk chunk;
  private NettyQueuePair owner;

  NettyChunk(Chunk chunk) {
    super(UnpooledByteBufAllocator.DEFAULT, chunk.bytes(), chunk.bytes().capacity());
    this.chunk = chunk;
  }

  /** Makes it ready to be written by this connection. */
  NettyChunk prepare(NettyQueuePair connection, int length) {
    owner = connection;
    setIndex(0, length);
    return this;
  }

  @Override
  public boolean release() {
    NettyQueuePair connection = owner;
    if (connection != null) {
      owner = null;
      connection.onChunkDone(chunk);
    }
    return false;
  }

  @Override
  public boolean release(int decrement) {
    return release();
  }
}
