package io.selkie.posix;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * A {@code struct file_handle} of the kernel: a type and up to 128 opaque bytes. Mutable, to be
 * reused; not for several threads.
 */
public final class FileHandleBytes {
  /** {@code MAX_HANDLE_SZ}. */
  public static final int LENGTH_MAX = 128;

  private final byte[] bytes;
  private int length;
  private int type;
  private int mountId;

  /** An empty one, with room for any handle. */
  public FileHandleBytes() {
    this(new byte[LENGTH_MAX]);
  }

  private FileHandleBytes(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * A handle to be kept: it has room for these bytes and no more.
   *
   * @throws IllegalArgumentException when there are more than {@link #LENGTH_MAX} bytes
   */
  public static FileHandleBytes of(int type, byte[] source, int offset, int length) {
    if (length < 0 || length > LENGTH_MAX) {
      throw new IllegalArgumentException("file handle of " + length + " bytes");
    }
    FileHandleBytes handle = new FileHandleBytes(new byte[length]);
    handle.set(type, source, offset, length, 0);
    return handle;
  }

  /** The same handle in as little memory as it needs, to be kept. */
  public FileHandleBytes compact() {
    FileHandleBytes handle = of(type, bytes, 0, length);
    handle.mountId = mountId;
    return handle;
  }

  /** Number of bytes, 0 to {@link #LENGTH_MAX}. */
  public int length() {
    return length;
  }

  /** {@code handle_type}; chosen by the file system. */
  public int type() {
    return type;
  }

  /** Mount id that {@code name_to_handle_at} told; 0 when it was not asked. */
  public int mountId() {
    return mountId;
  }

  /** The byte at an index below {@link #length()}. */
  public byte at(int index) {
    if (index < 0 || index >= length) {
      throw new IndexOutOfBoundsException(index);
    }
    return bytes[index];
  }

  /** Copies the bytes out. */
  public byte[] toBytes() {
    return Arrays.copyOf(bytes, length);
  }

  /** Copies the bytes to an array, which must have room; returns their number. */
  public int copyTo(byte[] target, int offset) {
    System.arraycopy(bytes, 0, target, offset, length);
    return length;
  }

  /**
   * Fills it.
   *
   * @throws IllegalArgumentException when there are more bytes than it has room for
   */
  public void set(int newType, byte[] source, int offset, int newLength, int newMountId) {
    if (newLength < 0 || newLength > bytes.length) {
      throw new IllegalArgumentException("file handle of " + newLength + " bytes");
    }
    System.arraycopy(source, offset, bytes, 0, newLength);
    type = newType;
    length = newLength;
    mountId = newMountId;
  }

  /**
   * A number that differs, but for chance, between two handles of different type or bytes: where a
   * file system puts a generation into its handles, it tells a reused inode number apart.
   */
  public long digest() {
    // FNV-1a, 64 bits.
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < 4; i++) {
      hash = (hash ^ ((type >>> (8 * i)) & 0xff)) * 0x100000001b3L;
    }
    for (int i = 0; i < length; i++) {
      hash = (hash ^ (bytes[i] & 0xff)) * 0x100000001b3L;
    }
    return hash;
  }

  byte[] array() {
    return bytes;
  }

  @Override
  public String toString() {
    return "type " + type + " " + HexFormat.of().formatHex(bytes, 0, length);
  }
}
