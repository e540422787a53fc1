package io.selkie.rdma.iwarp;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * A direct buffer the socket is read into and FPDUs are taken from where they lie. Octets from
 * {@code start} to {@code end} wait; what is behind {@code end} is free.
 */
final class ReceiveBuffer {

  private final ByteBuffer bytes;
  private final MemorySegment segment;

  /** What the driver keeps beside it; see {@link NettyReceiveBuffer}. */
  final NettyReceiveBuffer netty;

  private int start;
  private int end;

  ReceiveBuffer(int capacity, boolean forNetty) {
    bytes = ByteBuffer.allocateDirect(capacity);
    segment = MemorySegment.ofBuffer(bytes);
    netty = forNetty ? new NettyReceiveBuffer(this) : null;
  }

  /** For absolute access; its position and limit mean nothing. */
  ByteBuffer bytes() {
    return bytes;
  }

  MemorySegment segment() {
    return segment;
  }

  int start() {
    return start;
  }

  int end() {
    return end;
  }

  int available() {
    return end - start;
  }

  boolean isEmpty() {
    return start == end;
  }

  /** The waiting octets, as a window on the same buffer. */
  ByteBuffer window() {
    return bytes.limit(end).position(start);
  }

  /** The free room, as a window on the same buffer. */
  ByteBuffer room() {
    return bytes.limit(bytes.capacity()).position(end);
  }

  /** So many octets were put behind the end. */
  void received(int count) {
    end += count;
  }

  /** So many octets are dealt with. */
  void consume(int count) {
    start += count;
    if (start == end) {
      start = 0;
      end = 0;
    }
  }

  /** Drops what waits. */
  void clear() {
    start = 0;
    end = 0;
  }

  /**
   * Makes room for the rest of an FPDU of the longest kind: moves what waits to the front if it
   * would not fit where it is. Moves less than one FPDU, and only at the end of a buffer full of
   * them.
   */
  void compact() {
    if (start > 0 && bytes.capacity() - start < Fpdu.BYTES_MAX) {
      int waiting = end - start;
      MemorySegment.copy(segment, start, segment, 0, waiting);
      start = 0;
      end = waiting;
    }
  }
}
