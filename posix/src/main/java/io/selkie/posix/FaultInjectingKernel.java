package io.selkie.posix;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * Numbered fault points at every native call: counts the calls to another kernel, over all and by
 * kind, and makes chosen ones fail. A test runs its scenario once to learn how many calls it makes,
 * then once for each number with that call failing.
 *
 * <p>Methods of {@link Kernel} that cannot fail are passed on and not counted. Safe for use by
 * several threads; numbers are given in the order of the calls' beginnings. For tests: it
 * allocates.
 */
public final class FaultInjectingKernel implements Kernel {
  private static final int NO_FD = Integer.MIN_VALUE;

  /** When a fault strikes. */
  public enum When {
    /** Nothing is called: the kernel refused. */
    INSTEAD,
    /**
     * The call is made, takes effect, and then reported as failed. What it would have handed out, a
     * descriptor or a mapping, is given back: a failed call hands out nothing. {@code close} always
     * fails this way, as on Linux.
     */
    AFTERWARDS
  }

  /**
   * One call that was made.
   *
   * @param number over all, from 1
   * @param numberOfKind among calls of the same kind, from 1
   * @param call which method
   * @param subject descriptor and name, as far as it had them
   * @param result what the caller was told
   * @param injected whether that was a fault of ours
   */
  public record Entry(
      long number,
      long numberOfKind,
      KernelCall call,
      String subject,
      long result,
      boolean injected) {}

  private record Fault(Optional<KernelCall> call, long first, long last, Errno errno, When when) {
    boolean strikes(KernelCall made, long number, long numberOfKind) {
      if (call.isEmpty()) {
        return first <= number && number <= last;
      }
      return call.get() == made && first <= numberOfKind && numberOfKind <= last;
    }
  }

  private record Ticket(long number, long numberOfKind, Optional<Fault> fault) {}

  private final Kernel delegate;
  private final int logCapacity;
  private final Object lock = new Object();
  private final Map<KernelCall, Long> counts = new EnumMap<>(KernelCall.class);
  private final List<Fault> faults = new ArrayList<>();
  private final ArrayDeque<Entry> log = new ArrayDeque<>();
  private long total;
  private long injected;

  /** Without a log. */
  public FaultInjectingKernel(Kernel delegate) {
    this(delegate, 0);
  }

  /**
   * With a log.
   *
   * @param logCapacity how many of the latest calls {@link #log} keeps, 0 for none
   */
  public FaultInjectingKernel(Kernel delegate, int logCapacity) {
    this.delegate = delegate;
    this.logCapacity = logCapacity;
  }

  /**
   * Makes one call fail.
   *
   * @param n which one from now on, of any kind; 1 is the next
   */
  public void failNth(long n, Errno errno, When when) {
    synchronized (lock) {
      faults.add(new Fault(Optional.empty(), total + n, total + n, errno, when));
    }
  }

  /**
   * Makes one call of a kind fail.
   *
   * @param n which one of that kind from now on; 1 is the next
   */
  public void failNth(KernelCall call, long n, Errno errno, When when) {
    synchronized (lock) {
      long number = counts.getOrDefault(call, 0L) + n;
      faults.add(new Fault(Optional.of(call), number, number, errno, when));
    }
  }

  /** Makes every call of a kind fail from now on, as a full disk or a missing privilege does. */
  public void failAll(KernelCall call, Errno errno) {
    synchronized (lock) {
      long number = counts.getOrDefault(call, 0L) + 1;
      faults.add(new Fault(Optional.of(call), number, Long.MAX_VALUE, errno, When.INSTEAD));
    }
  }

  /** Lets every call through again; numbers go on. */
  public void heal() {
    synchronized (lock) {
      faults.clear();
    }
  }

  /** Calls so far. */
  public long calls() {
    synchronized (lock) {
      return total;
    }
  }

  /** Calls of a kind so far. */
  public long calls(KernelCall call) {
    synchronized (lock) {
      return counts.getOrDefault(call, 0L);
    }
  }

  /** Faults that have struck so far. */
  public long injected() {
    synchronized (lock) {
      return injected;
    }
  }

  /** The latest calls in the order of their ends. */
  public List<Entry> log() {
    synchronized (lock) {
      return List.copyOf(log);
    }
  }

  private static void keep(long result) {}

  private long run(
      KernelCall call, int fd, byte[] name, LongSupplier action, LongConsumer giveBack) {
    Ticket ticket = enter(call);
    long result;
    if (ticket.fault.isEmpty()) {
      result = action.getAsLong();
    } else {
      Fault fault = ticket.fault.get();
      if (fault.when == When.AFTERWARDS || call == KernelCall.CLOSE) {
        long reached = action.getAsLong();
        if (reached >= 0) {
          giveBack.accept(reached);
        }
      }
      result = fault.errno.result();
    }
    if (logCapacity > 0) {
      record(ticket, call, fd, name, result);
    }
    return result;
  }

  private Ticket enter(KernelCall call) {
    synchronized (lock) {
      long number = ++total;
      long numberOfKind = counts.merge(call, 1L, Long::sum);
      Optional<Fault> fault =
          faults.stream().filter(f -> f.strikes(call, number, numberOfKind)).findFirst();
      if (fault.isPresent()) {
        injected++;
      }
      return new Ticket(number, numberOfKind, fault);
    }
  }

  private void record(Ticket ticket, KernelCall call, int fd, byte[] name, long result) {
    String subject =
        (fd == NO_FD ? "" : "fd " + fd) + (name == null ? "" : " '" + Names.text(name) + "'");
    synchronized (lock) {
      if (log.size() == logCapacity) {
        log.removeFirst();
      }
      log.addLast(
          new Entry(
              ticket.number,
              ticket.numberOfKind,
              call,
              subject.strip(),
              result,
              ticket.fault.isPresent()));
    }
  }

  // ---------------------------------------------------------------- the calls

  @Override
  public int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
    return (int)
        run(
            KernelCall.OPENAT2,
            dirFd,
            path,
            () -> delegate.openat2(dirFd, path, openFlags, mode, resolveFlags),
            fd -> delegate.close((int) fd));
  }

  @Override
  public int close(int fd) {
    return (int)
        run(KernelCall.CLOSE, fd, null, () -> delegate.close(fd), FaultInjectingKernel::keep);
  }

  @Override
  public int dup3(int fd, int onto) {
    return (int)
        run(KernelCall.DUP3, fd, null, () -> delegate.dup3(fd, onto), FaultInjectingKernel::keep);
  }

  @Override
  public int nameToHandle(int fd, FileHandleBytes out) {
    return (int)
        run(
            KernelCall.NAME_TO_HANDLE,
            fd,
            null,
            () -> delegate.nameToHandle(fd, out),
            FaultInjectingKernel::keep);
  }

  @Override
  public int openByHandle(int mountFd, FileHandleBytes handle, long openFlags) {
    return (int)
        run(
            KernelCall.OPEN_BY_HANDLE,
            mountFd,
            null,
            () -> delegate.openByHandle(mountFd, handle, openFlags),
            fd -> delegate.close((int) fd));
  }

  @Override
  public int mkdirat(int dirFd, byte[] name, int mode) {
    return (int)
        run(
            KernelCall.MKDIRAT,
            dirFd,
            name,
            () -> delegate.mkdirat(dirFd, name, mode),
            FaultInjectingKernel::keep);
  }

  @Override
  public int mknodat(int dirFd, byte[] name, int typeAndMode, int major, int minor) {
    return (int)
        run(
            KernelCall.MKNODAT,
            dirFd,
            name,
            () -> delegate.mknodat(dirFd, name, typeAndMode, major, minor),
            FaultInjectingKernel::keep);
  }

  @Override
  public int symlinkat(byte[] target, int dirFd, byte[] name) {
    return (int)
        run(
            KernelCall.SYMLINKAT,
            dirFd,
            target,
            () -> delegate.symlinkat(target, dirFd, name),
            FaultInjectingKernel::keep);
  }

  @Override
  public int readlinkat(int dirFd, byte[] name, byte[] into) {
    return (int)
        run(
            KernelCall.READLINKAT,
            dirFd,
            name,
            () -> delegate.readlinkat(dirFd, name, into),
            FaultInjectingKernel::keep);
  }

  @Override
  public int linkat(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    return (int)
        run(
            KernelCall.LINKAT,
            fromDirFd,
            fromName,
            () -> delegate.linkat(fromDirFd, fromName, toDirFd, toName, flags),
            FaultInjectingKernel::keep);
  }

  @Override
  public int unlinkat(int dirFd, byte[] name, int flags) {
    return (int)
        run(
            KernelCall.UNLINKAT,
            dirFd,
            name,
            () -> delegate.unlinkat(dirFd, name, flags),
            FaultInjectingKernel::keep);
  }

  @Override
  public int renameat2(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    return (int)
        run(
            KernelCall.RENAMEAT2,
            fromDirFd,
            fromName,
            () -> delegate.renameat2(fromDirFd, fromName, toDirFd, toName, flags),
            FaultInjectingKernel::keep);
  }

  @Override
  public int getdents64(int dirFd, MemorySegment into) {
    return (int)
        run(
            KernelCall.GETDENTS64,
            dirFd,
            null,
            () -> delegate.getdents64(dirFd, into),
            FaultInjectingKernel::keep);
  }

  @Override
  public long lseek(int fd, long offset, int whence) {
    return run(
        KernelCall.LSEEK,
        fd,
        null,
        () -> delegate.lseek(fd, offset, whence),
        FaultInjectingKernel::keep);
  }

  @Override
  public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
    return (int)
        run(
            KernelCall.STATX,
            dirFd,
            name,
            () -> delegate.statx(dirFd, name, atFlags, mask, out),
            FaultInjectingKernel::keep);
  }

  @Override
  public int fstatfs(int fd, FileSystemStatus out) {
    return (int)
        run(
            KernelCall.FSTATFS,
            fd,
            null,
            () -> delegate.fstatfs(fd, out),
            FaultInjectingKernel::keep);
  }

  @Override
  public int fchmod(int fd, int mode) {
    return (int)
        run(
            KernelCall.FCHMOD,
            fd,
            null,
            () -> delegate.fchmod(fd, mode),
            FaultInjectingKernel::keep);
  }

  @Override
  public int fchown(int fd, int uid, int gid) {
    return (int)
        run(
            KernelCall.FCHOWN,
            fd,
            null,
            () -> delegate.fchown(fd, uid, gid),
            FaultInjectingKernel::keep);
  }

  @Override
  public int utimens(int fd, long atimeSec, long atimeNsec, long mtimeSec, long mtimeNsec) {
    return (int)
        run(
            KernelCall.UTIMENS,
            fd,
            null,
            () -> delegate.utimens(fd, atimeSec, atimeNsec, mtimeSec, mtimeNsec),
            FaultInjectingKernel::keep);
  }

  @Override
  public int faccess(int fd, int mode) {
    return (int)
        run(
            KernelCall.FACCESS,
            fd,
            null,
            () -> delegate.faccess(fd, mode),
            FaultInjectingKernel::keep);
  }

  @Override
  public long pread(int fd, MemorySegment into, long fileOffset) {
    return run(
        KernelCall.PREAD,
        fd,
        null,
        () -> delegate.pread(fd, into, fileOffset),
        FaultInjectingKernel::keep);
  }

  @Override
  public long pwrite(int fd, MemorySegment from, long fileOffset) {
    return run(
        KernelCall.PWRITE,
        fd,
        null,
        () -> delegate.pwrite(fd, from, fileOffset),
        FaultInjectingKernel::keep);
  }

  @Override
  public int ftruncate(int fd, long size) {
    return (int)
        run(
            KernelCall.FTRUNCATE,
            fd,
            null,
            () -> delegate.ftruncate(fd, size),
            FaultInjectingKernel::keep);
  }

  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    return (int)
        run(
            KernelCall.FALLOCATE,
            fd,
            null,
            () -> delegate.fallocate(fd, mode, offset, length),
            FaultInjectingKernel::keep);
  }

  @Override
  public int fsync(int fd) {
    return (int)
        run(KernelCall.FSYNC, fd, null, () -> delegate.fsync(fd), FaultInjectingKernel::keep);
  }

  @Override
  public int fdatasync(int fd) {
    return (int)
        run(
            KernelCall.FDATASYNC,
            fd,
            null,
            () -> delegate.fdatasync(fd),
            FaultInjectingKernel::keep);
  }

  @Override
  public int cloneRange(
      int sourceFd, long sourceOffset, long length, int targetFd, long targetOffset) {
    return (int)
        run(
            KernelCall.CLONE_RANGE,
            sourceFd,
            null,
            () -> delegate.cloneRange(sourceFd, sourceOffset, length, targetFd, targetOffset),
            FaultInjectingKernel::keep);
  }

  @Override
  public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
    return (int)
        run(
            KernelCall.FIEMAP,
            fd,
            null,
            () -> delegate.fiemap(fd, start, length, flags, out),
            FaultInjectingKernel::keep);
  }

  @Override
  public long mmap(int fd, long fileOffset, long length, int protection, int flags) {
    return run(
        KernelCall.MMAP,
        fd,
        null,
        () -> delegate.mmap(fd, fileOffset, length, protection, flags),
        address -> delegate.munmap(address, length));
  }

  @Override
  public int munmap(long address, long length) {
    return (int)
        run(
            KernelCall.MUNMAP,
            NO_FD,
            null,
            () -> delegate.munmap(address, length),
            FaultInjectingKernel::keep);
  }

  @Override
  public int msync(long address, long length, int flags) {
    return (int)
        run(
            KernelCall.MSYNC,
            NO_FD,
            null,
            () -> delegate.msync(address, length, flags),
            FaultInjectingKernel::keep);
  }

  @Override
  public int setLease(int fd, LeaseType type) {
    return (int)
        run(
            KernelCall.SET_LEASE,
            fd,
            null,
            () -> delegate.setLease(fd, type),
            FaultInjectingKernel::keep);
  }

  @Override
  public int getLease(int fd) {
    return (int)
        run(
            KernelCall.GET_LEASE,
            fd,
            null,
            () -> delegate.getLease(fd),
            FaultInjectingKernel::keep);
  }

  @Override
  public int setLeaseSignal(int fd, int signal) {
    return (int)
        run(
            KernelCall.SET_LEASE_SIGNAL,
            fd,
            null,
            () -> delegate.setLeaseSignal(fd, signal),
            FaultInjectingKernel::keep);
  }

  @Override
  public int setLeaseOwnerThread(int fd, int tid) {
    return (int)
        run(
            KernelCall.SET_LEASE_OWNER_THREAD,
            fd,
            null,
            () -> delegate.setLeaseOwnerThread(fd, tid),
            FaultInjectingKernel::keep);
  }

  @Override
  public int gettid() {
    return delegate.gettid();
  }

  @Override
  public int firstRealTimeSignal() {
    return delegate.firstRealTimeSignal();
  }

  @Override
  public int blockSignals(int... signals) {
    return (int)
        run(
            KernelCall.BLOCK_SIGNALS,
            NO_FD,
            null,
            () -> delegate.blockSignals(signals),
            FaultInjectingKernel::keep);
  }

  @Override
  public int waitForSignal(SignalInfo out, int... signals) {
    return (int)
        run(
            KernelCall.WAIT_FOR_SIGNAL,
            NO_FD,
            null,
            () -> delegate.waitForSignal(out, signals),
            FaultInjectingKernel::keep);
  }

  @Override
  public int signalThread(int tid, int signal) {
    return (int)
        run(
            KernelCall.SIGNAL_THREAD,
            NO_FD,
            null,
            () -> delegate.signalThread(tid, signal),
            FaultInjectingKernel::keep);
  }

  @Override
  public int effectiveUid() {
    return delegate.effectiveUid();
  }

  @Override
  public int effectiveGid() {
    return delegate.effectiveGid();
  }

  @Override
  public int umask(int mask) {
    return delegate.umask(mask);
  }

  @Override
  public long resourceLimit(int resource) {
    return run(
        KernelCall.RESOURCE_LIMIT,
        NO_FD,
        null,
        () -> delegate.resourceLimit(resource),
        FaultInjectingKernel::keep);
  }
}
