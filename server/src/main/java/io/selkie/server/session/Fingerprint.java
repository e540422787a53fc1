package io.selkie.server.session;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Tells a retried request from another one in its place (RFC 8881 section 2.10.6.1.3.1): the length
 * and a CRC over the compound's arguments. Of a long request only both ends count, so that a large
 * WRITE is not read twice. Not thread-safe.
 */
final class Fingerprint {

  static final int END_BYTES = 16 * 1024;

  private final CRC32C crc = new CRC32C();

  /** Returns the fingerprint of everything from {@code start} to the buffer's limit. */
  long of(ByteBuffer request, int start) {
    int position = request.position();
    int limit = request.limit();
    int length = limit - start;
    crc.reset();
    try {
      if (length <= 2 * END_BYTES) {
        crc.update(request.position(start));
      } else {
        crc.update(request.limit(start + END_BYTES).position(start));
        crc.update(request.limit(limit).position(limit - END_BYTES));
      }
      return (long) length << 32 | crc.getValue();
    } finally {
      request.limit(limit).position(position);
    }
  }
}
