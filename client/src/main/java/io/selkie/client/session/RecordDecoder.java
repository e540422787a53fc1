package io.selkie.client.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.TooLongFrameException;
import io.selkie.protocol.rpc.RecordMark;
import java.util.List;

/**
 * Cuts a byte stream into RPC records (RFC 5531 section 11), whatever fragments they come in. A
 * record above the bound ends the connection before it takes memory.
 */
final class RecordDecoder extends ByteToMessageDecoder {
  private static final int FRAGMENTS_MAX = 1024;

  private final int recordBytesMax;
  private CompositeByteBuf fragments;

  RecordDecoder(int recordBytesMax) {
    this.recordBytesMax = recordBytesMax;
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) {
    if (in.readableBytes() < RecordMark.BYTES) {
      return;
    }
    int mark = in.getInt(in.readerIndex());
    int length = RecordMark.length(mark);
    int before = fragments == null ? 0 : fragments.readableBytes();
    if (length > recordBytesMax - before) {
      throw new TooLongFrameException(
          "record of at least " + (before + (long) length) + " bytes, allowed " + recordBytesMax);
    }
    if (in.readableBytes() < RecordMark.BYTES + length) {
      return;
    }
    in.skipBytes(RecordMark.BYTES);
    ByteBuf fragment = in.readRetainedSlice(length);
    if (RecordMark.isLast(mark) && fragments == null) {
      out.add(fragment);
      return;
    }
    if (fragments == null) {
      fragments = context.alloc().compositeBuffer(FRAGMENTS_MAX);
    }
    if (fragments.numComponents() >= FRAGMENTS_MAX) {
      fragment.release();
      throw new TooLongFrameException("record of more than " + FRAGMENTS_MAX + " fragments");
    }
    fragments.addComponent(true, fragment);
    if (RecordMark.isLast(mark)) {
      out.add(fragments);
      fragments = null;
    }
  }

  @Override
  protected void handlerRemoved0(ChannelHandlerContext context) {
    if (fragments != null) {
      fragments.release();
      fragments = null;
    }
  }
}
