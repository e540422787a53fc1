package io.selkie.protocol.xdr;

import io.selkie.protocol.xdr.XdrException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * Writes XDR values one after the other into a byte buffer, heap or direct.
 *
 * <p>Lengths, counts and status words that are known only later are {@linkplain #reserveInt32
 * reserved} and {@linkplain #patchInt32 patched}; a result that turns out not to fit is taken back
 * with {@link #rewind}. All positions are absolute in the buffer and survive its growth. Where a
 * {@link Growth} is given, a small buffer is replaced by a larger one when it is full, up to the
 * writer's {@linkplain #limit limit}. Not thread-safe; one owner at a time.
 */
public final class XdrWriter {

  /** Replaces a full buffer by a larger one. */
  @FunctionalInterface
  public interface Growth {

    /**
     * Returns a buffer of at least {@code minCapacity} bytes that begins with the bytes 0 to
     * position of {@code full} and has the same position; {@code full} is not used any more.
     */
    ByteBuffer grow(ByteBuffer full, int minCapacity);
  }

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private static final Growth FIXED =
      (full, minCapacity) -> {
        throw Kind.NO_SPACE.exception();
      };

  private ByteBuffer buffer = NOTHING;
  private Growth growth = FIXED;
  private int limit;

  /** Creates a writer without a buffer; {@link #wrap} gives it one. */
  public XdrWriter() {}

  /** Creates a writer into the space between the buffer's position and limit. */
  public XdrWriter(ByteBuffer target) {
    wrap(target);
  }

  /** Starts on another buffer of fixed size: the space between its position and limit. */
  public XdrWriter wrap(ByteBuffer target) {
    return wrap(target, FIXED, target.limit());
  }

  /**
   * Starts on another buffer that grows as needed.
   *
   * @param target the first buffer; writing starts at its position
   * @param growth gives larger buffers
   * @param limit the position that no value may reach beyond, in bytes from the buffer's start
   */
  public XdrWriter wrap(ByteBuffer target, Growth growth, int limit) {
    this.buffer = Objects.requireNonNull(target).order(ByteOrder.BIG_ENDIAN);
    this.growth = Objects.requireNonNull(growth);
    this.limit = limit;
    return this;
  }

  /** Lets go of the buffer, so that a pooled writer does not keep its memory alive. */
  public void release() {
    buffer = NOTHING;
    growth = FIXED;
    limit = 0;
  }

  /**
   * Returns the current buffer; its position is the writer's. Call {@link #ensure} first when
   * writing to it directly, and fetch it again afterwards: growth replaces it.
   */
  public ByteBuffer buffer() {
    return buffer;
  }

  /** Returns the position of the next value, in bytes from the buffer's start. */
  public int position() {
    return buffer.position();
  }

  /** Moves forward over bytes written directly into {@link #buffer}, or back like a rewind. */
  public void position(int position) {
    buffer.position(position);
  }

  /** Takes back everything from {@code position} on; {@link #position} is the matching mark. */
  public void rewind(int position) {
    if (position > buffer.position()) {
      throw new IllegalArgumentException(
          "cannot rewind forward, from " + buffer.position() + " to " + position);
    }
    buffer.position(position);
  }

  /** Returns the position that no value may reach beyond. */
  public int limit() {
    return limit;
  }

  /** Sets the position that no value may reach beyond; what is written already stays. */
  public void limit(int limit) {
    this.limit = limit;
  }

  /** Returns how many bytes may still be written before the limit. */
  public int remaining() {
    return limit - buffer.position();
  }

  /**
   * Makes sure that {@code bytes} more bytes can be written.
   *
   * @throws XdrException {@link Kind#NO_SPACE} if the limit does not allow it
   */
  public void ensure(int bytes) {
    if (bytes < 0 || bytes > limit - buffer.position()) {
      throw Kind.NO_SPACE.exception();
    }
    if (bytes > buffer.remaining()) {
      buffer = growth.grow(buffer, buffer.position() + bytes).order(ByteOrder.BIG_ENDIAN);
    }
  }

  /** Writes a 32-bit integer, signed or unsigned. */
  public void int32(int value) {
    ensure(Integer.BYTES);
    buffer.putInt(value);
  }

  /** Writes an unsigned 32-bit integer held in a long; its upper half must be zero. */
  public void uint32(long value) {
    if (value >>> 32 != 0) {
      throw new IllegalArgumentException(value + " is no unsigned 32-bit integer");
    }
    int32((int) value);
  }

  /** Writes a 64-bit integer, signed or unsigned. */
  public void int64(long value) {
    ensure(Long.BYTES);
    buffer.putLong(value);
  }

  /** Writes a boolean. */
  public void bool(boolean value) {
    int32(value ? 1 : 0);
  }

  /** Writes a whole array as a fixed-length opaque, with padding. */
  public void fixedOpaque(byte[] bytes) {
    fixedOpaque(bytes, 0, bytes.length);
  }

  /** Writes part of an array as a fixed-length opaque, with padding. */
  public void fixedOpaque(byte[] bytes, int offset, int length) {
    ensure(paddedBytes(length));
    buffer.put(bytes, offset, length);
    pad(length);
  }

  /** Writes a whole array as a variable-length opaque. */
  public void opaque(byte[] bytes) {
    opaque(bytes, 0, bytes.length);
  }

  /** Writes part of an array as a variable-length opaque. */
  public void opaque(byte[] bytes, int offset, int length) {
    ensure(variableBytes(length));
    buffer.putInt(length);
    buffer.put(bytes, offset, length);
    pad(length);
  }

  /** Writes what is left of a buffer as a variable-length opaque; its position does not move. */
  public void opaque(ByteBuffer bytes) {
    int length = bytes.remaining();
    ensure(variableBytes(length));
    buffer.putInt(length);
    buffer.put(buffer.position(), bytes, bytes.position(), length);
    buffer.position(buffer.position() + length);
    pad(length);
  }

  /** Writes a string as UTF-8. */
  public void utf8(String text) {
    opaque(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Copies raw bytes that are XDR already, without a length and without padding. */
  public void raw(byte[] bytes, int offset, int length) {
    ensure(length);
    buffer.put(bytes, offset, length);
  }

  /** Copies what is left of a buffer that is XDR already; its position does not move. */
  public void raw(ByteBuffer bytes) {
    int length = bytes.remaining();
    ensure(length);
    buffer.put(buffer.position(), bytes, bytes.position(), length);
    buffer.position(buffer.position() + length);
  }

  /** Leaves room for a 32-bit integer (zero for now) and returns its position. */
  public int reserveInt32() {
    int position = buffer.position();
    int32(0);
    return position;
  }

  /** Leaves room for a 64-bit integer (zero for now) and returns its position. */
  public int reserveInt64() {
    int position = buffer.position();
    int64(0);
    return position;
  }

  /** Overwrites a 32-bit integer at a position written or reserved before. */
  public void patchInt32(int position, int value) {
    buffer.putInt(position, value);
  }

  /** Overwrites a 64-bit integer at a position written or reserved before. */
  public void patchInt64(int position, long value) {
    buffer.putLong(position, value);
  }

  /**
   * Starts a variable-length opaque whose length is known only at its end. Write its content, then
   * call {@link #endOpaque} with the returned position.
   */
  public int beginOpaque() {
    return reserveInt32();
  }

  /** Ends an opaque begun at {@code lengthPosition}: patches its length and pads it. */
  public void endOpaque(int lengthPosition) {
    int length = buffer.position() - lengthPosition - Integer.BYTES;
    ensure(Xdr.padding(length));
    pad(length);
    buffer.putInt(lengthPosition, length);
  }

  private void pad(int length) {
    for (int i = Xdr.padding(length); i > 0; i--) {
      buffer.put((byte) 0);
    }
  }

  private static int paddedBytes(int length) {
    if (length > Integer.MAX_VALUE - 8) {
      throw Kind.NO_SPACE.exception();
    }
    return Xdr.padded(length);
  }

  private static int variableBytes(int length) {
    return Integer.BYTES + paddedBytes(length);
  }
}
