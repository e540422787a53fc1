package io.selkie.posix;

import java.util.Arrays;
import java.util.Locale;

/**
 * Errors of Linux system calls. The numbers are the same on x86-64 and 64-bit ARM; those that no
 * call of {@link Kernel} answers are left out.
 */
public enum Errno {
  /** Operation not permitted. */
  EPERM(1, "Operation not permitted"),

  /** No such file or directory. */
  ENOENT(2, "No such file or directory"),

  /** No such process. */
  ESRCH(3, "No such process"),

  /** Interrupted system call. */
  EINTR(4, "Interrupted system call"),

  /** Input/output error. */
  EIO(5, "Input/output error"),

  /** No such device or address. */
  ENXIO(6, "No such device or address"),

  /** Argument list too long. */
  E2BIG(7, "Argument list too long"),

  /** Exec format error. */
  ENOEXEC(8, "Exec format error"),

  /** Bad file descriptor. */
  EBADF(9, "Bad file descriptor"),

  /** No child processes. */
  ECHILD(10, "No child processes"),

  /** Resource temporarily unavailable. */
  EAGAIN(11, "Resource temporarily unavailable"),

  /** Cannot allocate memory. */
  ENOMEM(12, "Cannot allocate memory"),

  /** Permission denied. */
  EACCES(13, "Permission denied"),

  /** Bad address. */
  EFAULT(14, "Bad address"),

  /** Block device required. */
  ENOTBLK(15, "Block device required"),

  /** Device or resource busy. */
  EBUSY(16, "Device or resource busy"),

  /** File exists. */
  EEXIST(17, "File exists"),

  /** Invalid cross-device link. */
  EXDEV(18, "Invalid cross-device link"),

  /** No such device. */
  ENODEV(19, "No such device"),

  /** Not a directory. */
  ENOTDIR(20, "Not a directory"),

  /** Is a directory. */
  EISDIR(21, "Is a directory"),

  /** Invalid argument. */
  EINVAL(22, "Invalid argument"),

  /** Too many open files in system. */
  ENFILE(23, "Too many open files in system"),

  /** Too many open files. */
  EMFILE(24, "Too many open files"),

  /** Inappropriate ioctl for device. */
  ENOTTY(25, "Inappropriate ioctl for device"),

  /** Text file busy. */
  ETXTBSY(26, "Text file busy"),

  /** File too large. */
  EFBIG(27, "File too large"),

  /** No space left on device. */
  ENOSPC(28, "No space left on device"),

  /** Illegal seek. */
  ESPIPE(29, "Illegal seek"),

  /** Read-only file system. */
  EROFS(30, "Read-only file system"),

  /** Too many links. */
  EMLINK(31, "Too many links"),

  /** Broken pipe. */
  EPIPE(32, "Broken pipe"),

  /** Numerical argument out of domain. */
  EDOM(33, "Numerical argument out of domain"),

  /** Numerical result out of range. */
  ERANGE(34, "Numerical result out of range"),

  /** Resource deadlock avoided. */
  EDEADLK(35, "Resource deadlock avoided"),

  /** File name too long. */
  ENAMETOOLONG(36, "File name too long"),

  /** No locks available. */
  ENOLCK(37, "No locks available"),

  /** Function not implemented. */
  ENOSYS(38, "Function not implemented"),

  /** Directory not empty. */
  ENOTEMPTY(39, "Directory not empty"),

  /** Too many levels of symbolic links. */
  ELOOP(40, "Too many levels of symbolic links"),

  /** No data available. */
  ENODATA(61, "No data available"),

  /** Timer expired. */
  ETIME(62, "Timer expired"),

  /** Protocol error. */
  EPROTO(71, "Protocol error"),

  /** Value too large for defined data type. */
  EOVERFLOW(75, "Value too large for defined data type"),

  /** Invalid or incomplete character. */
  EILSEQ(84, "Invalid or incomplete character"),

  /** Operation not supported. */
  EOPNOTSUPP(95, "Operation not supported"),

  /** Software caused connection abort. */
  ECONNABORTED(103, "Software caused connection abort"),

  /** Connection reset by peer. */
  ECONNRESET(104, "Connection reset by peer"),

  /** No buffer space available. */
  ENOBUFS(105, "No buffer space available"),

  /** Too many descriptors under way in messages. */
  ETOOMANYREFS(109, "Too many references: cannot splice"),
  /** Connection timed out. */
  ETIMEDOUT(110, "Connection timed out"),

  /** Stale file handle. */
  ESTALE(116, "Stale file handle"),

  /** Structure needs cleaning. */
  EUCLEAN(117, "Structure needs cleaning"),

  /** Disk quota exceeded. */
  EDQUOT(122, "Disk quota exceeded"),

  /** No medium found. */
  ENOMEDIUM(123, "No medium found"),

  /** Wrong medium type. */
  EMEDIUMTYPE(124, "Wrong medium type"),

  /** Operation canceled. */
  ECANCELED(125, "Operation canceled"),

  /** Required key not available. */
  ENOKEY(126, "Required key not available"),

  /** Operation not possible due to RF-kill. */
  ERFKILL(132, "Operation not possible due to RF-kill"),

  /** Memory page has hardware error. */
  EHWPOISON(133, "Memory page has hardware error"),

  /** Operation not supported by the file system. */
  ENOTSUPP(524, "Operation not supported by the file system"),

  /** A number that is not in this list. */
  UNKNOWN(0, "Unknown error");

  private static final Errno[] BY_NUMBER = index();

  private final int number;
  private final String message;

  Errno(int number, String message) {
    this.number = number;
    this.message = message;
  }

  /**
   * Names the error of a {@link Kernel} result.
   *
   * @param result a negative result, {@code -errno}
   * @return the error, {@link #UNKNOWN} for a number not listed here
   * @throws IllegalArgumentException for a result that is no error
   */
  public static Errno of(long result) {
    if (result >= 0) {
      throw new IllegalArgumentException("result " + result + " is no error");
    }
    return result > -BY_NUMBER.length ? BY_NUMBER[(int) -result] : UNKNOWN;
  }

  /** The kernel's number, greater than 0; 0 for {@link #UNKNOWN}. */
  public int number() {
    return number;
  }

  /** What a {@link Kernel} method returns for it: {@code -number()}. */
  public int result() {
    return -number;
  }

  /** One short English line. */
  public String message() {
    return message;
  }

  /** Whether a result of {@link Kernel} is this error. */
  public boolean is(long result) {
    return result < 0 && result == -number;
  }

  /** Name, number and message of a failing result, for a person; also of numbers not listed. */
  public static String describe(long result) {
    Errno errno = of(result);
    return errno == UNKNOWN
        ? String.format(Locale.ROOT, "errno %d", -result)
        : errno.name() + " (" + errno.message + ")";
  }

  private static Errno[] index() {
    int max = 0;
    for (Errno errno : values()) {
      max = Math.max(max, errno.number);
    }
    Errno[] index = new Errno[max + 1];
    Arrays.fill(index, UNKNOWN);
    for (Errno errno : values()) {
      index[errno.number] = errno;
    }
    return index;
  }
}
