package io.selkie.test.simulation;

import static io.selkie.test.simulation.SimInode.BLOCK;
import static io.selkie.test.simulation.SimWorld.MICRO;
import static io.selkie.test.simulation.SimWorld.SECOND;

import io.selkie.lease.ByteRange;
import io.selkie.lease.LeaseKeeper;
import io.selkie.posix.Errno;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.LeaseType;
import io.selkie.posix.MapFlags;
import java.util.List;
import java.util.function.Consumer;

/**
 * Files, block maps and leases as the design measured them: who opens a leased file breaks the
 * lease and waits; the holder hears of it by a signal some 20 microseconds later; whoever waits
 * goes on when the lease is given up, or is taken after lease-break-time. Other things happen in
 * the middle of calls.
 */
final class SimKernel extends UnusedKernel {
  static final long LEASE_BREAK_TIME = 45 * SECOND;

  private static final long ADDRESS_OF_INODE = 1L << 40;
  private static final long ADDRESS_OF_MAPPING = 1L << 32;

  private final SimWorld world;
  private final Checker checker;
  private final List<SimInode> inodes;
  private final Mutant mutant;
  private Consumer<SimInode> adversary = _ -> {};
  private LeaseKeeper keeper;
  private long nextPhysical = 1;
  private int mappingsMade;

  /** Mutants that do not see breaks: F_GETLEASE lies and the signal gets lost. */
  SimKernel(SimWorld world, Checker checker, List<SimInode> inodes, Mutant mutant) {
    this.world = world;
    this.checker = checker;
    this.inodes = inodes;
    this.mutant = mutant;
  }

  void deliverSignalsTo(LeaseKeeper receiver) {
    keeper = receiver;
  }

  /** Whoever does something to a file in the middle of a call on it. */
  void setAdversary(Consumer<SimInode> somebody) {
    adversary = somebody;
  }

  private SimInode inode(int fd) {
    SimInode inode = inodes.get(fd - 10);
    world.interleave(inode, adversary);
    return inode;
  }

  /** The file that an address of a mapping belongs to. */
  SimInode inodeAt(long address) {
    return inodes.get((int) (address / ADDRESS_OF_INODE) - 1);
  }

  /** The file offset that an address of a mapping stands for. */
  static long offsetAt(long address) {
    return address % ADDRESS_OF_MAPPING;
  }

  // ---------------------------------------------------------------- block maps

  void allocate(SimInode inode, int block, int extentFlags) {
    checker.mapChanges(inode, block, block + 1, "allocates");
    inode.physical[block] = nextPhysical++ * 2;
    inode.flags[block] = extentFlags;
  }

  /** Makes blocks data, as a write does; those that are shared are copied. */
  void write(SimInode inode, int from, int to) {
    for (int block = from; block < to; block++) {
      if (inode.isShared(block)) {
        unshare(inode, block);
      } else if (inode.isHole(block)) {
        allocate(inode, block, 0);
        checker.holeFilled(inode, block);
      } else if (inode.isUnwritten(block)) {
        inode.flags[block] = 0;
        checker.holeFilled(inode, block);
      }
    }
    inode.size = Math.max(inode.size, (long) to * BLOCK);
  }

  void free(SimInode inode, int from, int to) {
    checker.mapChanges(inode, from, to, "frees");
    for (int block = from; block < to; block++) {
      inode.physical[block] = 0;
      inode.flags[block] = 0;
    }
  }

  void truncate(SimInode inode, int blocks) {
    free(inode, blocks, SimInode.BLOCKS_MAX);
    inode.size = (long) blocks * BLOCK;
  }

  /** The target of a reflink: the blocks are others now, which another file has too. */
  void remap(SimInode inode, int from, int to) {
    checker.mapChanges(inode, from, to, "remaps");
    for (int block = from; block < to; block++) {
      if (!inode.isHole(block)) {
        inode.physical[block] = nextPhysical++ * 2;
        inode.flags[block] = FiemapFlags.SHARED;
      }
    }
  }

  /** The source of a reflink: another file has the blocks too, and no byte changes. */
  void share(SimInode inode, int from, int to) {
    checker.mapChanges(inode, from, to, "shares");
    for (int block = from; block < to; block++) {
      if (!inode.isHole(block) && !inode.isUnwritten(block)) {
        inode.flags[block] |= FiemapFlags.SHARED;
      }
    }
  }

  /** Copy-on-write. Where clients touch the page cache it does them no harm. */
  private void unshare(SimInode inode, int block) {
    if (inode.dax) {
      checker.mapChanges(inode, block, block + 1, "copies");
    }
    inode.physical[block] = nextPhysical++ * 2;
    inode.flags[block] &= ~FiemapFlags.SHARED;
  }

  int convert(SimInode inode, ByteRange range) {
    for (int block = (int) (range.offset() / BLOCK);
        block < SimInode.endBlock(range.end());
        block++) {
      if (inode.isUnwritten(block)) {
        inode.flags[block] = 0;
        checker.holeFilled(inode, block);
      }
    }
    return 0;
  }

  // ---------------------------------------------------------------- other processes

  /**
   * Another process opens a file; {@code opened} runs when it may go on, with the file counted as
   * open.
   */
  void open(SimInode inode, boolean forWriting, Runnable opened) {
    if (forWriting) {
      inode.writers++;
    } else {
      inode.readers++;
    }
    breakOrGoOn(inode, forWriting, opened);
  }

  private void breakOrGoOn(SimInode inode, boolean forWriting, Runnable opened) {
    boolean conflict =
        inode.lease == LeaseType.WRITE || (inode.lease == LeaseType.READ && forWriting);
    if (!conflict) {
      opened.run();
      return;
    }
    inode.waiting.add(() -> breakOrGoOn(inode, forWriting, opened));
    if (inode.breakingTo != null) {
      if (forWriting) {
        inode.breakingTo = LeaseType.NONE;
      }
      return;
    }
    inode.breakingTo = forWriting ? LeaseType.NONE : LeaseType.READ;
    world.log("lease breaks", inode, forWriting);
    int number = inode.leaseNumber;
    world.schedule(LEASE_BREAK_TIME, () -> force(inode, number));
    inode.breakIsHidden =
        switch (mutant) {
          case BREAKS_ARE_NOT_SEEN -> true;
          case BREAKS_WHILE_SEALING_ARE_NOT_SEEN -> !checker.hasHandles(inode);
          default -> false;
        };
    if (!inode.breakIsHidden) {
      boolean overflow = world.chance(1);
      world.soon(5 * MICRO, 100 * MICRO, () -> signal(inode, overflow));
    }
  }

  private void signal(SimInode inode, boolean overflow) {
    if (overflow) {
      keeper.onSignalsLost(world.nanoTime());
    } else {
      keeper.onSignal(inode.fd(), world.nanoTime());
    }
  }

  void close(SimInode inode, boolean forWriting) {
    if (forWriting) {
      inode.writers--;
    } else {
      inode.readers--;
    }
  }

  private void force(SimInode inode, int number) {
    if (inode.lease != LeaseType.NONE && inode.leaseNumber == number) {
      throw checker.leaseForced(inode);
    }
  }

  private void unlease(SimInode inode) {
    inode.lease = LeaseType.NONE;
    inode.breakingTo = null;
    List<Runnable> waiting = List.copyOf(inode.waiting);
    inode.waiting.clear();
    waiting.forEach(task -> world.soon(5 * MICRO, 50 * MICRO, task));
  }

  // ---------------------------------------------------------------- the calls

  @Override
  public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
    SimInode inode = inode(dirFd);
    out.clear();
    out.size(inode.size).mode(FileStatus.TYPE_REGULAR | 0644).inode(inode.identity.inode());
    out.devMajor(7).devMinor(1);
    out.attributesMask(FileStatus.ATTRIBUTE_DAX);
    out.attributes(inode.dax ? FileStatus.ATTRIBUTE_DAX : 0);
    return 0;
  }

  @Override
  public int fstatfs(int fd, FileSystemStatus out) {
    out.set(0xEF53, BLOCK, 1000, 1000, 1000, 0, 0);
    return 0;
  }

  @Override
  public int cloneRange(int source, long from, long length, int target, long to) {
    return Errno.EINVAL.result();
  }

  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    SimInode inode = inode(fd);
    if (mode != FallocateModes.KEEP_SIZE
        && mode != (FallocateModes.KEEP_SIZE | FallocateModes.UNSHARE_RANGE)) {
      return Errno.EOPNOTSUPP.result();
    }
    if (world.random.nextInt(2000) == 0) {
      return Errno.ENOSPC.result();
    }
    int end = Math.min(SimInode.endBlock(offset + length), SimInode.BLOCKS_MAX);
    for (int block = (int) (offset / BLOCK); block < end; block++) {
      if (inode.isShared(block) && mode != FallocateModes.KEEP_SIZE) {
        unshare(inode, block);
      } else if (inode.isHole(block)) {
        allocate(inode, block, FiemapFlags.UNWRITTEN);
        if (!inode.dax) {
          checker.holeFilled(inode, block);
        }
      }
    }
    return 0;
  }

  @Override
  public int fsync(int fd) {
    inode(fd);
    return 0;
  }

  @Override
  public int fdatasync(int fd) {
    inode(fd);
    return 0;
  }

  @Override
  public int fiemap(int fd, long start, long length, int requestFlags, FiemapPage out) {
    SimInode inode = inode(fd);
    out.clear();
    int end = Math.min(SimInode.BLOCKS_MAX, SimInode.endBlock(start + Math.min(length, 1L << 40)));
    int block = (int) Math.min(start / BLOCK, SimInode.BLOCKS_MAX);
    while (block < end && out.count() < out.capacity()) {
      if (inode.isHole(block)) {
        block++;
        continue;
      }
      int first = block;
      while (block < SimInode.BLOCKS_MAX
          && !inode.isHole(block)
          && inode.flags[block] == inode.flags[first]
          && inode.physical[block] == inode.physical[first] + (block - first)) {
        block++;
      }
      out.add(
          (long) first * BLOCK,
          inode.physical[first] * BLOCK,
          (long) (block - first) * BLOCK,
          inode.flags[first]);
    }
    return out.count();
  }

  @Override
  public long mmap(int fd, long fileOffset, long length, int protection, int mapFlags) {
    SimInode inode = inode(fd);
    if ((mapFlags & MapFlags.SYNC) != 0) {
      return Errno.EOPNOTSUPP.result();
    }
    inode.mappings++;
    int slot = 1 + mappingsMade++ % 200;
    return (inode.index + 1) * ADDRESS_OF_INODE + slot * ADDRESS_OF_MAPPING;
  }

  @Override
  public int munmap(long address, long length) {
    SimInode inode = inodeAt(address);
    inode.mappings--;
    checker.unmapped(inode, address, length);
    return 0;
  }

  @Override
  public int setLeaseSignal(int fd, int signal) {
    inode(fd);
    return 0;
  }

  @Override
  public int setLeaseOwnerThread(int fd, int tid) {
    inode(fd);
    return 0;
  }

  @Override
  public int setLease(int fd, LeaseType type) {
    SimInode inode = inode(fd);
    if (type == LeaseType.NONE) {
      if (inode.lease == LeaseType.NONE) {
        return Errno.EAGAIN.result();
      }
      world.log("lease given up", inode, null);
      checker.leaseGivenUp(inode);
      unlease(inode);
      return 0;
    }
    if (inode.writers > 0 || (type == LeaseType.WRITE && inode.readers > 0)) {
      return Errno.EAGAIN.result();
    }
    world.log("lease taken", inode, type);
    inode.lease = type;
    inode.breakingTo = null;
    inode.leaseNumber++;
    return 0;
  }

  @Override
  public int getLease(int fd) {
    SimInode inode = inode(fd);
    if (inode.breakingTo != null && !inode.breakIsHidden) {
      return inode.breakingTo.number();
    }
    return inode.lease.number();
  }
}
