package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Pointer;
import jnr.posix.POSIX;
import jnr.posix.POSIXFactory;

/**
 * The kernel this process runs on. Each symbol is bound once, by jnr-posix where it has it, by
 * jnr-ffi otherwise; jnr stores {@code errno} in native code before it returns to Java, so nothing
 * the JVM does in between can disturb it.
 *
 * <p>A call that a signal interrupted is repeated, except {@code close}, after which the descriptor
 * is gone on Linux either way. Memory segments must be native: the kernel reads and writes them in
 * place. Nothing is allocated per call.
 */
public final class LinuxKernel implements Kernel {
  private static final int EINTR = Errno.EINTR.result();

  private static final int F_SETSIG = 10;
  private static final int F_SETOWN_EX = 15;
  private static final int F_OWNER_TID = 0;
  private static final int F_SETLEASE = 1024;
  private static final int F_GETLEASE = 1025;
  private static final long FICLONERANGE = 0x4020940dL;
  private static final long FS_IOC_FIEMAP = 0xc020660bL;
  private static final int SIG_BLOCK = 0;
  private static final long SIGNAL_IGNORED = 1;
  private static final int SIGNAL_SET_BYTES = 8;
  private static final int SIGNAL_MAX = 64;

  /** Above the real-time signals that debuggers and profilers like to take. */
  private static final int REAL_TIME_SIGNAL_OFFSET = 4;

  private final Machine machine = Machine.current();
  private final LibC libc = LibraryLoader.create(LibC.class).load("c");
  private final jnr.ffi.Runtime runtime = jnr.ffi.Runtime.getRuntime(libc);
  private final POSIX posix = POSIXFactory.getNativePOSIX();
  private final int pid = (int) libc.syscall(machine.getpid, 0, 0, 0, 0);
  private final ThreadLocal<Scratch> scratches = ThreadLocal.withInitial(Scratch::new);

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
    Scratch scratch = scratches.get();
    MemorySegment handle = scratch.area();
    long mountId = handle.address() + 8 + FileHandleBytes.LENGTH_MAX;
    handle.set(JAVA_INT, 0, FileHandleBytes.LENGTH_MAX);
    int result =
        result(
            libc.name_to_handle_at(
                fd, scratch.path(Names.empty()), handle.address(), mountId, AtFlags.EMPTY_PATH));
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
  public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
    int result;
    do {
      result = result(libc.ioctl(fd, FS_IOC_FIEMAP, out.prepare(start, length, flags)));
    } while (result == EINTR);
    return result < 0 ? result : out.complete();
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

  // ---------------------------------------------------------------- leases and their signals

  @Override
  public int setLease(int fd, LeaseType type) {
    return fcntl(fd, F_SETLEASE, type.number());
  }

  @Override
  public int getLease(int fd) {
    return fcntl(fd, F_GETLEASE, 0);
  }

  @Override
  public int setLeaseSignal(int fd, int signal) {
    return fcntl(fd, F_SETSIG, signal);
  }

  @Override
  public int setLeaseOwnerThread(int fd, int tid) {
    MemorySegment owner = scratches.get().area();
    owner.set(JAVA_INT, 0, F_OWNER_TID);
    owner.set(JAVA_INT, 4, tid);
    return fcntl(fd, F_SETOWN_EX, owner.address());
  }

  @Override
  public int gettid() {
    return (int) libc.syscall(machine.gettid, 0, 0, 0, 0);
  }

  @Override
  public int firstRealTimeSignal() {
    return libc.__libc_current_sigrtmin() + REAL_TIME_SIGNAL_OFFSET;
  }

  @Override
  public int blockSignals(int... signals) {
    // A blocked signal is queued for its waiter though it is ignored. But a JVM thread that ends
    // unblocks what it had blocked while it still lives, and a signal that came too late for its
    // waiter would then kill the process.
    for (int signal : signals) {
      long before = result(libc.signal(signal, SIGNAL_IGNORED));
      if (before < 0) {
        return (int) before;
      }
    }
    MemorySegment set = signalSet(signals);
    return (int)
        result(libc.syscall(machine.rtSigprocmask, SIG_BLOCK, set.address(), 0, SIGNAL_SET_BYTES));
  }

  @Override
  public int waitForSignal(SignalInfo out, int... signals) {
    MemorySegment set = signalSet(signals);
    long info = set.address() + 64;
    long result;
    do {
      result =
          result(libc.syscall(machine.rtSigtimedwait, set.address(), info, 0, SIGNAL_SET_BYTES));
    } while (result == EINTR);
    if (result > 0) {
      // siginfo_t: signo 0, errno 4, code 8; the union begins at 16 with si_band, then si_fd.
      int code = set.get(JAVA_INT, 64 + 8);
      boolean aboutFile = code > 0;
      out.set(
          set.get(JAVA_INT, 64),
          code,
          aboutFile ? set.get(JAVA_INT, 64 + 24) : -1,
          aboutFile ? set.get(JAVA_LONG, 64 + 16) : 0);
    }
    return (int) result;
  }

  @Override
  public int signalThread(int tid, int signal) {
    return (int) result(libc.syscall(machine.tgkill, pid, tid, signal, 0));
  }

  // ---------------------------------------------------------------- the process

  @Override
  public int effectiveUid() {
    return posix.geteuid();
  }

  @Override
  public int effectiveGid() {
    return posix.getegid();
  }

  @Override
  public int umask(int mask) {
    return posix.umask(mask);
  }

  @Override
  public long resourceLimit(int resource) {
    MemorySegment limit = scratches.get().area();
    int result = result(posix.getrlimit(resource, Pointer.wrap(runtime, limit.address(), 16)));
    if (result < 0) {
      return result;
    }
    long soft = limit.get(JAVA_LONG, 0);
    return soft < 0 ? Long.MAX_VALUE : soft;
  }

  // ----------------------------------------------------------------

  private int fcntl(int fd, int command, long argument) {
    int result;
    do {
      result = result(libc.fcntl(fd, command, argument));
    } while (result == EINTR);
    return result;
  }

  private MemorySegment signalSet(int[] signals) {
    long bits = 0;
    for (int signal : signals) {
      if (signal < 1 || signal > SIGNAL_MAX) {
        throw new IllegalArgumentException("signal " + signal);
      }
      bits |= 1L << (signal - 1);
    }
    MemorySegment set = scratches.get().area();
    set.set(JAVA_LONG, 0, bits);
    return set;
  }

  private int result(int returned) {
    return returned == -1 ? -LastError.getLastError(runtime) : returned;
  }

  private long result(long returned) {
    return returned == -1 ? -LastError.getLastError(runtime) : returned;
  }

  private static void requireNative(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("the kernel reaches native memory only: " + segment);
    }
  }
}
