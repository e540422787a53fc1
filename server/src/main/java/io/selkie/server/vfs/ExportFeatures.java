package io.selkie.server.vfs;

import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.QuotaStatus;
import io.selkie.posix.SeekWhence;
import java.lang.foreign.MemorySegment;

/**
 * What the file system of an export can do, found out by trying when the export is opened.
 *
 * @param posixAcls whether files have POSIX access control lists
 * @param userQuotas whether users have quotas that this process may read
 * @param changeGrainNanos the longest time for which two changes may have the same {@code ctime}; 0
 *     when every change that somebody could tell apart has its own (multigrain time stamps, Linux
 *     6.13)
 * @param maxFileBytes the greatest size that a file can have, 2^63 - 1 where that is not known
 */
public record ExportFeatures(
    boolean posixAcls, boolean userQuotas, long changeGrainNanos, long maxFileBytes) {
  private static final byte[] ACCESS_ACL = Names.bytes("system.posix_acl_access");

  /** Twice the longest timer tick there is. */
  private static final long TICK_NANOS = 20_000_000;

  /** File systems that keep whole seconds, or every second one. */
  private static final long SECONDS_NANOS = 2_000_000_000L + TICK_NANOS;

  private static final int ROUNDS = 6;

  private static final int NO_FILE = -1;

  /** Nothing known: what is safe to suppose. */
  public static final ExportFeatures NONE =
      new ExportFeatures(false, false, TICK_NANOS, Long.MAX_VALUE);

  /** Whether time stamps have no fractions of a second. */
  boolean wholeSeconds() {
    return changeGrainNanos == SECONDS_NANOS;
  }

  /** The same, but for the greatest size of a file. */
  ExportFeatures withMaxFileBytes(long bytes) {
    return new ExportFeatures(posixAcls, userQuotas, changeGrainNanos, bytes);
  }

  /**
   * Finds out.
   *
   * @param rootFd of the export's directory, O_PATH
   * @param readOnly whether nothing may be made there, not even a file without a name
   */
  static ExportFeatures probe(Kernel kernel, int rootFd, boolean readOnly) {
    int acl = kernel.getXattr(rootFd, ACCESS_ACL, MemorySegment.NULL);
    int quota = kernel.userQuota(rootFd, kernel.effectiveUid(), new QuotaStatus());
    int file =
        readOnly
            ? NO_FILE
            : kernel.openat2(
                rootFd,
                Names.bytes("."),
                OpenFlags.TMPFILE | OpenFlags.RDWR | OpenFlags.CLOEXEC,
                0600,
                Export.RESOLVE);
    try {
      return new ExportFeatures(
          acl >= 0 || Errno.ENODATA.is(acl),
          quota >= 0,
          file < 0 ? TICK_NANOS : grain(kernel, file),
          file < 0 ? Long.MAX_VALUE : maxBytes(kernel, file));
    } finally {
      if (file >= 0) {
        kernel.close(file);
      }
    }
  }

  /** Changes a file without a name a few times and looks whether its stamps differ. */
  private static long grain(Kernel kernel, int fd) {
    FileStatus status = new FileStatus();
    boolean fine = true;
    boolean seconds = true;
    long last = -1;
    for (int i = 0; i < ROUNDS; i++) {
      int result = kernel.fchmod(fd, 0600 | (i & 1));
      if (result >= 0) {
        result = kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
      }
      if (result < 0) {
        return TICK_NANOS;
      }
      long stamp = status.ctimeSec() * 1_000_000_000L + status.ctimeNsec();
      fine &= stamp != last;
      seconds &= status.ctimeNsec() == 0;
      last = stamp;
    }
    return seconds ? SECONDS_NANOS : fine ? 0 : TICK_NANOS;
  }

  /** No call tells; but a file can be positioned up to there, and no further. */
  private static long maxBytes(Kernel kernel, int fd) {
    long can = 0;
    long cannot = Long.MAX_VALUE;
    if (!Errno.EINVAL.is(kernel.lseek(fd, cannot, SeekWhence.SET))) {
      return Long.MAX_VALUE;
    }
    while (cannot - can > 1) {
      long middle = can + (cannot - can) / 2;
      long at = kernel.lseek(fd, middle, SeekWhence.SET);
      if (at == middle) {
        can = middle;
      } else if (Errno.EINVAL.is(at)) {
        cannot = middle;
      } else {
        return Long.MAX_VALUE;
      }
    }
    return can > 0 ? can : Long.MAX_VALUE;
  }
}
