package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * What {@code fstatfs(2)} tells; {@code struct statfs} of the 64-bit architectures. Mutable, to be
 * reused; not for several threads.
 *
 * <pre>
 * 0      8       16       24      32       40      48      56     64        72       80
 * | type | bsize | blocks | bfree | bavail | files | ffree | fsid | namelen | frsize | flags
 * </pre>
 */
public final class FileSystemStatus {
  /** Size of the structure. */
  static final int BYTES = 120;

  private final byte[] bytes = new byte[BYTES];
  private final MemorySegment raw = MemorySegment.ofArray(bytes);

  /** {@code f_type}, the magic number. */
  public long type() {
    return word(0);
  }

  /** Preferred block size, bytes. */
  public long blockSize() {
    return word(1);
  }

  /** Bytes of one counted block. */
  public long fragmentSize() {
    long size = word(9);
    return size != 0 ? size : blockSize();
  }

  /** All blocks, of {@link #fragmentSize()}. */
  public long blocks() {
    return word(2);
  }

  /** Free blocks. */
  public long blocksFree() {
    return word(3);
  }

  /** Free blocks for ordinary users. */
  public long blocksAvailable() {
    return word(4);
  }

  /** All inodes; 0 where they are made as needed. */
  public long files() {
    return word(5);
  }

  /** Free inodes. */
  public long filesFree() {
    return word(6);
  }

  /** File system id, two 32-bit numbers as they lie in memory. */
  public long fileSystemId() {
    return word(7);
  }

  /** Longest name, bytes. */
  public long nameMaxBytes() {
    return word(8);
  }

  /** Mount flags ({@code ST_*}). */
  public long mountFlags() {
    return word(10);
  }

  /** Fills what matters; for kernels that are none. */
  public void set(
      long type,
      long blockSize,
      long blocks,
      long blocksFree,
      long blocksAvailable,
      long files,
      long filesFree) {
    long[] words = {type, blockSize, blocks, blocksFree, blocksAvailable, files, filesFree};
    raw.fill((byte) 0);
    for (int i = 0; i < words.length; i++) {
      raw.set(JAVA_LONG_UNALIGNED, i * 8L, words[i]);
    }
    raw.set(JAVA_LONG_UNALIGNED, 64, Names.NAME_MAX_BYTES);
    raw.set(JAVA_LONG_UNALIGNED, 72, blockSize);
  }

  void copyFrom(MemorySegment source) {
    MemorySegment.copy(source, 0, raw, 0, BYTES);
  }

  private long word(int index) {
    return raw.get(JAVA_LONG_UNALIGNED, index * 8L);
  }
}
