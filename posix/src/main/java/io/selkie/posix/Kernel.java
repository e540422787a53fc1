package io.selkie.posix;

import java.lang.foreign.MemorySegment;

/**
 * Every call that Selkie makes into the Linux kernel, and nothing else: one method, one system
 * call.
 *
 * <p><b>Results.</b> A method that returns {@code int} or {@code long} answers the kernel's own
 * convention: zero or more on success, {@code -errno} on failure ({@link Errno#of(long)} names it).
 * A failing system call is a normal outcome here, so nothing throws and nothing allocates on that
 * path; {@link PosixException} is made by the callers that know what was tried and on what.
 *
 * <p><b>Why an interface.</b> The deterministic simulation owns the kernel by implementing it, and
 * {@link FaultInjectingKernel} makes the n-th call of a kind fail. No code outside this module
 * reaches the operating system for files by any other way.
 *
 * <p><b>Names</b> are the bytes the kernel uses: no zero byte, no charset. {@link
 * Names#bytes(String)} encodes UTF-8.
 *
 * <p><b>Threading.</b> Implementations are safe for use by several threads at once; calls block as
 * the system call blocks.
 */
public interface Kernel {

  /** Directory descriptor that stands for the current directory ({@code AT_FDCWD}). */
  int AT_FDCWD = -100;

  // ---------------------------------------------------------------- opening and names

  /**
   * {@code openat2(2)}.
   *
   * @param openFlags {@link OpenFlags}
   * @param mode permission bits for a created file, 0 otherwise
   * @param resolveFlags {@link ResolveFlags}
   * @return a descriptor
   */
  int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags);

  /** {@code close(2)}. */
  int close(int fd);

  /**
   * {@code dup3(2)} with O_CLOEXEC: in one step {@code onto} stands for what {@code fd} stands for,
   * and what it stood for before is closed. Calls under way on it end as they began.
   */
  int dup3(int fd, int onto);

  /** {@code name_to_handle_at(2)} of a descriptor itself ({@code AT_EMPTY_PATH}). */
  int nameToHandle(int fd, FileHandleBytes out);

  /**
   * {@code name_to_handle_at(2)} of an entry of a directory; a symbolic link is not followed.
   *
   * @param name one component
   */
  int nameToHandleAt(int dirFd, byte[] name, FileHandleBytes out);

  /** {@code open_by_handle_at(2)}; needs CAP_DAC_READ_SEARCH. */
  int openByHandle(int mountFd, FileHandleBytes handle, long openFlags);

  /** {@code mkdirat(2)}. */
  int mkdirat(int dirFd, byte[] name, int mode);

  /** {@code mknodat(2)} for sockets, fifos and devices. */
  int mknodat(int dirFd, byte[] name, int typeAndMode, int major, int minor);

  /** {@code symlinkat(2)}. */
  int symlinkat(byte[] target, int dirFd, byte[] name);

  /** {@code readlinkat(2)}; returns the number of bytes stored. */
  int readlinkat(int dirFd, byte[] name, byte[] into);

  /** {@code linkat(2)}. */
  int linkat(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags);

  /** {@code unlinkat(2)}. */
  int unlinkat(int dirFd, byte[] name, int flags);

  /** {@code renameat2(2)}. */
  int renameat2(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags);

  /**
   * {@code getdents64(2)}.
   *
   * @param into receives raw {@code linux_dirent64} records; {@link DirectoryEntries} reads them
   * @return bytes stored, 0 at the end of the directory
   */
  int getdents64(int dirFd, MemorySegment into);

  /** {@code lseek(2)}; also positions a directory descriptor at a cookie. */
  long lseek(int fd, long offset, int whence);

  // ---------------------------------------------------------------- attributes

  /**
   * {@code statx(2)}; with an empty name and {@link AtFlags#EMPTY_PATH} of the descriptor itself.
   */
  int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out);

  /** {@code fstatfs(2)}. */
  int fstatfs(int fd, FileSystemStatus out);

  /**
   * {@code quotactl_fd(2)} with Q_GETQUOTA for a user, of the file system a descriptor is on, which
   * may be an O_PATH one. ESRCH where quotas are not on, ENOSYS before Linux 5.14, EPERM of another
   * user without CAP_SYS_ADMIN.
   */
  int userQuota(int fd, int uid, QuotaStatus out);

  /** {@code fchmodat(2)} through the descriptor, which may be an O_PATH one. */
  int fchmod(int fd, int mode);

  /** {@code fchownat(2)} with AT_EMPTY_PATH; -1 leaves an id as it is. */
  int fchown(int fd, int uid, int gid);

  /**
   * {@code utimensat(2)} of the descriptor itself. {@link FileStatus#UTIME_NOW} and {@link
   * FileStatus#UTIME_OMIT} are allowed in the nanosecond fields.
   */
  int utimens(int fd, long atimeSec, long atimeNsec, long mtimeSec, long mtimeNsec);

  /** {@code faccessat2(2)} on a descriptor (AT_EMPTY_PATH, effective ids). */
  int faccess(int fd, int mode);

  // ---------------------------------------------------------------- extended attributes

  /**
   * {@code getxattr(2)} of what a descriptor stands for, which may be an O_PATH one.
   *
   * @param name with its namespace, as {@code user.mime}
   * @param into native memory; of zero bytes only the size is answered
   * @return the size of the value in bytes; ERANGE when it is larger than {@code into}, ENODATA
   *     when there is none
   */
  int getXattr(int fd, byte[] name, MemorySegment into);

  /**
   * {@code setxattr(2)} of what a descriptor stands for, which may be an O_PATH one.
   *
   * @param value native memory
   * @param flags {@link XattrFlags}
   */
  int setXattr(int fd, byte[] name, MemorySegment value, int flags);

  /**
   * {@code listxattr(2)} of what a descriptor stands for, which may be an O_PATH one.
   *
   * @param into native memory, receives names with a zero byte behind each; of zero bytes only the
   *     size is answered
   * @return the size of all names in bytes
   */
  int listXattr(int fd, MemorySegment into);

  /** {@code removexattr(2)} of what a descriptor stands for, which may be an O_PATH one. */
  int removeXattr(int fd, byte[] name);

  // ---------------------------------------------------------------- data

  /** {@code pread(2)} of at most {@code into.byteSize()} bytes. */
  long pread(int fd, MemorySegment into, long fileOffset);

  /** {@code pwrite(2)} of at most {@code from.byteSize()} bytes. */
  long pwrite(int fd, MemorySegment from, long fileOffset);

  /** {@code ftruncate(2)}. */
  int ftruncate(int fd, long size);

  /** {@code fallocate(2)} with {@link FallocateModes}. */
  int fallocate(int fd, int mode, long offset, long length);

  /** {@code fsync(2)}. */
  int fsync(int fd);

  /** {@code fdatasync(2)}. */
  int fdatasync(int fd);

  /** {@code ioctl(FICLONERANGE)}; length 0 clones to the end of the source. */
  int cloneRange(int sourceFd, long sourceOffset, long length, int targetFd, long targetOffset);

  /**
   * {@code copy_file_range(2)} without flags, offsets given, so that no position moves.
   *
   * @return bytes copied, 0 at the end of the source, fewer than asked for whatever reason
   */
  long copyFileRange(int sourceFd, long sourceOffset, int targetFd, long targetOffset, long length);

  /**
   * {@code posix_fadvise(2)}.
   *
   * @param length 0 to the end of file
   * @param advice {@link FadviseAdvice}
   */
  int fadvise(int fd, long offset, long length, int advice);

  /**
   * {@code ioctl(FS_IOC_FIEMAP)}: one page of the block map.
   *
   * @param flags {@link FiemapFlags}
   * @param out receives up to its capacity of extents, every flag kept
   * @return number of extents stored
   */
  int fiemap(int fd, long start, long length, int flags, FiemapPage out);

  /**
   * {@code cachestat(2)}: how many pages of a range the page cache has; those that are just being
   * read count too. ENOSYS before Linux 6.5.
   *
   * @param length 0 to the end of file
   */
  long cachedPages(int fd, long offset, long length);

  /**
   * {@code ioctl(SG_IO)}: one SCSI command to the device that is open. Blocks until it has ended.
   *
   * @return 0 when it came to an end, whatever the device said of it
   */
  int scsi(int fd, ScsiCommand command);

  /**
   * {@code ioctl(NVME_IOCTL_IO_CMD)}: one NVMe command to the namespace that is open. Blocks until
   * it has ended.
   *
   * @return {@link NvmeCommand#DONE}, or what the device said of it, which is positive
   */
  int nvme(int fd, NvmeCommand command);

  // ---------------------------------------------------------------- mappings

  /**
   * {@code mmap(2)}.
   *
   * @return the address, which is positive, or {@code -errno}
   */
  long mmap(int fd, long fileOffset, long length, int protection, int flags);

  /** {@code munmap(2)}. */
  int munmap(long address, long length);

  /** {@code msync(2)}. */
  int msync(long address, long length, int flags);

  /**
   * {@code madvise(2)} with MADV_POPULATE_READ: brings whole pages in, as reading each would. Where
   * that would end in a SIGBUS it answers EFAULT (behind the end of the file, bad storage) or
   * EHWPOISON instead; EINVAL before Linux 5.14.
   *
   * @param address a whole number of pages
   * @param length a whole number of pages, in bytes
   */
  int populateRead(long address, long length);

  // ---------------------------------------------------------------- leases and their signals

  /** {@code fcntl(F_SETLEASE)}: {@link LeaseType#READ}, {@code WRITE} or {@code NONE}. */
  int setLease(int fd, LeaseType type);

  /** {@code fcntl(F_GETLEASE)}: while a break is pending this is the type the breaker wants. */
  int getLease(int fd);

  /** {@code fcntl(F_SETSIG)}. Giving up a lease resets it: set it again before every new lease. */
  int setLeaseSignal(int fd, int signal);

  /** {@code fcntl(F_SETOWN_EX, F_OWNER_TID)}. Reset like {@link #setLeaseSignal}. */
  int setLeaseOwnerThread(int fd, int tid);

  /** {@code gettid(2)} of the calling thread. */
  int gettid();

  /** First real-time signal free for us ({@code SIGRTMIN} of libc plus an offset). */
  int firstRealTimeSignal();

  /**
   * {@code pthread_sigmask(SIG_BLOCK)} in the calling thread; everywhere else the signals are
   * ignored from now on, so that a stray one does not end the process.
   */
  int blockSignals(int... signals);

  /**
   * {@code sigwaitinfo(2)} for the given signals, which the calling thread has blocked. Blocks.
   *
   * @return the signal's number
   */
  int waitForSignal(SignalInfo out, int... signals);

  /** {@code tgkill(2)} to a thread of this process; used to end {@link #waitForSignal}. */
  int signalThread(int tid, int signal);

  // ---------------------------------------------------------------- byte-range locks

  /**
   * {@code fcntl(F_OFD_SETLK)}: a lock of the open file description, in one step whatever the
   * description held in the range before. Locks of other descriptions and of other processes
   * conflict (EAGAIN) and nothing changes then; those of the same description never do. It does not
   * wait, and breaks no lease.
   *
   * @param start first byte, not negative
   * @param length bytes; 0 is to the end of any file
   */
  int setFileLock(int fd, FileLockType type, long start, long length);

  /**
   * {@code fcntl(F_OFD_GETLK)}: whether a lock could be had.
   *
   * @param lock the lock asked for; becomes the first one in its way, or of type NONE
   */
  int getFileLock(int fd, FileLock lock);

  // ---------------------------------------------------------------- the process

  /** {@code geteuid(2)}. */
  int effectiveUid();

  /** {@code getegid(2)}. */
  int effectiveGid();

  /**
   * {@code umask(2)}, which is of the whole process: a server sets 0 once at start, so that the
   * modes clients ask for are the modes they get.
   *
   * @return the mask before
   */
  int umask(int mask);

  /**
   * {@code getrlimit(2)} of {@link ResourceLimits}: soft limit, {@code Long.MAX_VALUE} when
   * unlimited.
   */
  long resourceLimit(int resource);
}
