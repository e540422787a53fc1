package io.selkie.lease;

import io.selkie.posix.Errno;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import io.selkie.posix.MapFlags;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A file system of one device in memory, with leases: as much of a kernel as seals need, to say
 * what no real file system says on demand. Methods carry the names of {@link Kernel}'s and are
 * found by them; calls that are not here answer ENOSYS. For one thread.
 */
public final class FakeKernel {
  static final int BLOCK_BYTES = 4096;
  static final int FILE_BYTES_MAX = 1 << 20;
  static final int DEVICE_MAJOR = 7;
  static final int DEVICE_MINOR = 1;
  static final int DEVICE_FD = 5;
  private static final long FIRST_PHYSICAL_BLOCK = 1000;

  final Map<Integer, FakeFile> files = new HashMap<>();
  final List<String> calls = new ArrayList<>();
  int freeBlocks = 1000;
  long fileSystemMagic = 0xEF53;
  boolean reflink;
  boolean unshares = true;

  /** Extents longer than this are told in pieces. */
  int extentBlocksMax = Integer.MAX_VALUE;

  private final Map<Long, MemorySegment> device = new HashMap<>();

  /** Runs before every read of the device. */
  Runnable beforeDeviceRead = () -> {};

  /** Runs before every FIEMAP: for maps that move while they are read. */
  Runnable beforeFiemap = () -> {};

  /** Runs after a lease was given: for breaks that come at once. */
  Runnable afterSetLease = () -> {};

  private long nextPhysicalBlock = FIRST_PHYSICAL_BLOCK;
  private int nextFd = 10;

  /** A block of a file. */
  record Block(long physical, int flags) {}

  /** A file. */
  final class FakeFile {
    final int fd = nextFd++;
    final TreeMap<Long, Block> blocks = new TreeMap<>();
    final MemorySegment memory = Arena.ofAuto().allocate(FILE_BYTES_MAX, BLOCK_BYTES);
    long size;
    boolean dax;
    boolean mapSync = true;
    int type = FileStatus.TYPE_REGULAR;
    LeaseType lease = LeaseType.NONE;
    LeaseType breakingTo;
    int otherOpeners;
    int signal;
    int ownerThread;
    int mappings;
    int syncs;

    /** Whether data that is told as inline gets blocks when it is written back. */
    boolean outgrewInode;

    boolean mapped;

    /** Blocks with data in the page cache that were never written. */
    final Set<Long> dirty = new TreeSet<>();

    private void writeBack() {
      dirty.forEach(block -> flags(block, blocks.get(block).flags & ~FiemapFlags.UNWRITTEN));
      dirty.clear();
    }

    FakeFile allocate(long fromBlock, long count, int flags) {
      for (long block = fromBlock; block < fromBlock + count; block++) {
        blocks.put(block, new Block(nextPhysicalBlock++, flags));
      }
      return this;
    }

    FakeFile size(long bytes) {
      size = bytes;
      return this;
    }

    FakeFile dax() {
      dax = true;
      return this;
    }

    /** Every block moves, as copy-on-write or defragmenting does it. */
    void move() {
      nextPhysicalBlock += 7;
      blocks.replaceAll((at, block) -> new Block(nextPhysicalBlock++, block.flags));
    }

    void flags(long block, int flags) {
      blocks.put(block, new Block(blocks.get(block).physical, flags));
    }

    /** What touching a mapping does to unwritten blocks. */
    int convert(ByteRange range) {
      for (long block = range.offset() / BLOCK_BYTES; block * BLOCK_BYTES < range.end(); block++) {
        flags(block, blocks.get(block).flags & ~FiemapFlags.UNWRITTEN);
      }
      return 0;
    }

    /** Another process wants the file. */
    void breakLease(LeaseType to) {
      breakingTo = to;
    }

    FakeTarget target(boolean writable) {
      return new FakeTarget(this, writable);
    }
  }

  /** The description of a file. */
  static final class FakeTarget implements SealTarget {
    final FakeFile file;
    final boolean writable;
    int retained;

    FakeTarget(FakeFile file, boolean writable) {
      this.file = file;
      this.writable = writable;
    }

    @Override
    public FileIdentity identity() {
      return new FileIdentity((long) DEVICE_MAJOR << 32 | DEVICE_MINOR, file.fd + 1000L, 0);
    }

    @Override
    public int fd() {
      return file.fd;
    }

    @Override
    public boolean writable() {
      return writable;
    }

    @Override
    public String describe() {
      return "file" + file.fd;
    }

    @Override
    public void retain() {
      retained++;
    }

    @Override
    public void release() {
      if (--retained < 0) {
        throw new IllegalStateException("released too often");
      }
    }
  }

  FakeFile file(long sizeBytes) {
    FakeFile file = new FakeFile().size(sizeBytes);
    files.put(file.fd, file);
    return file;
  }

  Kernel kernel() {
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (proxy, method, arguments) -> call(method, arguments));
  }

  private Object call(Method method, Object[] arguments) throws Throwable {
    if (method.getDeclaringClass() == Object.class) {
      return method.invoke(this, arguments);
    }
    calls.add(method.getName());
    try {
      return FakeKernel.class
          .getMethod(method.getName(), method.getParameterTypes())
          .invoke(this, arguments);
    } catch (NoSuchMethodException _) {
      return method.getReturnType() == long.class
          ? (Object) (long) Errno.ENOSYS.result()
          : (Object) Errno.ENOSYS.result();
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  // ---------------------------------------------------------------- the calls

  public int statx(int fd, byte[] name, int atFlags, int mask, FileStatus out) {
    FakeFile file = files.get(fd);
    if (file == null) {
      return Errno.EBADF.result();
    }
    out.clear();
    out.size(file.size).mode(file.type | 0644).inode(file.fd + 1000L);
    out.devMajor(DEVICE_MAJOR).devMinor(DEVICE_MINOR);
    out.attributesMask(FileStatus.ATTRIBUTE_DAX);
    out.attributes(file.dax ? FileStatus.ATTRIBUTE_DAX : 0);
    return 0;
  }

  public int fstatfs(int fd, FileSystemStatus out) {
    out.set(fileSystemMagic, BLOCK_BYTES, 1000, freeBlocks, freeBlocks, 0, 0);
    return 0;
  }

  public int cloneRange(int from, long fromOffset, long length, int to, long toOffset) {
    return (reflink ? Errno.EINVAL : Errno.EOPNOTSUPP).result();
  }

  public int fallocate(int fd, int mode, long offset, long length) {
    FakeFile file = files.get(fd);
    boolean unshare = (mode & FallocateModes.UNSHARE_RANGE) != 0;
    if (unshare && !unshares) {
      return Errno.EOPNOTSUPP.result();
    }
    for (long block = offset / BLOCK_BYTES; block * BLOCK_BYTES < offset + length; block++) {
      Block there = file.blocks.get(block);
      boolean shared = there != null && (there.flags & FiemapFlags.SHARED) != 0;
      if (there == null || (unshare && shared)) {
        if (freeBlocks == 0) {
          return Errno.ENOSPC.result();
        }
        freeBlocks--;
        file.allocate(block, 1, unshare ? 0 : FiemapFlags.UNWRITTEN);
      }
    }
    return 0;
  }

  public int fsync(int fd) {
    files.get(fd).syncs++;
    files.get(fd).writeBack();
    int settled =
        FiemapFlags.DELALLOC
            | FiemapFlags.UNKNOWN
            | (files.get(fd).outgrewInode ? FiemapFlags.DATA_INLINE | FiemapFlags.NOT_ALIGNED : 0);
    files
        .get(fd)
        .blocks
        .replaceAll((at, block) -> new Block(block.physical, block.flags & ~settled));
    return 0;
  }

  public int fdatasync(int fd) {
    return fsync(fd);
  }

  public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
    beforeFiemap.run();
    FakeFile file = files.get(fd);
    if (file == null) {
      return Errno.EBADF.result();
    }
    out.clear();
    if ((flags & FiemapFlags.REQUEST_SYNC) != 0) {
      file.writeBack();
    }
    long block = start / BLOCK_BYTES;
    Long next = file.blocks.ceilingKey(block);
    while (next != null && next * BLOCK_BYTES < start + length && out.count() < out.capacity()) {
      Block first = file.blocks.get(next);
      long count = 1;
      Block after = file.blocks.get(next + 1);
      while (after != null
          && count < extentBlocksMax
          && after.flags == first.flags
          && after.physical == first.physical + count) {
        count++;
        after = file.blocks.get(next + count);
      }
      Long following = file.blocks.ceilingKey(next + count);
      out.add(
          next * BLOCK_BYTES,
          first.physical * BLOCK_BYTES,
          count * BLOCK_BYTES,
          first.flags | (following == null ? FiemapFlags.LAST : 0));
      next = following;
    }
    return out.count();
  }

  /** Of the device only. */
  public long pread(int fd, MemorySegment into, long offset) {
    if (fd != DEVICE_FD) {
      return Errno.EBADF.result();
    }
    beforeDeviceRead.run();
    for (long done = 0; done < into.byteSize(); done += BLOCK_BYTES) {
      MemorySegment.copy(onDevice((offset + done) / BLOCK_BYTES), 0, into, done, BLOCK_BYTES);
    }
    return into.byteSize();
  }

  /** Into blocks that are there; zeroes what a real file system does. */
  public long pwrite(int fd, MemorySegment from, long offset) {
    FakeFile file = files.get(fd);
    if (offset > file.size) {
      zeroAfter(file, file.size);
    }
    for (long done = 0; done < from.byteSize(); ) {
      long block = (offset + done) / BLOCK_BYTES;
      long at = (offset + done) % BLOCK_BYTES;
      long bytes = Math.min(BLOCK_BYTES - at, from.byteSize() - done);
      if ((file.blocks.get(block).flags & FiemapFlags.UNWRITTEN) != 0) {
        MemorySegment kept = MemorySegment.ofArray(new byte[BLOCK_BYTES]);
        onDevice(file.blocks.get(block).physical).copyFrom(kept);
        file.flags(block, file.blocks.get(block).flags & ~FiemapFlags.UNWRITTEN);
      }
      MemorySegment.copy(from, done, onDevice(file.blocks.get(block).physical), at, bytes);
      done += bytes;
    }
    file.size = Math.max(file.size, offset + from.byteSize());
    return from.byteSize();
  }

  public int ftruncate(int fd, long size) {
    FakeFile file = files.get(fd);
    zeroAfter(file, Math.min(file.size, size));
    file.size = size;
    return 0;
  }

  /** The rest of the block, as far as it is written. */
  private void zeroAfter(FakeFile file, long end) {
    Block last = file.blocks.get(end / BLOCK_BYTES);
    if (end % BLOCK_BYTES != 0 && last != null && (last.flags & FiemapFlags.UNWRITTEN) == 0) {
      onDevice(last.physical).asSlice(end % BLOCK_BYTES).fill((byte) 0);
    }
  }

  /** A block of the device. */
  MemorySegment onDevice(long physical) {
    return device.computeIfAbsent(physical, _ -> MemorySegment.ofArray(new byte[BLOCK_BYTES]));
  }

  public long mmap(int fd, long fileOffset, long length, int protection, int flags) {
    FakeFile file = files.get(fd);
    if ((flags & MapFlags.SYNC) != 0 && !(file.dax && file.mapSync)) {
      return Errno.EOPNOTSUPP.result();
    }
    file.mappings++;
    return file.memory.address();
  }

  public int munmap(long address, long length) {
    for (FakeFile file : files.values()) {
      if (file.memory.address() == address && file.mappings > 0) {
        file.mappings--;
        return 0;
      }
    }
    return Errno.EINVAL.result();
  }

  public int setLeaseSignal(int fd, int signal) {
    files.get(fd).signal = signal;
    return 0;
  }

  public int setLeaseOwnerThread(int fd, int tid) {
    files.get(fd).ownerThread = tid;
    return 0;
  }

  public int setLease(int fd, LeaseType type) {
    FakeFile file = files.get(fd);
    if (type == LeaseType.NONE) {
      if (file.lease == LeaseType.NONE) {
        return Errno.EAGAIN.result();
      }
      file.lease = LeaseType.NONE;
      file.breakingTo = null;
      file.signal = 0;
      file.ownerThread = 0;
      return 0;
    }
    if (file.otherOpeners > 0) {
      return Errno.EAGAIN.result();
    }
    file.lease = type;
    afterSetLease.run();
    return 0;
  }

  public int getLease(int fd) {
    FakeFile file = files.get(fd);
    if (file == null) {
      return Errno.EBADF.result();
    }
    return (file.breakingTo != null ? file.breakingTo : file.lease).number();
  }
}
