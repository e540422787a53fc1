package io.selkie.test.simulation;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.LeaseType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A file of the simulated kernel, which is also the server's one description of it. */
final class SimInode implements SealTarget {
  static final int BLOCK = 4096;
  static final int BLOCKS_MAX = 64;
  static final long DEVICE = 7L << 32 | 1;

  final int index;
  final boolean dax;
  final FileIdentity identity;

  /** Where each block is; 0 is a hole. */
  final long[] physical = new long[BLOCKS_MAX];

  final int[] flags = new int[BLOCKS_MAX];
  long size;

  /** Whether the server has it open for writing; it may be opened anew. */
  boolean openForWriting;

  int retained;
  int mappings;

  LeaseType lease = LeaseType.NONE;

  /** What the breaker wants it to be; null when nobody breaks it. */
  LeaseType breakingTo;

  /** For mutants that do not see breaks. */
  boolean breakIsHidden;

  /** Counts the leases, so that a late forced break does not meet the next one. */
  int leaseNumber;

  int readers;
  int writers;
  final List<Runnable> waiting = new ArrayList<>();

  SimInode(int index, boolean dax, boolean openForWriting) {
    this.index = index;
    this.dax = dax;
    this.openForWriting = openForWriting;
    this.identity = new FileIdentity(DEVICE, index + 1000L, 0);
  }

  int blocksInFile() {
    return (int) ((size + BLOCK - 1) / BLOCK);
  }

  boolean isHole(int block) {
    return physical[block] == 0;
  }

  boolean isUnwritten(int block) {
    return (flags[block] & FiemapFlags.UNWRITTEN) != 0;
  }

  boolean isShared(int block) {
    return (flags[block] & FiemapFlags.SHARED) != 0;
  }

  /** Where the blocks of a byte range are. */
  long[] places(long offset, long length) {
    return Arrays.copyOfRange(physical, (int) (offset / BLOCK), endBlock(offset + length));
  }

  static int endBlock(long end) {
    return (int) ((end + BLOCK - 1) / BLOCK);
  }

  @Override
  public FileIdentity identity() {
    return identity;
  }

  @Override
  public int fd() {
    return index + 10;
  }

  @Override
  public boolean writable() {
    return openForWriting;
  }

  @Override
  public String describe() {
    return toString();
  }

  @Override
  public void retain() {
    retained++;
  }

  @Override
  public void release() {
    retained--;
    if (retained < 0) {
      throw new IllegalStateException(this + " was released more often than retained");
    }
  }

  @Override
  public String toString() {
    return (dax ? "dax" : "file") + index;
  }
}
