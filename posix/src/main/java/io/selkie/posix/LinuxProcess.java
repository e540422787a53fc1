package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import jnr.ffi.LastError;
import jnr.ffi.Pointer;
import jnr.posix.POSIX;
import jnr.posix.POSIXFactory;

/**
 * The half of {@link LinuxKernel} that is about the process: how the C library is bound, how its
 * errors come back, leases, byte-range locks, signals and limits.
 */
abstract class LinuxProcess implements Kernel {
  static final int EINTR = Errno.EINTR.result();

  private static final int F_SETSIG = 10;
  private static final int F_SETOWN_EX = 15;
  private static final int F_OFD_GETLK = 36;
  private static final int F_OFD_SETLK = 37;
  private static final int F_OWNER_TID = 0;
  private static final int F_SETLEASE = 1024;
  private static final int F_GETLEASE = 1025;
  private static final int SIG_BLOCK = 0;
  private static final long SIGNAL_IGNORED = 1;
  private static final int SIGNAL_SET_BYTES = 8;
  private static final int SIGNAL_MAX = 64;

  /** Above the real-time signals that debuggers and profilers like to take. */
  private static final int REAL_TIME_SIGNAL_OFFSET = 4;

  final Machine machine = Machine.current();
  final LibC libc = Bindings.LIBC;
  final POSIX posix = POSIXFactory.getNativePOSIX();
  final ThreadLocal<Scratch> scratches = ThreadLocal.withInitial(Scratch::new);
  private final jnr.ffi.Runtime runtime = jnr.ffi.Runtime.getRuntime(libc);
  private final int pid = (int) libc.syscall(machine.getpid, 0, 0, 0, 0);

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

  // ---------------------------------------------------------------- byte-range locks

  @Override
  public int setFileLock(int fd, FileLockType type, long start, long length) {
    MemorySegment flock = scratches.get().area();
    FileLock.encode(flock, type, start, length);
    return fcntl(fd, F_OFD_SETLK, flock.address());
  }

  @Override
  public int getFileLock(int fd, FileLock lock) {
    MemorySegment flock = scratches.get().area();
    FileLock.encode(flock, lock.type(), lock.start(), lock.length());
    int result = fcntl(fd, F_OFD_GETLK, flock.address());
    if (result >= 0) {
      lock.decode(flock);
    }
    return result;
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

  final int fcntl(int fd, int command, long argument) {
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

  final int result(int returned) {
    return returned == -1 ? -LastError.getLastError(runtime) : returned;
  }

  final long result(long returned) {
    return returned == -1 ? -LastError.getLastError(runtime) : returned;
  }

  static void requireNative(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("the kernel reaches native memory only: " + segment);
    }
  }
}
