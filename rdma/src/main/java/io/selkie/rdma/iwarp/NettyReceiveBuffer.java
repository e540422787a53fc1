package io.selkie.rdma.iwarp;

import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledDirectByteBuf;

/**
 * A {@link ReceiveBuffer} as Netty sees it when it reads from the socket: octets land behind the
 * ones that wait, in the same memory. Its life is the connection's business, so Netty's counting of
 * references does nothing here.
 */
final class NettyReceiveBuffer extends UnpooledDirectByteBuf {

  private final ReceiveBuffer buffer;

  NettyReceiveBuffer(ReceiveBuffer buffer) {
    super(UnpooledByteBufAllocator.DEFAULT, buffer.bytes(), buffer.bytes().capacity());
    this.buffer = buffer;
  }

  /** Shows Netty the free room. */
  NettyReceiveBuffer prepare() {
    setIndex(buffer.end(), buffer.end());
    return this;
  }

  /** Takes over what Netty has read; false when it was read for another connection. */
  @SuppressWarnings("ReferenceEquality") // the very same buffer is meant
  boolean fill(ReceiveBuffer expected) {
    if (expected != buffer) {
      return false;
    }
    buffer.received(writerIndex() - buffer.end());
    return true;
  }

  @Override
  public boolean release() {
    return false;
  }

  @Override
  public boolean release(int decrement) {
    return false;
  }
}
