package io.selkie.posix;

/**
 * The functions of the C library that jnr-posix lacks, bound by jnr-ffi; public only because the
 * binding is generated in a class loader of its own. Use {@link Kernel}.
 *
 * <p>Addresses, offsets and sizes are {@code long}: this is for 64-bit machines. Functions with
 * variable arguments are declared with the ones we pass, which both architectures place alike.
 *
 * <p><b>No function here may have exactly six parameters.</b> The machine code that jnr-ffi makes
 * for up to six passes a wrong sixth on x86-64 (found with 2.3.3: the kernel wrote through it). Up
 * to five go the quick way and seven or more the general one; a test watches both.
 */
public interface LibC {
  /** {@code dup3}. */
  int dup3(int fd, int onto, int flags);

  /** {@code pread64}. */
  long pread64(int fd, long buffer, long size, long offset);

  /** {@code pwrite64}. */
  long pwrite64(int fd, long buffer, long size, long offset);

  /** {@code fcntl}. */
  int fcntl(int fd, int command, long argument);

  /** {@code ioctl}. */
  int ioctl(int fd, long request, long argument);

  /** {@code mkdirat}. */
  int mkdirat(int dirFd, long path, int mode);

  /** {@code symlinkat}. */
  int symlinkat(long target, int dirFd, long path);

  /** {@code readlinkat}. */
  long readlinkat(int dirFd, long path, long buffer, long size);

  /** {@code linkat}. */
  int linkat(int fromDirFd, long fromPath, int toDirFd, long toPath, int flags);

  /** {@code unlinkat}. */
  int unlinkat(int dirFd, long path, int flags);

  /** {@code fstatfs}. */
  int fstatfs(int fd, long buffer);

  /** {@code chmod}. */
  int chmod(long path, int mode);

  /** {@code fchownat}. */
  int fchownat(int dirFd, long path, int uid, int gid, int flags);

  /** {@code utimensat}. */
  int utimensat(int dirFd, long path, long times, int flags);

  /** {@code fallocate}. */
  int fallocate(int fd, int mode, long offset, long length);

  /** {@code getxattr}. */
  long getxattr(long path, long name, long value, long size);

  /** {@code setxattr}. */
  int setxattr(long path, long name, long value, long size, int flags);

  /** {@code listxattr}. */
  long listxattr(long path, long list, long size);

  /** {@code removexattr}. */
  int removexattr(long path, long name);

  /** {@code munmap}. */
  int munmap(long address, long length);

  /** {@code msync}. */
  int msync(long address, long length, int flags);

  /** {@code madvise}. */
  int madvise(long address, long length, int advice);

  /** {@code poll}. */
  int poll(long descriptors, long count, int timeoutMillis);

  /** {@code eventfd}. */
  int eventfd(int initial, int flags);

  /** {@code write}. */
  long write(int fd, long buffer, long size);

  /** {@code read}. */
  long read(int fd, long buffer, long size);

  /** {@code SIGRTMIN}, which the C library chooses. */
  int __libc_current_sigrtmin();

  /** {@code statx}. */
  int statx(int dirFd, long path, int flags, int mask, long buffer);

  /** {@code name_to_handle_at}. */
  int name_to_handle_at(int dirFd, long path, long handle, long mountId, int flags);

  /** {@code renameat2}. */
  int renameat2(int fromDirFd, long fromPath, int toDirFd, long toPath, int flags);

  /** {@code syscall}, for what the C library has no function for, or only newer ones have. */
  long syscall(long number, long a, long b, long c, long d);

  /** {@code syscall} with six arguments for the kernel. */
  long syscall(long number, long a, long b, long c, long d, long e, long f);

  /** {@code signal}; 1 as handler ignores. */
  long signal(int number, long handler);
}
