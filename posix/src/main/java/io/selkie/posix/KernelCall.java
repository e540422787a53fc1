package io.selkie.posix;

/** The methods of {@link Kernel} that can fail, to count them and to make them fail. */
public enum KernelCall {
  /** {@link Kernel#openat2}. */
  OPENAT2,
  /** {@link Kernel#close}. */
  CLOSE,
  /** {@link Kernel#dup3}. */
  DUP3,
  /** {@link Kernel#nameToHandle}. */
  NAME_TO_HANDLE,
  /** {@link Kernel#nameToHandleAt}. */
  NAME_TO_HANDLE_AT,
  /** {@link Kernel#openByHandle}. */
  OPEN_BY_HANDLE,
  /** {@link Kernel#mkdirat}. */
  MKDIRAT,
  /** {@link Kernel#mknodat}. */
  MKNODAT,
  /** {@link Kernel#symlinkat}. */
  SYMLINKAT,
  /** {@link Kernel#readlinkat}. */
  READLINKAT,
  /** {@link Kernel#linkat}. */
  LINKAT,
  /** {@link Kernel#unlinkat}. */
  UNLINKAT,
  /** {@link Kernel#renameat2}. */
  RENAMEAT2,
  /** {@link Kernel#getdents64}. */
  GETDENTS64,
  /** {@link Kernel#lseek}. */
  LSEEK,
  /** {@link Kernel#statx}. */
  STATX,
  /** {@link Kernel#fstatfs}. */
  FSTATFS,
  /** {@link Kernel#userQuota}. */
  USER_QUOTA,
  /** {@link Kernel#fchmod}. */
  FCHMOD,
  /** {@link Kernel#fchown}. */
  FCHOWN,
  /** {@link Kernel#utimens}. */
  UTIMENS,
  /** {@link Kernel#faccess}. */
  FACCESS,
  /** {@link Kernel#getXattr}. */
  GET_XATTR,
  /** {@link Kernel#setXattr}. */
  SET_XATTR,
  /** {@link Kernel#listXattr}. */
  LIST_XATTR,
  /** {@link Kernel#removeXattr}. */
  REMOVE_XATTR,
  /** {@link Kernel#pread}. */
  PREAD,
  /** {@link Kernel#pwrite}. */
  PWRITE,
  /** {@link Kernel#ftruncate}. */
  FTRUNCATE,
  /** {@link Kernel#fallocate}. */
  FALLOCATE,
  /** {@link Kernel#fsync}. */
  FSYNC,
  /** {@link Kernel#fdatasync}. */
  FDATASYNC,
  /** {@link Kernel#cloneRange}. */
  CLONE_RANGE,
  /** {@link Kernel#copyFileRange}. */
  COPY_FILE_RANGE,
  /** {@link Kernel#fadvise}. */
  FADVISE,
  /** {@link Kernel#fiemap}. */
  FIEMAP,
  /** {@link Kernel#cachedPages}. */
  CACHED_PAGES,
  /** {@link Kernel#scsi}. */
  SCSI,
  /** {@link Kernel#nvme}. */
  NVME,
  /** {@link Kernel#mmap}. */
  MMAP,
  /** {@link Kernel#munmap}. */
  MUNMAP,
  /** {@link Kernel#msync}. */
  MSYNC,
  /** {@link Kernel#populateRead}. */
  POPULATE_READ,
  /** {@link Kernel#setLease}. */
  SET_LEASE,
  /** {@link Kernel#getLease}. */
  GET_LEASE,
  /** {@link Kernel#setLeaseSignal}. */
  SET_LEASE_SIGNAL,
  /** {@link Kernel#setLeaseOwnerThread}. */
  SET_LEASE_OWNER_THREAD,
  /** {@link Kernel#setFileLock}. */
  SET_FILE_LOCK,
  /** {@link Kernel#getFileLock}. */
  GET_FILE_LOCK,
  /** {@link Kernel#blockSignals}. */
  BLOCK_SIGNALS,
  /** {@link Kernel#waitForSignal}. */
  WAIT_FOR_SIGNAL,
  /** {@link Kernel#signalThread}. */
  SIGNAL_THREAD,
  /** {@link Kernel#resourceLimit}. */
  RESOURCE_LIMIT
}
