package io.selkie.server.rpc;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator;
import java.util.function.Supplier;

/**
 * Lets a connection that is in the middle of a long record name the buffer that the socket is read
 * into, so that payloads are not copied on their way; otherwise as the allocator behind it says.
 */
final class RecordReceiveAllocator implements RecvByteBufAllocator {

  private final RecvByteBufAllocator usual;
  private final Supplier<ByteBuf> recordBuffer;

  RecordReceiveAllocator(RecvByteBufAllocator usual, Supplier<ByteBuf> recordBuffer) {
    this.usual = usual;
    this.recordBuffer = recordBuffer;
  }

  @Override
  @SuppressWarnings("deprecation") // Handle is what the interface asks for; ours is extended.
  public Handle newHandle() {
    return new RecordHandle(usual.newHandle());
  }

  /** Everything but the choice of the buffer is the usual handle's business. */
  @SuppressWarnings("deprecation")
  private final class RecordHandle extends DelegatingHandle implements ExtendedHandle {

    RecordHandle(Handle usual) {
      super(usual);
    }

    @Override
    public ByteBuf allocate(ByteBufAllocator allocator) {
      ByteBuf buffer = recordBuffer.get();
      return buffer != null ? buffer : super.allocate(allocator);
    }

    @Override
    public boolean continueReading(io.netty.util.UncheckedBooleanSupplier maybeMore) {
      return ((ExtendedHandle) delegate()).continueReading(maybeMore);
    }
  }
}
