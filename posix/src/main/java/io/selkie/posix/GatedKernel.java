package io.selkie.posix;

import java.lang.foreign.MemorySegment;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/** Leads every call that can fail through one gate; the others go straight on. */
abstract class GatedKernel implements Kernel {
  /** No descriptor is among the arguments. */
  static final int NO_FD = Integer.MIN_VALUE;

  private final Kernel delegate;

  GatedKernel(Kernel delegate) {
    this.delegate = delegate;
  }

  /**
   * The gate.
   *
   * @param fd the first descriptor among the arguments, or {@link #NO_FD}
   * @param name the first name among the arguments, or null
   * @param action makes the call
   * @param giveBack undoes what a successful call handed out
   * @return what the caller is told
   */
  abstract long run(
      KernelCall call, int fd, byte[] name, LongSupplier action, LongConsumer giveBack);

  private long run(KernelCall call, int fd, byte[] name, LongSupplier action) {
    return run(call, fd, name, action, result -> {});
  }

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
    return (int) run(KernelCall.CLOSE, fd, null, () -> delegate.close(fd));
  }

  @Override
  public int dup3(int fd, int onto) {
    return (int) run(KernelCall.DUP3, fd, null, () -> delegate.dup3(fd, onto));
  }

  @Override
  public int nameToHandle(int fd, FileHandleBytes out) {
    return (int) run(KernelCall.NAME_TO_HANDLE, fd, null, () -> delegate.nameToHandle(fd, out));
  }

  @Override
  public int nameToHandleAt(int dirFd, byte[] name, FileHandleBytes out) {
    return (int)
        run(
            KernelCall.NAME_TO_HANDLE_AT,
            dirFd,
            name,
            () -> delegate.nameToHandleAt(dirFd, name, out));
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
    return (int) run(KernelCall.MKDIRAT, dirFd, name, () -> delegate.mkdirat(dirFd, name, mode));
  }

  @Override
  public int mknodat(int dirFd, byte[] name, int typeAndMode, int major, int minor) {
    return (int)
        run(
            KernelCall.MKNODAT,
            dirFd,
            name,
            () -> delegate.mknodat(dirFd, name, typeAndMode, major, minor));
  }

  @Override
  public int symlinkat(byte[] target, int dirFd, byte[] name) {
    return (int)
        run(KernelCall.SYMLINKAT, dirFd, target, () -> delegate.symlinkat(target, dirFd, name));
  }

  @Override
  public int readlinkat(int dirFd, byte[] name, byte[] into) {
    return (int)
        run(KernelCall.READLINKAT, dirFd, name, () -> delegate.readlinkat(dirFd, name, into));
  }

  @Override
  public int linkat(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    return (int)
        run(
            KernelCall.LINKAT,
            fromDirFd,
            fromName,
            () -> delegate.linkat(fromDirFd, fromName, toDirFd, toName, flags));
  }

  @Override
  public int unlinkat(int dirFd, byte[] name, int flags) {
    return (int) run(KernelCall.UNLINKAT, dirFd, name, () -> delegate.unlinkat(dirFd, name, flags));
  }

  @Override
  public int renameat2(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    return (int)
        run(
            KernelCall.RENAMEAT2,
            fromDirFd,
            fromName,
            () -> delegate.renameat2(fromDirFd, fromName, toDirFd, toName, flags));
  }

  @Override
  public int getdents64(int dirFd, MemorySegment into) {
    return (int) run(KernelCall.GETDENTS64, dirFd, null, () -> delegate.getdents64(dirFd, into));
  }

  @Override
  public long lseek(int fd, long offset, int whence) {
    return run(KernelCall.LSEEK, fd, null, () -> delegate.lseek(fd, offset, whence));
  }

  @Override
  public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
    return (int)
        run(KernelCall.STATX, dirFd, name, () -> delegate.statx(dirFd, name, atFlags, mask, out));
  }

  @Override
  public int fstatfs(int fd, FileSystemStatus out) {
    return (int) run(KernelCall.FSTATFS, fd, null, () -> delegate.fstatfs(fd, out));
  }

  @Override
  public int userQuota(int fd, int uid, QuotaStatus out) {
    return (int) run(KernelCall.USER_QUOTA, fd, null, () -> delegate.userQuota(fd, uid, out));
  }

  @Override
  public int fchmod(int fd, int mode) {
    return (int) run(KernelCall.FCHMOD, fd, null, () -> delegate.fchmod(fd, mode));
  }

  @Override
  public int fchown(int fd, int uid, int gid) {
    return (int) run(KernelCall.FCHOWN, fd, null, () -> delegate.fchown(fd, uid, gid));
  }

  @Override
  public int utimens(int fd, long atimeSec, long atimeNsec, long mtimeSec, long mtimeNsec) {
    return (int)
        run(
            KernelCall.UTIMENS,
            fd,
            null,
            () -> delegate.utimens(fd, atimeSec, atimeNsec, mtimeSec, mtimeNsec));
  }

  @Override
  public int faccess(int fd, int mode) {
    return (int) run(KernelCall.FACCESS, fd, null, () -> delegate.faccess(fd, mode));
  }

  @Override
  public int getXattr(int fd, byte[] name, MemorySegment into) {
    return (int) run(KernelCall.GET_XATTR, fd, name, () -> delegate.getXattr(fd, name, into));
  }

  @Override
  public int setXattr(int fd, byte[] name, MemorySegment value, int flags) {
    return (int)
        run(KernelCall.SET_XATTR, fd, name, () -> delegate.setXattr(fd, name, value, flags));
  }

  @Override
  public int listXattr(int fd, MemorySegment into) {
    return (int) run(KernelCall.LIST_XATTR, fd, null, () -> delegate.listXattr(fd, into));
  }

  @Override
  public int removeXattr(int fd, byte[] name) {
    return (int) run(KernelCall.REMOVE_XATTR, fd, name, () -> delegate.removeXattr(fd, name));
  }

  @Override
  public long pread(int fd, MemorySegment into, long fileOffset) {
    return run(KernelCall.PREAD, fd, null, () -> delegate.pread(fd, into, fileOffset));
  }

  @Override
  public long pwrite(int fd, MemorySegment from, long fileOffset) {
    return run(KernelCall.PWRITE, fd, null, () -> delegate.pwrite(fd, from, fileOffset));
  }

  @Override
  public int ftruncate(int fd, long size) {
    return (int) run(KernelCall.FTRUNCATE, fd, null, () -> delegate.ftruncate(fd, size));
  }

  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    return (int)
        run(KernelCall.FALLOCATE, fd, null, () -> delegate.fallocate(fd, mode, offset, length));
  }

  @Override
  public int fsync(int fd) {
    return (int) run(KernelCall.FSYNC, fd, null, () -> delegate.fsync(fd));
  }

  @Override
  public int fdatasync(int fd) {
    return (int) run(KernelCall.FDATASYNC, fd, null, () -> delegate.fdatasync(fd));
  }

  @Override
  public int cloneRange(
      int sourceFd, long sourceOffset, long length, int targetFd, long targetOffset) {
    return (int)
        run(
            KernelCall.CLONE_RANGE,
            sourceFd,
            null,
            () -> delegate.cloneRange(sourceFd, sourceOffset, length, targetFd, targetOffset));
  }

  @Override
  public long copyFileRange(
      int sourceFd, long sourceOffset, int targetFd, long targetOffset, long length) {
    return run(
        KernelCall.COPY_FILE_RANGE,
        sourceFd,
        null,
        () -> delegate.copyFileRange(sourceFd, sourceOffset, targetFd, targetOffset, length));
  }

  @Override
  public int fadvise(int fd, long offset, long length, int advice) {
    return (int)
        run(KernelCall.FADVISE, fd, null, () -> delegate.fadvise(fd, offset, length, advice));
  }

  @Override
  public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
    return (int)
        run(KernelCall.FIEMAP, fd, null, () -> delegate.fiemap(fd, start, length, flags, out));
  }

  @Override
  public long cachedPages(int fd, long offset, long length) {
    return run(KernelCall.CACHED_PAGES, fd, null, () -> delegate.cachedPages(fd, offset, length));
  }

  @Override
  public int scsi(int fd, ScsiCommand command) {
    return (int) run(KernelCall.SCSI, fd, null, () -> delegate.scsi(fd, command));
  }

  @Override
  public int nvme(int fd, NvmeCommand command) {
    return (int) run(KernelCall.NVME, fd, null, () -> delegate.nvme(fd, command));
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
    return (int) run(KernelCall.MUNMAP, NO_FD, null, () -> delegate.munmap(address, length));
  }

  @Override
  public int msync(long address, long length, int flags) {
    return (int) run(KernelCall.MSYNC, NO_FD, null, () -> delegate.msync(address, length, flags));
  }

  @Override
  public int populateRead(long address, long length) {
    return (int)
        run(KernelCall.POPULATE_READ, NO_FD, null, () -> delegate.populateRead(address, length));
  }

  @Override
  public int setLease(int fd, LeaseType type) {
    return (int) run(KernelCall.SET_LEASE, fd, null, () -> delegate.setLease(fd, type));
  }

  @Override
  public int getLease(int fd) {
    return (int) run(KernelCall.GET_LEASE, fd, null, () -> delegate.getLease(fd));
  }

  @Override
  public int setLeaseSignal(int fd, int signal) {
    return (int)
        run(KernelCall.SET_LEASE_SIGNAL, fd, null, () -> delegate.setLeaseSignal(fd, signal));
  }

  @Override
  public int setLeaseOwnerThread(int fd, int tid) {
    return (int)
        run(
            KernelCall.SET_LEASE_OWNER_THREAD,
            fd,
            null,
            () -> delegate.setLeaseOwnerThread(fd, tid));
  }

  @Override
  public int setFileLock(int fd, FileLockType type, long start, long length) {
    return (int)
        run(
            KernelCall.SET_FILE_LOCK,
            fd,
            null,
            () -> delegate.setFileLock(fd, type, start, length));
  }

  @Override
  public int getFileLock(int fd, FileLock lock) {
    return (int) run(KernelCall.GET_FILE_LOCK, fd, null, () -> delegate.getFileLock(fd, lock));
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
    return (int) run(KernelCall.BLOCK_SIGNALS, NO_FD, null, () -> delegate.blockSignals(signals));
  }

  @Override
  public int waitForSignal(SignalInfo out, int... signals) {
    return (int)
        run(KernelCall.WAIT_FOR_SIGNAL, NO_FD, null, () -> delegate.waitForSignal(out, signals));
  }

  @Override
  public int signalThread(int tid, int signal) {
    return (int)
        run(KernelCall.SIGNAL_THREAD, NO_FD, null, () -> delegate.signalThread(tid, signal));
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
    return run(KernelCall.RESOURCE_LIMIT, NO_FD, null, () -> delegate.resourceLimit(resource));
  }
}
