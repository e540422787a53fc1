package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: every call about data and mappings does on the real kernel what it says. */
class LinuxKernelDataTest {
  private static final int PROTECTION = MapFlags.PROT_READ | MapFlags.PROT_WRITE;

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final Kernel kernel = new LinuxKernel();
  private final Arena arena = Arena.ofShared();
  private final FileStatus status = new FileStatus();
  private int fd;

  @BeforeEach
  void openFile() {
    fd = open("data");
    assertThat(fd).isNotNegative();
  }

  @AfterEach
  void closeFile() {
    assertThat(kernel.close(fd)).isZero();
    arena.close();
  }

  @Test
  void bytesComeBackFromWhereTheyWereWritten() {
    MemorySegment out = arena.allocate(1000);
    for (int i = 0; i < 1000; i++) {
      out.set(JAVA_BYTE, i, (byte) (i * 7));
    }
    MemorySegment in = arena.allocate(1000);

    assertThat(kernel.pwrite(fd, out, 5_000_000_000L)).isEqualTo(1000);
    assertThat(kernel.pread(fd, in, 5_000_000_000L)).isEqualTo(1000);
    assertThat(in.mismatch(out)).isEqualTo(-1);
    assertThat(kernel.pread(fd, in, 5_000_000_990L)).isEqualTo(10);
    assertThat(kernel.pread(fd, in, 6_000_000_000L)).isZero();
    assertThat(size()).isEqualTo(5_000_001_000L);
    assertThat(kernel.lseek(fd, 0, SeekWhence.DATA)).isGreaterThan(4_999_000_000L);
    assertThat(kernel.fdatasync(fd)).isZero();
    assertThat(kernel.fsync(fd)).isZero();
  }

  @Test
  void descriptorCanBeMadeToStandForAnotherFile() {
    MemorySegment one = arena.allocate(1);
    int other = open("other");
    assertThat(kernel.pwrite(other, one, 99)).isEqualTo(1);

    assertThat(kernel.dup3(other, fd)).isEqualTo(fd);
    assertThat(kernel.close(other)).isZero();

    assertThat(size()).isEqualTo(100);
    assertThat(kernel.dup3(other, fd)).isEqualTo(Errno.EBADF.result());
  }

  @Test
  void noBoundFunctionHasSixParameters() {
    for (var method : LibC.class.getMethods()) {
      assertThat(method.getParameterCount()).as(method.getName()).isNotEqualTo(6);
    }
  }

  @Test
  void heapMemoryIsRefused() {
    assertThatThrownBy(() -> kernel.pread(fd, MemorySegment.ofArray(new byte[8]), 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void sizesAndAllocationsChange() {
    assertThat(kernel.ftruncate(fd, 10_000)).isZero();
    assertThat(kernel.ftruncate(fd, -1)).isEqualTo(Errno.EINVAL.result());
    assertThat(size()).isEqualTo(10_000);
    assertThat(status.blocks()).isZero();
    assertThat(kernel.fallocate(fd, FallocateModes.KEEP_SIZE, 0, 1 << 20)).isZero();
    assertThat(size()).isEqualTo(10_000);
    assertThat(status.blocks()).isGreaterThanOrEqualTo(2048);
    assertThat(
            kernel.fallocate(fd, FallocateModes.PUNCH_HOLE | FallocateModes.KEEP_SIZE, 0, 1 << 20))
        .isZero();
    size();
    assertThat(status.blocks()).isLessThan(2048);
  }

  @Test
  void rangesAreCopiedBetweenFilesAndPositionsStay() {
    MemorySegment out = arena.allocate(3000);
    out.fill((byte) 5);
    assertThat(kernel.pwrite(fd, out, 100)).isEqualTo(3000);
    int other = open("copy");
    MemorySegment in = arena.allocate(2000);

    assertThat(kernel.copyFileRange(fd, 1000, other, 50, 2000)).isEqualTo(2000);
    assertThat(kernel.pread(other, in, 50)).isEqualTo(2000);
    assertThat(in.mismatch(out.asSlice(0, 2000))).isEqualTo(-1);
    assertThat(kernel.copyFileRange(fd, 2100, other, 50, 1_000_000)).isEqualTo(1000);
    assertThat(kernel.copyFileRange(fd, 3100, other, 50, 10)).isZero();
    assertThat(kernel.copyFileRange(fd, 0, fd, 50, 100)).isEqualTo(Errno.EINVAL.result());
    assertThat(kernel.lseek(fd, 0, SeekWhence.CURRENT)).isZero();
    assertThat(kernel.close(other)).isZero();
  }

  @Test
  void adviceIsTakenAndNonsenseIsNot() {
    assertThat(kernel.fadvise(fd, 0, 0, FadviseAdvice.WILL_NEED)).isZero();
    assertThat(kernel.fadvise(fd, 1 << 20, 4096, FadviseAdvice.DONT_NEED)).isZero();
    assertThat(kernel.fadvise(fd, 0, 0, 77)).isEqualTo(Errno.EINVAL.result());
  }

  @Test
  void extendedAttributesAreReachedThroughOpenAndNamingDescriptors() {
    byte[] name = Names.bytes("user.colour");
    MemorySegment value = arena.allocate(10);
    value.fill((byte) 9);
    int naming = naming("data");
    MemorySegment in = arena.allocate(100);

    assertThat(kernel.getXattr(naming, name, in)).isEqualTo(Errno.ENODATA.result());
    assertThat(kernel.setXattr(naming, name, value, XattrFlags.REPLACE))
        .isEqualTo(Errno.ENODATA.result());
    assertThat(kernel.setXattr(naming, name, value, XattrFlags.CREATE)).isZero();
    assertThat(kernel.setXattr(fd, name, value, XattrFlags.CREATE))
        .isEqualTo(Errno.EEXIST.result());
    assertThat(kernel.getXattr(fd, name, MemorySegment.NULL)).isEqualTo(10);
    assertThat(kernel.getXattr(fd, name, arena.allocate(9))).isEqualTo(Errno.ERANGE.result());
    assertThat(kernel.getXattr(fd, name, in)).isEqualTo(10);
    assertThat(in.asSlice(0, 10).mismatch(value)).isEqualTo(-1);
    int listed = kernel.listXattr(naming, in);
    assertThat(new String(in.asSlice(0, listed).toArray(JAVA_BYTE), UTF_8))
        .contains("user.colour\0");
    assertThat(kernel.removeXattr(naming, name)).isZero();
    assertThat(kernel.removeXattr(naming, name)).isEqualTo(Errno.ENODATA.result());
    assertThat(kernel.close(naming)).isZero();
  }

  private int naming(String name) {
    return kernel.openat2(
        Kernel.AT_FDCWD,
        Names.bytes(directory.resolve(name).toString()),
        OpenFlags.PATH | OpenFlags.CLOEXEC,
        0,
        0);
  }

  @Test
  void blockMapTellsHolesAndUnwrittenExtents() {
    // A hole, then 64 KiB unwritten, then 64 KiB written.
    assertThat(kernel.fallocate(fd, 0, 1 << 20, 1 << 16)).isZero();
    MemorySegment data = arena.allocate(1 << 16);
    data.fill((byte) 1);
    assertThat(kernel.pwrite(fd, data, (1 << 20) + (1 << 16))).isEqualTo(1 << 16);
    var page = new FiemapPage(16);

    int count = kernel.fiemap(fd, 0, Long.MAX_VALUE, FiemapFlags.REQUEST_SYNC, page);

    assertThat(count).isEqualTo(page.count()).isGreaterThanOrEqualTo(2);
    assertThat(page.logical(0)).isEqualTo(1 << 20);
    assertThat(page.flags(0) & FiemapFlags.UNWRITTEN).isNotZero();
    assertThat(page.flags(count - 1) & FiemapFlags.UNWRITTEN).isZero();
    assertThat(page.isLast()).isTrue();
    long end = page.logical(count - 1) + page.length(count - 1);
    assertThat(end).isEqualTo((1 << 20) + (2 << 16));
    assertThat(page.physical(0)).isPositive();
    assertThat(kernel.fiemap(fd, 0, 1 << 20, 0, page)).isZero();
    var small = new FiemapPage(1);
    assertThat(kernel.fiemap(fd, 0, Long.MAX_VALUE, 0, small)).isEqualTo(1);
    assertThat(small.isLast()).isFalse();
    assertThatThrownBy(() -> small.length(1)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void cloneSharesBlocksOrSaysThatItCannot() {
    MemorySegment data = arena.allocate(8192);
    data.fill((byte) 5);
    kernel.pwrite(fd, data, 0);
    int target = open("clone");

    int result = kernel.cloneRange(fd, 0, 8192, target, 0);

    if (result == 0) {
      MemorySegment copy = arena.allocate(8192);
      assertThat(kernel.pread(target, copy, 0)).isEqualTo(8192);
      assertThat(copy.mismatch(data)).isEqualTo(-1);
    } else {
      assertThat(Errno.of(result)).isEqualTo(Errno.EOPNOTSUPP);
    }
    kernel.close(target);
  }

  @Test
  void mappingsOfMoreThanTwoGibibytesReachTheirEnd() {
    long length = (5L << 30) + 4096;
    assertThat(kernel.ftruncate(fd, length)).isZero();

    long address = kernel.mmap(fd, 0, length, PROTECTION, MapFlags.SHARED_VALIDATE);

    assertThat(address).isPositive();
    MemorySegment mapping = NativeMemory.at(address, length);
    mapping.set(JAVA_LONG, length - 8, 0x1122334455667788L);
    assertThat(kernel.msync(address + length - 4096, 4096, MapFlags.MSYNC_SYNC)).isZero();
    MemorySegment in = arena.allocate(8);
    assertThat(kernel.pread(fd, in, length - 8)).isEqualTo(8);
    assertThat(in.get(JAVA_LONG, 0)).isEqualTo(0x1122334455667788L);
    assertThat(kernel.munmap(address, length)).isZero();
    assertThat(kernel.munmap(address + 1, length)).isEqualTo(Errno.EINVAL.result());
  }

  @Test
  void mappingStartsAtTheOffsetAskedFor() {
    MemorySegment data = arena.allocate(16384);
    data.asSlice(8192).fill((byte) 9);
    kernel.pwrite(fd, data, 0);

    long address = kernel.mmap(fd, 8192, 8192, MapFlags.PROT_READ, MapFlags.SHARED);

    assertThat(address).isPositive();
    assertThat(NativeMemory.at(address, 8192).get(JAVA_BYTE, 0)).isEqualTo((byte) 9);
    kernel.munmap(address, 8192);
    assertThat(kernel.mmap(fd, 1, 4096, MapFlags.PROT_READ, MapFlags.SHARED))
        .isEqualTo(Errno.EINVAL.result());
  }

  @Test
  void synchronousMappingExistsOnlyOnDax() {
    kernel.ftruncate(fd, 4096);
    size();

    long address = kernel.mmap(fd, 0, 4096, PROTECTION, MapFlags.SHARED_VALIDATE | MapFlags.SYNC);

    if (status.isDax()) {
      assertThat(address).isPositive();
      kernel.munmap(address, 4096);
    } else {
      assertThat(Errno.of(address)).isEqualTo(Errno.EOPNOTSUPP);
    }
  }

  @Test
  void cacheLineWriteBackRunsOrSaysWhyNot() {
    CacheLines lines = CacheLines.detect();
    MemorySegment memory = arena.allocate(4096, 64);

    assertThat(lines.isGuarded()).isEqualTo(lines.whyNot().isEmpty());
    assertThat(lines.isAvailable() || !lines.isGuarded()).isTrue();
    assertThat(lines.whyNot()).doesNotContain("--add-exports");
    if (lines.isAvailable()) {
      memory.fill((byte) 3);
      assertThat(lines.writeBack(memory.address() + 3, 1000)).isZero();
      assertThat(lines.writeBack(memory.address(), 0)).isZero();
      assertThat(memory.get(JAVA_BYTE, 500)).isEqualTo((byte) 3);
    } else {
      assertThatThrownBy(() -> lines.writeBack(memory.address(), 64))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(lines.whyNot());
    }
  }

  @Test
  void dataCallsAllocateNothing() {
    MemorySegment memory = arena.allocate(64);
    kernel.pwrite(fd, memory, 0);
    Runnable calls =
        () -> {
          for (int i = 0; i < 20_000; i++) {
            kernel.pread(fd, memory, 0);
            kernel.pwrite(fd, memory, 0);
            kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
            kernel.getLease(fd);
            kernel.pread(-1, memory, 0);
          }
        };
    calls.run();
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    long before = threads.getCurrentThreadAllocatedBytes();
    calls.run();
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;

    // The compiler may need a while to see that nothing escapes; far below a byte per call is none.
    assertThat(allocated / 100_000.0).isLessThan(1.0);
  }

  private long size() {
    assertThat(kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status))
        .isZero();
    return status.size();
  }

  private int open(String name) {
    return kernel.openat2(
        Kernel.AT_FDCWD,
        Names.bytes(directory.resolve(name).toString()),
        OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.CLOEXEC,
        0600,
        0);
  }
}
