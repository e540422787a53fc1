package io.selkie.protocol.xdr;

import io.selkie.protocol.xdr.XdrException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * Reads XDR values one after the other from a byte buffer, heap or direct, without copying.
 *
 * <p>The reader moves the position of the buffer it wraps and never reads past its limit: whatever
 * a peer sends, the only outcome besides a value is an {@link XdrException}. A reader is reused by
 * {@linkplain #wrap wrapping} the next message. Not thread-safe; one owner at a time.
 */
public final class XdrReader {

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private ByteBuffer buffer = NOTHING;

  /** Creates a reader of nothing; {@link #wrap} gives it a message. */
  public XdrReader() {}

  /** Creates a reader of the bytes between the buffer's position and limit. */
  public XdrReader(ByteBuffer message) {
    wrap(message);
  }

  /**
   * Starts on another message: the bytes between the buffer's position and limit. The buffer is
   * used itself, not duplicated, and becomes big-endian.
   *
   * @return this reader
   */
  public XdrReader wrap(ByteBuffer message) {
    this.buffer = Objects.requireNonNull(message).order(ByteOrder.BIG_ENDIAN);
    return this;
  }

  /** Lets go of the message, so that a pooled reader does not keep its memory alive. */
  public void release() {
    buffer = NOTHING;
  }

  /**
   * Returns the wrapped buffer itself; its position is the reader's. For operations that hand the
   * bytes of an opaque to the kernel without copying them.
   */
  public ByteBuffer buffer() {
    return buffer;
  }

  /** Returns the position of the next value in the wrapped buffer, in bytes. */
  public int position() {
    return buffer.position();
  }

  /**
   * Goes back or forward to a position that {@link #position} returned.
   *
   * @throws XdrException if it lies behind the end of the message
   */
  public void position(int position) {
    if (position < 0 || position > buffer.limit()) {
      throw Kind.TRUNCATED.exception();
    }
    buffer.position(position);
  }

  /** Returns how many bytes of the message are left. */
  public int remaining() {
    return buffer.remaining();
  }

  /**
   * Ends the message early, {@code length} bytes from here, so that what is nested in an opaque
   * cannot reach beyond it.
   *
   * @return the old end, to be given to {@link #endNested}
   * @throws XdrException if fewer bytes are left
   */
  public int beginNested(int length) {
    need(length);
    int oldLimit = buffer.limit();
    buffer.limit(buffer.position() + length);
    return oldLimit;
  }

  /** Restores the end that {@link #beginNested} returned. */
  public void endNested(int oldLimit) {
    buffer.limit(oldLimit);
  }

  /** Reads a signed 32-bit integer. */
  public int int32() {
    if (buffer.remaining() < Integer.BYTES) {
      throw Kind.TRUNCATED.exception();
    }
    return buffer.getInt();
  }

  /** Reads an unsigned 32-bit integer. */
  public long uint32() {
    return int32() & 0xFFFF_FFFFL;
  }

  /** Reads a 64-bit integer; an unsigned one keeps its bit pattern. */
  public long int64() {
    if (buffer.remaining() < Long.BYTES) {
      throw Kind.TRUNCATED.exception();
    }
    return buffer.getLong();
  }

  /** Reads a boolean; anything but 0 and 1 is refused. */
  public boolean bool() {
    return switch (int32()) {
      case 0 -> false;
      case 1 -> true;
      default -> throw Kind.BAD_BOOL.exception();
    };
  }

  /** Reads an enumeration whose values are {@code min} to {@code max}; others are refused. */
  public int enumeration(int min, int max) {
    int value = int32();
    if (value < min || value > max) {
      throw Kind.BAD_ENUM.exception();
    }
    return value;
  }

  /** Reads a fixed-length opaque (with its padding) into the array's first {@code length} bytes. */
  public void fixedOpaque(byte[] target, int length) {
    needPadded(length);
    buffer.get(target, 0, length);
    pad(length);
  }

  /** Reads a fixed-length opaque (with its padding) into a new array. */
  public byte[] fixedOpaque(int length) {
    needPadded(length);
    byte[] bytes = new byte[length];
    fixedOpaque(bytes, length);
    return bytes;
  }

  /** Skips a fixed-length opaque together with its padding. */
  public void skipOpaque(int length) {
    needPadded(length);
    buffer.position(buffer.position() + Xdr.padded(length));
  }

  /** Skips exactly {@code bytes} bytes. */
  public void skip(int bytes) {
    need(bytes);
    buffer.position(buffer.position() + bytes);
  }

  /**
   * Reads the length of a variable-length opaque and makes sure that its bytes and padding are
   * there. The position is then at the first byte: use them in place and go on with {@link
   * #skipOpaque}.
   *
   * @param max the largest length allowed, in bytes
   * @return the length in bytes
   */
  public int opaqueLength(int max) {
    int length = int32();
    if (length < 0 || length > max) {
      throw Kind.OVER_BOUND.exception();
    }
    needPadded(length);
    return length;
  }

  /** Reads a variable-length opaque of at most {@code max} bytes into a new array. */
  public byte[] opaque(int max) {
    return fixedOpaque(opaqueLength(max));
  }

  /**
   * Reads a variable-length opaque of at most {@code target.length} bytes into an array.
   *
   * @return its length in bytes
   */
  public int opaque(byte[] target) {
    int length = opaqueLength(target.length);
    fixedOpaque(target, length);
    return length;
  }

  /** Skips a variable-length opaque of at most {@code max} bytes; returns its length. */
  public int skipVariableOpaque(int max) {
    int length = opaqueLength(max);
    skipOpaque(length);
    return length;
  }

  /**
   * Returns a variable-length opaque as a view of the message, without copying it. The view is one
   * small object and is valid only as long as the message's buffer.
   */
  public ByteBuffer opaqueSlice(int max) {
    int length = opaqueLength(max);
    ByteBuffer slice = buffer.slice(buffer.position(), length);
    skipOpaque(length);
    return slice;
  }

  /** Reads a string of at most {@code maxBytes} bytes that must be well-formed UTF-8. */
  public String utf8(int maxBytes) {
    int length = opaqueLength(maxBytes);
    if (!Utf8.isWellFormed(buffer, buffer.position(), length)) {
      throw Kind.BAD_UTF8.exception();
    }
    return new String(fixedOpaque(length), StandardCharsets.UTF_8);
  }

  /**
   * Reads the count of a variable-length array and makes sure that so many elements can be there at
   * all, so that no loop and no allocation is driven by a lie.
   *
   * @param max the largest count allowed
   * @param elementBytesMin how many bytes the smallest element takes
   */
  public int count(int max, int elementBytesMin) {
    int count = int32();
    if (count < 0 || count > max) {
      throw Kind.OVER_BOUND.exception();
    }
    if ((long) count * elementBytesMin > buffer.remaining()) {
      throw Kind.TRUNCATED.exception();
    }
    return count;
  }

  private void need(int bytes) {
    if (bytes < 0 || buffer.remaining() < bytes) {
      throw Kind.TRUNCATED.exception();
    }
  }

  /** In long arithmetic: a length near 2^31 must not wrap round when it is padded. */
  private void needPadded(int length) {
    if (length < 0 || buffer.remaining() < ((length + 3L) & ~3L)) {
      throw Kind.TRUNCATED.exception();
    }
  }

  private void pad(int length) {
    buffer.position(buffer.position() + Xdr.padding(length));
  }
}
