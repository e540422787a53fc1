package io.selkie.server.rpc;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.selkie.protocol.rpc.RecordMark;
import java.util.function.BooleanSupplier;

/**
 * Cuts a byte stream into records (RFC 5531 section 11). Confined to the connection's event loop.
 *
 * <p>A record that lies whole in one chunk is handed on where it lies. Of a longer one the first
 * part is copied into a buffer of the record's size, and from then on the socket is read straight
 * into that buffer: see {@link #receiveBuffer}. No length is believed before bytes have come: until
 * {@value #TRUSTED_BYTES} bytes are there, no more than that is allocated.
 */
final class RecordAssembler {

  /** Takes complete records. */
  @FunctionalInterface
  interface Sink {
    /** Takes a record; it must retain the buffer to keep it. */
    void onRecord(ByteBuf buffer, int offset, int length);
  }

  /** The stream cannot be understood any further: the connection must be closed. */
  static final class BadRecordException extends Exception {
    BadRecordException(String message) {
      super(message, null, false, false);
    }
  }

  static final int TRUSTED_BYTES = 64 * 1024;

  /** What a record begins with, and doubles, when memory is short. */
  static final int SHORT_BYTES = 4096;

  /** Says whether so many bytes may be set aside before they have come. */
  @FunctionalInterface
  interface Trust {
    /** Whether there is plenty. */
    boolean isPlenty(int bytes);
  }

  /** A record in more fragments than this is an attack or a defect. */
  static final int FRAGMENTS_MAX = 4096;

  private final ByteBufAllocator allocator;
  private final int recordBytesMax;
  private final Trust trust;
  private final LargeBuffers large;

  private int mark;
  private int markBytes;
  private boolean last;
  private int fragmentRemaining;
  private int fragments;
  private boolean broken;
  private ByteBuf record;
  private ByteBuf receiving;

  /**
   * Creates one.
   *
   * @param large where the buffers of the longest records come from
   * @param trust asked before a record's buffer becomes as large as was announced; if not, it grows
   *     with what comes
   */
  RecordAssembler(ByteBufAllocator allocator, LargeBuffers large, int recordBytesMax, Trust trust) {
    this.allocator = allocator;
    this.large = large;
    this.recordBytesMax = recordBytesMax;
    this.trust = trust;
  }

  /** How many bytes the buffer of the record that is not complete has. */
  int heldBytes() {
    return record == null ? 0 : record.capacity();
  }

  /** Whether a record has begun and is not yet complete. */
  boolean inRecord() {
    return fragments > 0 || markBytes > 0;
  }

  /**
   * Returns a buffer to read the socket into so that the bytes land in their record, or null if any
   * buffer will do. The buffer must come back through {@link #consume} or be released.
   */
  ByteBuf receiveBuffer() {
    if (record == null || fragmentRemaining < TRUSTED_BYTES / 4) {
      return null;
    }
    makeRoom();
    int length = Math.min(fragmentRemaining, record.writableBytes());
    receiving = record.retainedSlice(record.writerIndex(), length).clear();
    return receiving;
  }

  /**
   * Takes bytes from the chunk's reader index on and hands on the records they complete. Returns
   * early, leaving the rest in the chunk, when {@code mayGoOn} says that no more can be taken. Once
   * the stream could not be understood, all that follows is skipped.
   */
  @SuppressWarnings("ReferenceEquality") // Whether it is that very buffer, not one like it.
  void consume(ByteBuf chunk, Sink sink, BooleanSupplier mayGoOn) throws BadRecordException {
    if (chunk == receiving) {
      receiving = null;
      int length = chunk.readableBytes();
      chunk.skipBytes(length);
      record.writerIndex(record.writerIndex() + length);
      fragmentRemaining -= length;
      endOfFragment(sink);
      return;
    }
    receiving = null;
    if (broken) {
      chunk.skipBytes(chunk.readableBytes());
      return;
    }
    while (chunk.isReadable() && mayGoOn.getAsBoolean()) {
      if (markBytes < RecordMark.BYTES) {
        readMark(chunk);
        if (markBytes < RecordMark.BYTES) {
          return;
        }
        beginFragment();
        if (record == null && last && chunk.readableBytes() >= fragmentRemaining) {
          int offset = chunk.readerIndex();
          int length = fragmentRemaining;
          chunk.skipBytes(length);
          reset();
          sink.onRecord(chunk, offset, length);
          continue;
        }
      }
      int length = Math.min(chunk.readableBytes(), fragmentRemaining);
      if (length > 0) {
        if (record == null || record.writableBytes() < length) {
          makeRoom();
          length = Math.min(length, record.writableBytes());
        }
        record.writeBytes(chunk, length);
        fragmentRemaining -= length;
      }
      endOfFragment(sink);
    }
  }

  private void readMark(ByteBuf chunk) {
    while (markBytes < RecordMark.BYTES && chunk.isReadable()) {
      mark = mark << 8 | chunk.readUnsignedByte();
      markBytes++;
    }
  }

  private void beginFragment() throws BadRecordException {
    last = RecordMark.isLast(mark);
    fragmentRemaining = RecordMark.length(mark);
    broken = true;
    long total = fragmentRemaining + (record == null ? 0L : record.readableBytes());
    if (total > recordBytesMax) {
      throw new BadRecordException(
          "record of %d bytes or more, at most %d are accepted".formatted(total, recordBytesMax));
    }
    if (++fragments > FRAGMENTS_MAX) {
      throw new BadRecordException("record in more than " + FRAGMENTS_MAX + " fragments");
    }
    broken = false;
  }

  /** Makes the record's buffer larger: first to what is trusted, then to what was announced. */
  private void makeRoom() {
    if (record == null && large.fits(fragmentRemaining) && trust.isPlenty(large.capacity())) {
      // What is there already may be lent before the bytes have come.
      record = large.takeKept();
    }
    if (record == null) {
      int first = trust.isPlenty(TRUSTED_BYTES) ? TRUSTED_BYTES : SHORT_BYTES;
      record = allocator.directBuffer(Math.min(fragmentRemaining, first), recordBytesMax);
    } else if (!record.isWritable()) {
      int filled = record.writerIndex();
      int announced = filled + fragmentRemaining;
      int trusted = filled < TRUSTED_BYTES ? Math.min(announced, TRUSTED_BYTES) : announced;
      int wanted = trust.isPlenty(trusted) ? trusted : 0;
      // At least twice as large, so that many small fragments do not mean as many copies.
      int capacity = Math.min(recordBytesMax, Math.max(wanted, 2 * filled));
      if (large.fits(capacity)) {
        record = large.move(record, filled);
      } else {
        record.capacity(capacity);
      }
    }
  }

  private void endOfFragment(Sink sink) {
    if (fragmentRemaining > 0) {
      return;
    }
    markBytes = 0;
    mark = 0;
    if (!last) {
      return;
    }
    ByteBuf complete = record;
    reset();
    if (complete == null) {
      sink.onRecord(Unpooled.EMPTY_BUFFER, 0, 0);
      return;
    }
    try {
      sink.onRecord(complete, complete.readerIndex(), complete.readableBytes());
    } finally {
      complete.release();
    }
  }

  private void reset() {
    mark = 0;
    markBytes = 0;
    last = false;
    fragmentRemaining = 0;
    fragments = 0;
    record = null;
  }

  /** Releases what is held; for the end of the connection. */
  void close() {
    if (record != null) {
      record.release();
    }
    reset();
  }
}
