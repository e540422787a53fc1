package io.selkie.server.vfs;

import io.selkie.posix.FileHandleBytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * NFS filehandles as bytes: opaque to clients, and sealed with a key so that nobody can make one up
 * for a file that the server never showed.
 *
 * <pre>
 *  0         1        2         3     4          8       16           24           28
 * | version | length | reserved = 0 | export id | inode | generation | kernel type | kernel handle
 *
 *  28 + length                36 + length
 * | SipHash-2-4 of all before |      numbers are big-endian; at most 128 bytes
 * </pre>
 *
 * <p>Both ways to find a file are in every handle, the kernel's and the inode number. So handles
 * given out without the privilege to use the former stay good when the server gets it; the other
 * way round a handle is stale until somebody looks its file up again. Safe for use by several
 * threads.
 */
final class FileHandleCodec {
  static final int LENGTH_MAX = 128;
  private static final int VERSION = 1;
  private static final int FIXED = 28;
  private static final int CHECK = 8;

  /** Longest handle of the kernel that has room in ours. */
  static final int KERNEL_LENGTH_MAX = LENGTH_MAX - FIXED - CHECK;

  private final SipHash check;

  FileHandleCodec(byte[] key) {
    check = new SipHash(key);
  }

  byte[] encode(FileHandle handle) {
    FileHandleBytes kernel = handle.kernel();
    int length = kernel == null ? 0 : kernel.length();
    if (length > KERNEL_LENGTH_MAX) {
      throw new IllegalArgumentException("kernel handle of " + length + " bytes");
    }
    byte[] bytes = new byte[FIXED + length + CHECK];
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.BIG_ENDIAN);
    buffer.put((byte) VERSION).put((byte) length).putShort((short) 0);
    buffer.putInt(handle.exportId()).putLong(handle.inode()).putLong(handle.generation());
    buffer.putInt(length == 0 ? 0 : kernel.type());
    if (length > 0) {
      kernel.copyTo(bytes, FIXED);
    }
    buffer.putLong(FIXED + length, check.hash(bytes, FIXED + length));
    return bytes;
  }

  /** The export that a handle says it is of, without any check; 0 for what is too short. */
  static int exportIdOf(ByteBuffer bytes, int start, int length) {
    return length < FIXED ? 0 : bytes.getInt(start + 4);
  }

  /** Reads a handle; empty when it is none of ours. */
  Optional<FileHandle> decode(byte[] bytes) {
    if (bytes.length < FIXED + CHECK || bytes.length > LENGTH_MAX || bytes[0] != VERSION) {
      return Optional.empty();
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.BIG_ENDIAN);
    int length = Byte.toUnsignedInt(bytes[1]);
    if (bytes.length != FIXED + length + CHECK
        || buffer.getLong(FIXED + length) != check.hash(bytes, FIXED + length)) {
      return Optional.empty();
    }
    FileHandleBytes kernel = null;
    if (length > 0) {
      kernel = FileHandleBytes.of(buffer.getInt(24), bytes, FIXED, length);
    }
    return Optional.of(
        new FileHandle(buffer.getInt(4), buffer.getLong(8), buffer.getLong(16), kernel));
  }
}
