package io.selkie.client;

import java.io.IOException;

/**
 * Thrown by {@link DirectFile#sync()} (and by close) when the server restarted between a direct
 * write and the sync that was to make it durable. The write was placed in the file, but the library
 * keeps no copy of directly written data, so it cannot know whether the restart kept it. Write the
 * range again and sync; nothing else of the file is in doubt.
 */
public final class DurabilityLostException extends IOException {
  private static final long serialVersionUID = 1L;

  private final long offset;
  private final long length;

  /**
   * Says which bytes are in doubt.
   *
   * @param offset first byte in doubt
   * @param length number of bytes in doubt; it may span bytes that were not written
   */
  public DurabilityLostException(String path, long offset, long length) {
    super(
        path
            + ": the server restarted before bytes "
            + offset
            + " to "
            + (offset + length)
            + ", written directly, were made durable; write them again");
    this.offset = offset;
    this.length = length;
  }

  /** First byte in doubt. */
  public long offset() {
    return offset;
  }

  /** Number of bytes in doubt. */
  public long length() {
    return length;
  }
}
