package io.selkie.test.bench;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/**
 * Cuts the bytes from a server into records and shows the beginning of each; the rest, file data
 * for the most part, is passed over. Not safe for use by several threads; allocates nothing once
 * made.
 *
 * <pre>
 *   +------+--------+ +------+--------+        last: the record's end
 *   | mark | bytes  | | mark | bytes  | ...    a record may have several fragments
 *   +------+--------+ +------+--------+
 * </pre>
 */
final class NfsReplyScanner {

  /** As much of a record as is kept: more than the results before any data. */
  static final int HEAD_BYTES = 256;

  private static final int RECEIVE_BYTES = 256 * 1024;
  private static final int LAST_FRAGMENT = 0x8000_0000;

  private final ByteBuffer received = ByteBuffer.allocateDirect(RECEIVE_BYTES).flip();
  private final ByteBuffer head = ByteBuffer.allocate(HEAD_BYTES);
  private int mark;
  private int markBytes;
  private int fragmentRemaining;
  private long recordBytes;

  /** Waits for bytes from the server. */
  void receive(SocketChannel channel) throws IOException {
    received.clear();
    if (channel.read(received) < 0) {
      throw new EOFException("the server closed the connection");
    }
    received.flip();
  }

  /**
   * Goes to the end of the next record within what was received.
   *
   * @return its beginning, at most {@value #HEAD_BYTES} bytes, valid until the next call; null when
   *     more has to be received
   */
  ByteBuffer next() {
    while (received.hasRemaining()) {
      if (markBytes < Integer.BYTES) {
        mark = mark << 8 | (received.get() & 0xff);
        markBytes++;
        if (markBytes == Integer.BYTES) {
          fragmentRemaining = mark & ~LAST_FRAGMENT;
        }
      } else {
        takeFragment();
      }
      if (markBytes == Integer.BYTES && fragmentRemaining == 0) {
        markBytes = 0;
        if ((mark & LAST_FRAGMENT) != 0) {
          return head.flip();
        }
      }
    }
    return null;
  }

  private void takeFragment() {
    int length = Math.min(received.remaining(), fragmentRemaining);
    int kept = Math.min(length, head.remaining());
    head.put(head.position(), received, received.position(), kept);
    head.position(head.position() + kept);
    received.position(received.position() + length);
    fragmentRemaining -= length;
    recordBytes += length;
  }

  /** Length of the record that {@link #next} showed last; forgets the record. */
  long endRecord() {
    long length = recordBytes;
    recordBytes = 0;
    head.clear();
    return length;
  }
}
