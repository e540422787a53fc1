package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * What {@link Kernel#userQuota} tells of one user on one file system ({@code struct if_dqblk}).
 * Mutable, to be reused; not for several threads. A limit of 0 is none.
 *
 * <pre>
 * 0              8              16         24             32             40            48
 * | hard, blocks | soft, blocks | bytes    | hard, inodes | soft, inodes | inodes      | times ...
 * </pre>
 *
 * <p>Blocks are of {@value #BLOCK_BYTES} bytes.
 */
public final class QuotaStatus {
  private static final int BLOCK_BYTES = 1024;
  private static final int BYTES = 72;

  private final MemorySegment raw = MemorySegment.ofArray(new byte[BYTES]);

  /** Bytes that may never be passed; 0 for no limit. */
  public long hardLimitBytes() {
    return raw.get(JAVA_LONG_UNALIGNED, 0) * BLOCK_BYTES;
  }

  /** Bytes that may be passed for a while; 0 for no limit. */
  public long softLimitBytes() {
    return raw.get(JAVA_LONG_UNALIGNED, 8) * BLOCK_BYTES;
  }

  /** Bytes in use. */
  public long usedBytes() {
    return raw.get(JAVA_LONG_UNALIGNED, 16);
  }

  /**
   * Fills what matters; for kernels that are none.
   *
   * @param hardBytes a multiple of {@value #BLOCK_BYTES}
   * @param softBytes the same
   */
  public void set(long hardBytes, long softBytes, long usedBytes) {
    raw.fill((byte) 0);
    raw.set(JAVA_LONG_UNALIGNED, 0, hardBytes / BLOCK_BYTES);
    raw.set(JAVA_LONG_UNALIGNED, 8, softBytes / BLOCK_BYTES);
    raw.set(JAVA_LONG_UNALIGNED, 16, usedBytes);
  }

  void copyFrom(MemorySegment source) {
    MemorySegment.copy(source, 0, raw, 0, BYTES);
  }
}
