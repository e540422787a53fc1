package io.selkie.server.state;

import io.selkie.posix.Errno;
import io.selkie.posix.FileLock;
import io.selkie.posix.FileLockType;
import io.selkie.posix.Kernel;
import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.LockConst4;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.server.vfs.NfsErrors;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The union of what clients have locked, kept on the file's one open description, so that processes
 * on the server see it and are seen (RFC 8881 section 9.1: locks of the file system's own users).
 *
 * <p>Locks of one description never conflict in the kernel, so it is the table that decides among
 * clients. Whatever the table grants is one request to the kernel, which replaces in one step what
 * was there; and only bytes that nobody has locked any more are ever unlocked. So there is no
 * moment at which a local process could slip in. None of these calls waits.
 */
final class KernelLocks {

  private static final Logger LOG = LoggerFactory.getLogger(KernelLocks.class);

  private final Kernel kernel;

  KernelLocks(Kernel kernel) {
    this.kernel = kernel;
  }

  /**
   * Locks a range in which no other client's lock is in the way.
   *
   * @return empty when it is locked
   */
  Optional<LockResult> lock(int fd, LockRange range, boolean exclusive) {
    if (!range.isKnownToKernel()) {
      return Optional.empty();
    }
    int result = trySet(fd, range, exclusive);
    if (isConflict(result)) {
      Optional<LockArgs4.Denied> by = inTheWay(fd, range, exclusive);
      if (by.isPresent()) {
        return Optional.of(new LockResult.Denied(by.get()));
      }
      // It has gone in between.
      result = trySet(fd, range, exclusive);
    }
    if (isConflict(result)) {
      return Optional.of(
          new LockResult.Denied(
              new LockArgs4.Denied(
                  range.first(),
                  range.length(),
                  exclusive ? LockConst4.WRITE_LT : LockConst4.READ_LT,
                  LockOwner4.UNKNOWN)));
    }
    return result >= 0
        ? Optional.empty()
        : Optional.of(new LockResult.Refused(NfsErrors.of(result)));
  }

  private int trySet(int fd, LockRange range, boolean exclusive) {
    FileLockType type = exclusive ? FileLockType.EXCLUSIVE : FileLockType.SHARED;
    return kernel.setFileLock(fd, type, range.first(), range.kernelLength());
  }

  private static boolean isConflict(int result) {
    return result == Errno.EAGAIN.result() || result == Errno.EACCES.result();
  }

  /** The lock of a local process that is in the way, if there is one just now. */
  Optional<LockArgs4.Denied> inTheWay(int fd, LockRange range, boolean exclusive) {
    if (!range.isKnownToKernel()) {
      return Optional.empty();
    }
    FileLock lock = new FileLock();
    lock.set(
        exclusive ? FileLockType.EXCLUSIVE : FileLockType.SHARED,
        range.first(),
        range.kernelLength());
    int result = kernel.getFileLock(fd, lock);
    if (result < 0) {
      LOG.warn("local locks of {} cannot be seen: {}", range, Errno.of(result));
    }
    if (result < 0 || lock.type() == FileLockType.NONE) {
      return Optional.empty();
    }
    LockRange held = LockRange.of(lock);
    return Optional.of(
        new LockArgs4.Denied(
            held.first(),
            held.length(),
            lock.type() == FileLockType.EXCLUSIVE ? LockConst4.WRITE_LT : LockConst4.READ_LT,
            LockOwner4.UNKNOWN));
  }

  /** Lets go what nobody has locked any more of some ranges. */
  void release(int fd, FileLocks locks, List<LockRange> ranges) {
    if (locks.size() == 0) {
      // Of this the kernel is always capable, and it makes up for whatever it was not before.
      locks.kernelIsBehind = false;
      unlock(fd, locks, LockRange.ALL);
      return;
    }
    if (locks.kernelIsBehind) {
      locks.kernelIsBehind = false;
      locks.free(LockRange.ALL, range -> unlock(fd, locks, range));
      return;
    }
    for (LockRange range : ranges) {
      locks.free(range, free -> unlock(fd, locks, free));
    }
  }

  private void unlock(int fd, FileLocks locks, LockRange range) {
    if (!range.isKnownToKernel()) {
      return;
    }
    int result = kernel.setFileLock(fd, FileLockType.NONE, range.first(), range.kernelLength());
    if (result < 0) {
      // To unlock the middle of a lock takes memory; it is tried again with the next change.
      locks.kernelIsBehind = true;
      LOG.warn(
          "the kernel would not unlock {} of {}: {}; local processes still see it as locked",
          range,
          locks.file,
          Errno.of(result));
    }
  }

  /**
   * Takes all locks of a description for another one of the same file, which will stand in its
   * place. Shared locks only: what is locked exclusively is open for writing already.
   *
   * @return 0 or {@code -errno}
   */
  int copy(FileLocks locks, int toFd) {
    int[] worst = new int[1];
    locks.locked((range, exclusive) -> {
      if (worst[0] == 0 && range.isKnownToKernel()) {
        worst[0] = Math.min(0, trySet(toFd, range, exclusive));
      }
    });
    return worst[0];
  }
}
