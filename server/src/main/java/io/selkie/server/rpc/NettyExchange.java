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

  private final NettyConnection connection;
  private ByteBuf request;
  private ByteBuf replyBuffer;

  /** The next in the list of exchanges that are answered and wait for the event loop. */
  NettyExchange next;

  /** Whether the reply is to be sent, or else only the exchange to be given back. */
  boolean toSend;

  NettyExchange(NettyConnection connection) {
    this.connection = connection;
  }

  /** Takes over the request's record, and makes room for a reply. */
  void begin(ByteBuf record, int offset, int length, ByteBufAllocator allocator, int replyMax) {
    request = record.retain();
    requestBytes(length);
    args().wrap(record.nioBuffer(offset, length));
    replyBuffer = allocator.directBuffer(FIRST_BYTES, RecordMark.BYTES + replyMax + SLACK_BYTES);
    reply().wrap(view(), this, RecordMark.BYTES + replyMax);
    reply().reserveInt32();
  }

  private ByteBuffer view() {
    return replyBuffer.internalNioBuffer(0, replyBuffer.capacity());
  }

  @Override
  public ByteBuffer grow(ByteBuffer full, int minCapacity) {
    int max = replyBuffer.maxCapacity();
    if (minCapacity > max) {
      throw Kind.NO_SPACE.exception();
    }
    int position = full.position();
    replyBuffer.setIndex(0, position);
    replyBuffer.capacity(Math.min(max, Math.max(minCapacity, 2 * replyBuffer.capacity())));
    return view().position(position);
  }

  /** Returns the finished record, which the caller now owns. */
  ByteBuf takeRecord() {
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
