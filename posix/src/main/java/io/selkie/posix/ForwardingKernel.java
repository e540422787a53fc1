package io.selkie.posix;

import java.lang.foreign.MemorySegment;

/** Leads every call on to another kernel; those that are to be something else are overridden. */
public abstract class ForwardingKernel implements Kernel {
  private final Kernel delegate;

  /** Passes on to another kernel. */
  protected ForwardingKernel(Kernel delegate) {
    this.delegate = delegate;
  }

  /** Where calls go. */
  final Kernel delegate() {
    return delegate;
  }

  @Override
  public int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
    return delegate.openat2(dirFd, path, openFlags, mode, resolveFlags);
  }

  @Override
  public int close(int fd) {
    return delegate.close(fd);
  }

  @Override
  public int dup3(int fd, int onto) {
    return delegate.dup3(fd, onto);
  }

  @Override
  public int nameToHandle(int fd, FileHandleBytes out) {
    return delegate.nameToHandle(fd, out);
  }

  @Override
  public int nameToHandleAt(int dirFd, byte[] name, FileHandleBytes out) {
    return delegate.nameToHandleAt(dirFd, name, out);
  }

  @Override
  public int openByHandle(int mountFd, FileHandleBytes handle, long openFlags) {
    return delegate.openByHandle(mountFd, handle, openFlags);
  }

  @Override
  public int mkdirat(int dirFd, byte[] name, int mode) {
    return delegate.mkdirat(dirFd, name, mode);
  }

  @Override
  public int mknodat(int dirFd, byte[] name, int typeAndMode, int major, int minor) {
    return delegate.mknodat(dirFd, name, typeAndMode, major, minor);
  }

  @Override
  public int symlinkat(byte[] target, int dirFd, byte[] name) {
    return delegate.symlinkat(target, dirFd, name);
  }

  @Override
  public int readlinkat(int dirFd, byte[] name, byte[] into) {
    return delegate.readlinkat(dirFd, name, into);
  }

  @Override
  public int linkat(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    return delegate.linkat(fromDirFd, fromName, toDirFd, toName, flags);
  }

  @Override
  public int unlinkat(int dirFd, byte[] name, int flags) {
    return delegate.unlinkat(dirFd, name, flags);
  }

  @Override
  public int renameat2(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    return delegate.renameat2(fromDirFd, fromName, toDirFd, toName, flags);
  }

  @Override
  public int getdents64(int dirFd, MemorySegment into) {
    return delegate.getdents64(dirFd, into);
  }

  @Override
  public long lseek(int fd, long offset, int whence) {
    return delegate.lseek(fd, offset, whence);
  }

  @Override
  public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
    return delegate.statx(dirFd, name, atFlags, mask, out);
  }

  @Override
  public int fstatfs(int fd, FileSystemStatus out) {
    return delegate.fstatfs(fd, out);
  }

  @Override
  public int userQuota(int fd, int uid, QuotaStatus out) {
    return delegate.userQuota(fd, uid, out);
  }

  @Override
  public int fchmod(int fd, int mode) {
    return delegate.fchmod(fd, mode);
  }

  @Override
  public int fchown(int fd, int uid, int gid) {
    return delegate.fchown(fd, uid, gid);
  }

  @Override
  public int utimens(int fd, long atimeSec, long atimeNsec, long mtimeSec, long mtimeNsec) {
    return delegate.utimens(fd, atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  }

  @Override
  public int faccess(int fd, int mode) {
    return delegate.faccess(fd, mode);
  }

  @Override
  public int getXattr(int fd, byte[] name, MemorySegment into) {
    return delegate.getXattr(fd, name, into);
  }

  @Override
  public int setXattr(int fd, byte[] name, MemorySegment value, int flags) {
    return delegate.setXattr(fd, name, value, flags);
  }

  @Override
  public int listXattr(int fd, MemorySegment into) {
    return delegate.listXattr(fd, into);
  }

  @Override
  public int removeXattr(int fd, byte[] name) {
    return delegate.removeXattr(fd, name);
  }

  @Override
  public long pread(int fd, MemorySegment into, long fileOffset) {
    return delegate.pread(fd, into, fileOffset);
  }

  @Override
  public long pwrite(int fd, MemorySegment from, long fileOffset) {
    return delegate.pwrite(fd, from, fileOffset);
  }

  @Override
  public int ftruncate(int fd, long size) {
    return delegate.ftruncate(fd, size);
  }

  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    return delegate.fallocate(fd, mode, offset, length);
  }

  @Override
  public int fsync(int fd) {
    return delegate.fsync(fd);
  }

  @Override
  public int fdatasync(int fd) {
    return delegate.fdatasync(fd);
  }

  @Override
  public int cloneRange(
      int sourceFd, long sourceOffset, long length, int targetFd, long targetOffset) {
    return delegate.cloneRange(sourceFd, sourceOffset, length, targetFd, targetOffset);
  }

  @Override
  public long copyFileRange(
      int sourceFd, long sourceOffset, int targetFd, long targetOffset, long length) {
    return delegate.copyFileRange(sourceFd, sourceOffset, targetFd, targetOffset, length);
  }

  @Override
  public int fadvise(int fd, long offset, long length, int advice) {
    return delegate.fadvise(fd, offset, length, advice);
  }

  @Override
  public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
    return delegate.fiemap(fd, start, length, flags, out);
  }

  @Override
  public long cachedPages(int fd, long offset, long length) {
    return delegate.cachedPages(fd, offset, length);
  }

  @Override
  public int scsi(int fd, ScsiCommand command) {
    return delegate.scsi(fd, command);
  }

  @Override
  public int nvme(int fd, NvmeCommand command) {
    return delegate.nvme(fd, command);
  }

  @Override
  public long mmap(int fd, long fileOffset, long length, int protection, int flags) {
    return delegate.mmap(fd, fileOffset, length, protection, flags);
  }

  @Override
  public int munmap(long address, long length) {
    return delegate.munmap(address, length);
  }

  @Override
  public int msync(long address, long length, int flags) {
    return delegate.msync(address, length, flags);
  }

  @Override
  public int populateRead(long address, long length) {
    return delegate.populateRead(address, length);
  }

  @Override
  public int setLease(int fd, LeaseType type) {
    return delegate.setLease(fd, type);
  }

  @Override
  public int getLease(int fd) {
    return delegate.getLease(fd);
  }

  @Override
  public int setLeaseSignal(int fd, int signal) {
    return delegate.setLeaseSignal(fd, signal);
  }

  @Override
  public int setLeaseOwnerThread(int fd, int tid) {
    return delegate.setLeaseOwnerThread(fd, tid);
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
    return delegate.blockSignals(signals);
  }

  @Override
  public int waitForSignal(SignalInfo out, int... signals) {
    return delegate.waitForSignal(out, signals);
  }

  @Override
  public int signalThread(int tid, int signal) {
    return delegate.signalThread(tid, signal);
  }

  @Override
  public int setFileLock(int fd, FileLockType type, long start, long length) {
    return delegate.setFileLock(fd, type, start, length);
  }

  @Override
  public int getFileLock(int fd, FileLock lock) {
    return delegate.getFileLock(fd, lock);
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
    return delegate.resourceLimit(resource);
  }
}
