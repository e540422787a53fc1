package io.selkie.test.wire;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;

/** One-sided reads and confirmed writes through one extent, over a queue pair by hand. */
public final class OneSided implements AutoCloseable {

  private static final int SINK_KEY = 0x51;
  private static final int SEGMENT_BYTES = 32 << 10;

  private final RawIwarp queuePair;
  private final RawNfs.Extent extent;
  private int message;

  /** Connects a queue pair for the session. */
  public OneSided(InetSocketAddress address, byte[] sessionId, RawNfs.Extent extent)
      throws IOException {
    this.queuePair = RawIwarp.connect(address, sessionId);
    this.extent = extent;
  }

  /** Reads bytes of the file. */
  public byte[] read(long fileOffset, int length) throws IOException {
    queuePair.sendBytes(
        RawIwarp.readRequest(++message, SINK_KEY, 0, length, extent.key(), address(fileOffset)));
    byte[] read = new byte[length];
    int missing = length;
    while (missing > 0) {
      ByteBuffer segment =
          queuePair.receive().orElseThrow(() -> new EOFException("the queue pair was closed"));
      if (RawIwarp.opcode(segment) != RawIwarp.OPCODE_READ_RESPONSE) {
        throw new IOException(
            "Terminate 0x%04x instead of a read response".formatted(segment.getShort(18)));
      }
      int bytes = segment.remaining() - 14;
      segment.get(14, read, (int) segment.getLong(6), bytes);
      missing -= bytes;
    }
    return read;
  }

  /** Writes bytes of the file and returns when they are known to be placed. */
  public void write(long fileOffset, byte[] bytes) throws IOException {
    for (int at = 0; at < bytes.length; at += SEGMENT_BYTES) {
      int length = Math.min(SEGMENT_BYTES, bytes.length - at);
      byte[] segment = java.util.Arrays.copyOfRange(bytes, at, at + length);
      queuePair.sendBytes(
          RawIwarp.fpdu(
              RawIwarp.tagged(
                  RawIwarp.OPCODE_WRITE, extent.key(), address(fileOffset + at), segment)));
    }
    read(fileOffset, 1);
  }

  private long address(long fileOffset) {
    return extent.storageOffset() + (fileOffset - extent.fileOffset());
  }

  @Override
  public void close() throws IOException {
    queuePair.close();
  }
}
