package io.selkie.server.rpc;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.xdr.XdrException.Kind;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;

/** An exchange whose request and reply lie in pooled direct buffers. */
final class NettyExchange extends RpcExchange implements XdrWriter.Growth {

  /** Enough for nearly every reply that carries no data. */
  private static final int FIRST_BYTES = 1024;

  /** A reply that ends in an error must fit even where its results did not. */
  private static final int SLACK_BYTES = 64;

  /** A request that lies in a buffer this much larger than itself does not keep it. */
  private static final int CHUNK_WASTE_FACTOR = 4;

  private static final int CHUNK_WASTE_BYTES = 4096;

  private final NettyConnection connection;
  private final MemoryBudget.Share share;
  private final LargeBuffers large;
  private ByteBuf request;
  private ByteBuf replyBuffer;
  private int capacityMax;
  private long charged;

  /** The next in the list of exchanges that are answered and wait for the event loop. */
  NettyExchange next;

  /** Whether the reply is to be sent, or else only the exchange to be given back. */
  boolean toSend;

  NettyExchange(NettyConnection connection, MemoryBudget.Share share, LargeBuffers large) {
    this.connection = connection;
    this.share = share;
    this.large = large;
  }

  /** The largest buffer that a reply of at most so many bytes may need. */
  static int capacityMax(int replyMax) {
    return RecordMark.BYTES + replyMax + SLACK_BYTES;
  }

  /** Takes over the request's record, and makes room for a reply. */
  void begin(ByteBuf record, int offset, int length, ByteBufAllocator allocator, int replyMax) {
    if (record.capacity() > (long) CHUNK_WASTE_FACTOR * length + CHUNK_WASTE_BYTES) {
      request = allocator.directBuffer(length).writeBytes(record, offset, length);
      args().wrap(request.nioBuffer(0, length));
    } else {
      request = record.retain();
      args().wrap(record.nioBuffer(offset, length));
    }
    requestBytes(length);
    replyMayBeRefused(false);
    capacityMax = capacityMax(replyMax);
    replyBuffer = allocator.directBuffer(FIRST_BYTES, capacityMax);
    reply().wrap(view(), this, RecordMark.BYTES + replyMax);
    reply().reserveInt32();
    charged = (long) request.capacity() + replyBuffer.capacity();
    share.take(charged);
  }

  private ByteBuffer view() {
    return replyBuffer.nioBuffer(0, replyBuffer.capacity());
  }

  @Override
  public ByteBuffer grow(ByteBuffer full, int minCapacity) {
    int max = capacityMax;
    if (minCapacity > max) {
      throw Kind.NO_SPACE.exception();
    }
    int position = full.position();
    int before = replyBuffer.capacity();
    int wanted = Math.min(max, Math.max(minCapacity, 2 * before));
    boolean moves = large.fits(wanted);
    int after = moves ? large.capacity() : wanted;
    charge(after, after - before);
    replyBuffer.setIndex(0, position);
    try {
      if (moves) {
        replyBuffer = large.move(replyBuffer, position);
      } else {
        replyBuffer.capacity(after);
      }
    } catch (OutOfMemoryError e) {
      connection.outOfMemory(e);
      throw Kind.NO_SPACE.exception();
    }
    return view().position(position);
  }

  private void charge(int capacity, int more) {
    if (!replyMayBeRefused() || capacity <= MemoryBudget.SMALL_REPLY_BYTES) {
      share.take(more);
    } else if (!share.tryTake(more)) {
      throw new BuffersExhaustedException();
    }
    charged += more;
  }

  /** What the finished record counts for in the budget; the caller takes that over with it. */
  int recordCharge() {
    return replyBuffer.capacity();
  }

  /** Returns the finished record, which the caller now owns. */
  ByteBuf takeRecord() {
    charged -= recordCharge();
    int length = reply().position();
    reply().patchInt32(0, RecordMark.lastFragment(length - RecordMark.BYTES));
    ByteBuf record = replyBuffer.setIndex(0, length);
    replyBuffer = null;
    return record;
  }

  /** Releases what is still held. */
  void end() {
    args().release();
    reply().release();
    if (request != null) {
      request.release();
      request = null;
    }
    if (replyBuffer != null) {
      replyBuffer.release();
      replyBuffer = null;
    }
    long back = charged;
    charged = 0;
    share.give(back);
  }

  @Override
  public RpcConnection connection() {
    return connection;
  }

  @Override
  public void send() {
    toSend = true;
    connection.finished(this);
  }

  @Override
  public void drop() {
    toSend = false;
    connection.finished(this);
  }
}
