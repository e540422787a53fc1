package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * The kernel this process runs on. Each symbol is bound once, by jnr-posix where it has it, by
 * jnr-ffi otherwise; jnr stores {@code errno} in native code before it returns to Java, so nothing
 * the JVM does in between can disturb it.
 *
 * <p>A call that a signal interrupted is repeated, except {@code close}, after which the descriptor
 * is gone on Linux either way. Memory segments must be native: the kernel reads and writes them in
 * place. Nothing is allocated per call.
 */
public final class LinuxKernel extends LinuxProcess {
  /** {@code QCMD(Q_GETQUOTA, USRQUOTA)}. */
  private static final long Q_GETQUOTA_USER = 0x800007L << 8;

  private static final long FICLONERANGE = 0x4020940dL;

  /** MADV_POPULATE_READ. */
  private static final int POPULATE_READ = 22;

  private static final long SG_IO = 0x2285;
  private static final long NVME_IOCTL_IO_CMD = 0xC0484E43L;

  private static final long FS_IOC_FIEMAP = 0xc020660bL;

  /** Linux 6.6 has fchmodat2; before, the mode is changed by the descriptor's name in /proc. */
  private volatile boolean fchmodat2Missing;

  // ---------------------------------------------------------------- opening and names

  @Override
  public int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
    int wrong = Scratch.check(path);
    if (wrong < 0) {
      return wrong;
    }
    Scratch scratch = scratches.get();
    long address = scratch.path(path);
    MemorySegment how = scratch.area();
    how.set(JAVA_LONG, 0, openFlags);
    how.set(JAVA_LONG, 8, Integer.toUnsignedLong(mode));
    how.set(JAVA_LONG, 16, resolveFlags);
    long result;
    do {
      result = result(libc.syscall(Machine.OPENAT2, dirFd, address, how.address(), 24));
    } while (result == EINTR);
    return (int) result;
  }

  @Override
  public int close(int fd) {
    int result = result(posix.close(fd));
    return result == EINTR ? 0 : result;
  }

  @Override
  public int dup3(int fd, int onto) {
    int result;
    do {
      result = result(libc.dup3(fd, onto, (int) OpenFlags.CLOEXEC));
    } while (result == EINTR);
    return result;
  }

  @Override
  public int nameToHandle(int fd, FileHandleBytes out) {
    return nameToHandle(fd, Names.empty(), AtFlags.EMPTY_PATH, out);
  }

  @Override
  public int nameToHandleAt(int dirFd, byte[] name, FileHandleBytes out) {
    int wrong = Scratch.check(name);
    return wrong < 0 ? wrong : nameToHandle(dirFd, name, 0, out);
  }

  private int nameToHandle(int fd, byte[] name, int flags, FileHandleBytes out) {
    Scratch scratch = scratches.get();
    MemorySegment handle = scratch.area();
    long mountId = handle.address() + 8 + FileHandleBytes.LENGTH_MAX;
    handle.set(JAVA_INT, 0, FileHandleBytes.LENGTH_MAX);
    int result =
        result(libc.name_to_handle_at(fd, scratch.path(name), handle.address(), mountId, flags));
    if (result < 0) {
      return result;
    }
    int length = Math.min(handle.get(JAVA_INT, 0), FileHandleBytes.LENGTH_MAX);
    MemorySegment.copy(handle, JAVA_BYTE, 8, out.array(), 0, length);
    out.set(
        handle.get(JAVA_INT, 4),
        out.array(),
        0,
        length,
        handle.get(JAVA_INT, 8 + FileHandleBytes.LENGTH_MAX));
    return 0;
  }

  @Override
  public int openByHandle(int mountFd, FileHandleBytes handle, long openFlags) {
    MemorySegment raw = scratches.get().area();
    raw.set(JAVA_INT, 0, handle.length());
    raw.set(JAVA_INT, 4, handle.type());
    MemorySegment.copy(handle.array(), 0, raw, JAVA_BYTE, 8, handle.length());
    long result;
    do {
      result = result(libc.syscall(machine.openByHandleAt, mountFd, raw.address(), openFlags, 0));
    } while (result == EINTR);
    return (int) result;
  }

  @Override
  public int mkdirat(int dirFd, byte[] name, int mode) {
    int wrong = Scratch.check(name);
    return wrong < 0 ? wrong : result(libc.mkdirat(dirFd, scratches.get().path(name), mode));
  }

  @Override
  public int mknodat(int dirFd, byte[] name, int typeAndMode, int major, int minor) {
    int wrong = Scratch.check(name);
    if (wrong < 0) {
      return wrong;
    }
    // The kernel's 32-bit form of a device number: 12 bits of major amid 20 of minor.
    if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) {
      return Errno.EINVAL.result();
    }
    long device = (minor & 0xffL) | ((long) major << 8) | ((minor & ~0xffL) << 12);
    return (int)
        result(
            libc.syscall(machine.mknodat, dirFd, scratches.get().path(name), typeAndMode, device));
  }

  @Override
  public int symlinkat(byte[] target, int dirFd, byte[] name) {
    int wrong = Math.min(Scratch.check(target), Scratch.check(name));
    if (wrong < 0) {
      return wrong;
    }
    Scratch scratch = scratches.get();
    return result(libc.symlinkat(scratch.secondPath(target), dirFd, scratch.path(name)));
  }

  @Override
  public int readlinkat(int dirFd, byte[] name, byte[] into) {
    int wrong = Scratch.check(name);
    if (wrong < 0) {
      return wrong;
    }
    Scratch scratch = scratches.get();
    MemorySegment target = scratch.area();
    int size = Math.min(into.length, Scratch.AREA_BYTES);
    long result = result(libc.readlinkat(dirFd, scratch.path(name), target.address(), size));
    if (result > 0) {
      MemorySegment.copy(target, JAVA_BYTE, 0, into, 0, (int) result);
    }
    return (int) result;
  }

  @Override
  public int linkat(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    int wrong = Math.min(Scratch.check(fromName), Scratch.check(toName));
    if (wrong < 0) {
      return wrong;
    }
    Scratch scratch = scratches.get();
    return result(
        libc.linkat(fromDirFd, scratch.path(fromName), toDirFd, scratch.secondPath(toName), flags));
  }

  @Override
  public int unlinkat(int dirFd, byte[] name, int flags) {
    int wrong = Scratch.check(name);
    return wrong < 0 ? wrong : result(libc.unlinkat(dirFd, scratches.get().path(name), flags));
  }

  @Override
  public int renameat2(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    int wrong = Math.min(Scratch.check(fromName), Scratch.check(toName));
    if (wrong < 0) {
      return wrong;
    }
    Scratch scratch = scratches.get();
    return result(
        libc.renameat2(
            fromDirFd, scratch.path(fromName), toDirFd, scratch.secondPath(toName), flags));
  }

  @Override
  public int getdents64(int dirFd, MemorySegment into) {
    requireNative(into);
    long size = Math.min(into.byteSize(), Integer.MAX_VALUE);
    try {
      return (int) result(libc.syscall(machine.getdents64, dirFd, into.address(), size, 0));
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  @Override
  public long lseek(int fd, long offset, int whence) {
    return result(posix.lseekLong(fd, offset, whence));
  }

  // ---------------------------------------------------------------- attributes

  @Override
  public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
    int wrong = Scratch.check(name);
    if (wrong < 0) {
      return wrong;
    }
    Scratch scratch = scratches.get();
    long address = scratch.path(name);
    MemorySegment raw = scratch.area();
    int result;
    do {
      result = result(libc.statx(dirFd, address, atFlags, mask, raw.address()));
    } while (result == EINTR);
    if (result >= 0) {
      out.copyFrom(raw);
    }
    return result;
  }

  @Override
  public int fstatfs(int fd, FileSystemStatus out) {
    MemorySegment raw = scratches.get().area();
    int result;
    do {
      result = result(libc.fstatfs(fd, raw.address()));
    } while (result == EINTR);
    if (result >= 0) {
      out.copyFrom(raw);
    }
    return result;
  }

  @Override
  public int userQuota(int fd, int uid, QuotaStatus out) {
    MemorySegment raw = scratches.get().area();
    int result =
        (int) result(libc.syscall(Machine.QUOTACTL_FD, fd, Q_GETQUOTA_USER, uid, raw.address()));
    if (result >= 0) {
      out.copyFrom(raw);
    }
    return result;
  }

  @Override
  public int fchmod(int fd, int mode) {
    Scratch scratch = scratches.get();
    if (!fchmodat2Missing) {
      int result =
          (int)
              result(
                  libc.syscall(
                      Machine.FCHMODAT2,
                      fd,
                      scratch.path(Names.empty()),
                      mode,
                      AtFlags.EMPTY_PATH));
      if (!Errno.ENOSYS.is(result)) {
        return result;
      }
      fchmodat2Missing = true;
    }
    return result(libc.chmod(scratch.path(Names.ofDescriptor(fd)), mode));
  }

  @Override
  public int fchown(int fd, int uid, int gid) {
    return result(
        libc.fchownat(fd, scratches.get().path(Names.empty()), uid, gid, AtFlags.EMPTY_PATH));
  }

  @Override
  public int utimens(int fd, long atimeSec, long atimeNsec, long mtimeSec, long mtimeNsec) {
    Scratch scratch = scratches.get();
    MemorySegment times = scratch.area();
    times.set(JAVA_LONG, 0, atimeSec);
    times.set(JAVA_LONG, 8, atimeNsec);
    times.set(JAVA_LONG, 16, mtimeSec);
    times.set(JAVA_LONG, 24, mtimeNsec);
    return result(
        libc.utimensat(fd, scratch.path(Names.empty()), times.address(), AtFlags.EMPTY_PATH));
  }

  @Override
  public int faccess(int fd, int mode) {
    return (int)
        result(
            libc.syscall(
                Machine.FACCESSAT2,
                fd,
                scratches.get().path(Names.empty()),
                mode,
                AtFlags.EMPTY_PATH | AtFlags.EACCESS));
  }

  // ---------------------------------------------------------------- extended attributes

  @Override
  public int getXattr(int fd, byte[] name, MemorySegment into) {
    int wrong = Scratch.check(name);
    if (wrong < 0) {
      return wrong;
    }
    requireNative(into);
    Scratch scratch = scratches.get();
    try {
      return (int)
          result(
              libc.getxattr(
                  scratch.path(Names.ofDescriptor(fd)),
                  scratch.secondPath(name),
                  into.address(),
                  into.byteSize()));
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  @Override
  public int setXattr(int fd, byte[] name, MemorySegment value, int flags) {
    int wrong = Scratch.check(name);
    if (wrong < 0) {
      return wrong;
    }
    requireNative(value);
    Scratch scratch = scratches.get();
    try {
      return result(
          libc.setxattr(
              scratch.path(Names.ofDescriptor(fd)),
              scratch.secondPath(name),
              value.address(),
              value.byteSize(),
              flags));
    } finally {
      Reference.reachabilityFence(value);
    }
  }

  @Override
  public int listXattr(int fd, MemorySegment into) {
    requireNative(into);
    try {
      return (int)
          result(
              libc.listxattr(
                  scratches.get().path(Names.ofDescriptor(fd)), into.address(), into.byteSize()));
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  @Override
  public int removeXattr(int fd, byte[] name) {
    int wrong = Scratch.check(name);
    if (wrong < 0) {
      return wrong;
    }
    Scratch scratch = scratches.get();
    return result(libc.removexattr(scratch.path(Names.ofDescriptor(fd)), scratch.secondPath(name)));
  }

  // ---------------------------------------------------------------- data

  @Override
  public long pread(int fd, MemorySegment into, long fileOffset) {
    requireNative(into);
    try {
      long result;
      do {
        result = result(libc.pread64(fd, into.address(), into.byteSize(), fileOffset));
      } while (result == EINTR);
      return result;
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  @Override
  public long pwrite(int fd, MemorySegment from, long fileOffset) {
    requireNative(from);
    try {
      long result;
      do {
        result = result(libc.pwrite64(fd, from.address(), from.byteSize(), fileOffset));
      } while (result == EINTR);
      return result;
    } finally {
      Reference.reachabilityFence(from);
    }
  }

  @Override
  public int ftruncate(int fd, long size) {
    int result;
    do {
      result = result(posix.ftruncate(fd, size));
    } while (result == EINTR);
    return result;
  }

  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    int result;
    do {
      result = result(libc.fallocate(fd, mode, offset, length));
    } while (result == EINTR);
    return result;
  }

  @Override
  public int fsync(int fd) {
    int result;
    do {
      result = result(posix.fsync(fd));
    } while (result == EINTR);
    return result;
  }

  @Override
  public int fdatasync(int fd) {
    int result;
    do {
      result = result(posix.fdatasync(fd));
    } while (result == EINTR);
    return result;
  }

  @Override
  public int cloneRange(
      int sourceFd, long sourceOffset, long length, int targetFd, long targetOffset) {
    MemorySegment range = scratches.get().area();
    range.set(JAVA_LONG, 0, sourceFd);
    range.set(JAVA_LONG, 8, sourceOffset);
    range.set(JAVA_LONG, 16, length);
    range.set(JAVA_LONG, 24, targetOffset);
    int result;
    do {
      result = result(libc.ioctl(targetFd, FICLONERANGE, range.address()));
    } while (result == EINTR);
    return result;
  }

  @Override
  public long copyFileRange(
      int sourceFd, long sourceOffset, int targetFd, long targetOffset, long length) {
    MemorySegment offsets = scratches.get().area();
    long result;
    do {
      // The kernel moves what stands there on.
      offsets.set(JAVA_LONG, 0, sourceOffset);
      offsets.set(JAVA_LONG, 8, targetOffset);
      result =
          result(
              libc.syscall(
                  machine.copyFileRange,
                  sourceFd,
                  offsets.address(),
                  targetFd,
                  offsets.address() + 8,
                  length,
                  0));
    } while (result == EINTR);
    return result;
  }

  @Override
  public int fadvise(int fd, long offset, long length, int advice) {
    return (int) result(libc.syscall(machine.fadvise64, fd, offset, length, advice));
  }

  @Override
  public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
    int result;
    do {
      result = result(libc.ioctl(fd, FS_IOC_FIEMAP, out.prepare(start, length, flags)));
    } while (result == EINTR);
    return result < 0 ? result : out.complete();
  }

  @Override
  public long cachedPages(int fd, long offset, long length) {
    MemorySegment range = scratches.get().area();
    range.set(JAVA_LONG, 0, offset);
    range.set(JAVA_LONG, 8, length);
    MemorySegment counts = range.asSlice(16);
    long result = result(libc.syscall(Machine.CACHESTAT, fd, range.address(), counts.address(), 0));
    return result < 0 ? result : counts.get(JAVA_LONG, 0);
  }

  @Override
  public int scsi(int fd, ScsiCommand command) {
    try {
      return result(libc.ioctl(fd, SG_IO, command.address()));
    } finally {
      // The kernel reads and writes its memory, and only this object holds that.
      Reference.reachabilityFence(command);
    }
  }

  @Override
  public int nvme(int fd, NvmeCommand command) {
    try {
      return result(libc.ioctl(fd, NVME_IOCTL_IO_CMD, command.address()));
    } finally {
      Reference.reachabilityFence(command);
    }
  }

  // ---------------------------------------------------------------- mappings

  @Override
  public long mmap(int fd, long fileOffset, long length, int protection, int flags) {
    return result(libc.syscall(machine.mmap, 0, length, protection, flags, fd, fileOffset));
  }

  @Override
  public int munmap(long address, long length) {
    return result(libc.munmap(address, length));
  }

  @Override
  public int msync(long address, long length, int flags) {
    int result;
    do {
      result = result(libc.msync(address, length, flags));
    } while (result == EINTR);
    return result;
  }

  @Override
  public int populateRead(long address, long length) {
    int result;
    do {
      result = result(libc.madvise(address, length, POPULATE_READ));
    } while (result == EINTR);
    return result;
  }
}
