package io.selkie.test.simulation;

import io.selkie.posix.FileHandleBytes;
import io.selkie.posix.FileLock;
import io.selkie.posix.FileLockType;
import io.selkie.posix.Kernel;
import io.selkie.posix.NvmeCommand;
import io.selkie.posix.QuotaStatus;
import io.selkie.posix.ScsiCommand;
import io.selkie.posix.SignalInfo;
import java.lang.foreign.MemorySegment;

/** The calls that seals and layouts have no use for: whoever makes one is wrong here. */
abstract class UnusedKernel implements Kernel {

  private static UnsupportedOperationException unused() {
    return new UnsupportedOperationException("not a call of seals or layouts");
  }

  @Override
  public int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
    throw unused();
  }

  @Override
  public int close(int fd) {
    throw unused();
  }

  @Override
  public int dup3(int fd, int onto) {
    throw unused();
  }

  @Override
  public int nameToHandle(int fd, FileHandleBytes out) {
    throw unused();
  }

  @Override
  public int nameToHandleAt(int dirFd, byte[] name, FileHandleBytes out) {
    throw unused();
  }

  @Override
  public int userQuota(int fd, int uid, QuotaStatus out) {
    throw unused();
  }

  @Override
  public int openByHandle(int mountFd, FileHandleBytes handle, long openFlags) {
    throw unused();
  }

  @Override
  public int mkdirat(int dirFd, byte[] name, int mode) {
    throw unused();
  }

  @Override
  public int mknodat(int dirFd, byte[] name, int typeAndMode, int major, int minor) {
    throw unused();
  }

  @Override
  public int symlinkat(byte[] target, int dirFd, byte[] name) {
    throw unused();
  }

  @Override
  public int readlinkat(int dirFd, byte[] name, byte[] into) {
    throw unused();
  }

  @Override
  public int linkat(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    throw unused();
  }

  @Override
  public int unlinkat(int dirFd, byte[] name, int flags) {
    throw unused();
  }

  @Override
  public int renameat2(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    throw unused();
  }

  @Override
  public int getdents64(int dirFd, MemorySegment into) {
    throw unused();
  }

  @Override
  public long lseek(int fd, long offset, int whence) {
    throw unused();
  }

  @Override
  public int fchmod(int fd, int mode) {
    throw unused();
  }

  @Override
  public int fchown(int fd, int uid, int gid) {
    throw unused();
  }

  @Override
  public int utimens(int fd, long atimeSec, long atimeNsec, long mtimeSec, long mtimeNsec) {
    throw unused();
  }

  @Override
  public int faccess(int fd, int mode) {
    throw unused();
  }

  @Override
  public int getXattr(int fd, byte[] name, MemorySegment into) {
    throw unused();
  }

  @Override
  public int setXattr(int fd, byte[] name, MemorySegment value, int flags) {
    throw unused();
  }

  @Override
  public int listXattr(int fd, MemorySegment into) {
    throw unused();
  }

  @Override
  public int removeXattr(int fd, byte[] name) {
    throw unused();
  }

  @Override
  public long copyFileRange(
      int sourceFd, long sourceOffset, int targetFd, long targetOffset, long length) {
    throw unused();
  }

  @Override
  public int fadvise(int fd, long offset, long length, int advice) {
    throw unused();
  }

  @Override
  public long pread(int fd, MemorySegment into, long fileOffset) {
    throw unused();
  }

  @Override
  public long pwrite(int fd, MemorySegment from, long fileOffset) {
    throw unused();
  }

  @Override
  public int ftruncate(int fd, long size) {
    throw unused();
  }

  @Override
  public long cachedPages(int fd, long offset, long length) {
    throw unused();
  }

  @Override
  public int scsi(int fd, ScsiCommand command) {
    throw unused();
  }

  @Override
  public int nvme(int fd, NvmeCommand command) {
    throw unused();
  }

  @Override
  public int populateRead(long address, long length) {
    throw unused();
  }

  @Override
  public int msync(long address, long length, int flags) {
    throw unused();
  }

  @Override
  public int gettid() {
    throw unused();
  }

  @Override
  public int firstRealTimeSignal() {
    throw unused();
  }

  @Override
  public int blockSignals(int... signals) {
    throw unused();
  }

  @Override
  public int waitForSignal(SignalInfo out, int... signals) {
    throw unused();
  }

  @Override
  public int signalThread(int tid, int signal) {
    throw unused();
  }

  @Override
  public int effectiveUid() {
    throw unused();
  }

  @Override
  public int effectiveGid() {
    throw unused();
  }

  @Override
  public int umask(int mask) {
    throw unused();
  }

  @Override
  public long resourceLimit(int resource) {
    throw unused();
  }

  @Override
  public int setFileLock(int fd, FileLockType type, long start, long length) {
    throw unused();
  }

  @Override
  public int getFileLock(int fd, FileLock lock) {
    throw unused();
  }
}
