package io.selkie.server.rpc;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledUnsafeDirectByteBuf;
import java.util.ArrayDeque;

/**
 * Buffers off the heap for records that carry about as much data as there may be in one. Netty's
 * allocators keep none of that size (the adaptive one), or give whole chunks back to the system
 * between two requests (the pooled one): each record would be mapped, cleared and unmapped, which
 * takes longer than copying its data.
 *
 * <p>All have the same capacity, and a few of those given back are kept. Safe for use by several
 * threads.
 */
final class LargeBuffers {

  /** What is kept when nothing is under way. */
  private static final long KEPT_BYTES_MAX = 64L << 20;

  private final int capacity;
  private final int keptMax;
  private final ArrayDeque<Buffer> kept = new ArrayDeque<>();
  private boolean closed;

  /**
   * Keeps nothing yet.
   *
   * @param capacity of each buffer, in bytes
   */
  LargeBuffers(int capacity) {
    this.capacity = capacity;
    this.keptMax = (int) Math.max(1, KEPT_BYTES_MAX / capacity);
  }

  /** Of each buffer, in bytes. */
  int capacity() {
    return capacity;
  }

  /** Whether a record of so many bytes belongs in one of these: it takes at least the half. */
  boolean fits(int bytes) {
    return bytes > capacity / 2 && bytes <= capacity;
  }

  /** An empty buffer; released, it comes back. */
  ByteBuf take() {
    ByteBuf buffer = takeKept();
    return buffer == null ? new Buffer(capacity) : buffer;
  }

  /** An empty buffer of those that are kept, or null: no memory is asked for. */
  ByteBuf takeKept() {
    Buffer buffer;
    synchronized (this) {
      buffer = kept.pollLast();
    }
    return buffer == null ? null : buffer.again();
  }

  /**
   * Makes a record's buffer larger by moving the record to one of these.
   *
   * @param full released here
   * @param bytes how many of its bytes, from the first on, belong to the record
   */
  ByteBuf move(ByteBuf full, int bytes) {
    ByteBuf larger = take();
    larger.writeBytes(full, 0, bytes);
    full.release();
    return larger;
  }

  /** How many are kept just now. */
  synchronized int keptCount() {
    return kept.size();
  }

  /** Lets go of what is kept; what comes back later is let go too. */
  void close() {
    ArrayDeque<Buffer> last;
    synchronized (this) {
      closed = true;
      last = new ArrayDeque<>(kept);
      kept.clear();
    }
    last.forEach(Buffer::free);
  }

  private synchronized boolean keep(Buffer buffer) {
    if (closed || kept.size() >= keptMax) {
      return false;
    }
    kept.addLast(buffer);
    return true;
  }

  /** Comes back when its last reference is released. */
  private final class Buffer extends UnpooledUnsafeDirectByteBuf {
    Buffer(int capacity) {
      super(UnpooledByteBufAllocator.DEFAULT, capacity, capacity);
    }

    Buffer again() {
      resetRefCnt();
      clear();
      return this;
    }

    @Override
    protected void deallocate() {
      if (!keep(this)) {
        free();
      }
    }

    void free() {
      super.deallocate();
    }
  }
}
