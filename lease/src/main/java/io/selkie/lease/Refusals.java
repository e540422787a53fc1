package io.selkie.lease;

import io.selkie.lease.Sealer.Refusal;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.Errno;

/** Words for refusals: what was tried, on what, what to do. */
final class Refusals {

  private Refusals() {}

  static SealOutcome.Refused refused(Reason reason, String message) {
    return new SealOutcome.Refused(new Refusal(reason, message));
  }

  /** An error of the system that says nothing about the file. */
  static SealOutcome.Refused system(String call, SealTarget target, long result) {
    return refused(
        Reason.SYSTEM,
        call
            + " on "
            + target.describe()
            + ": "
            + Errno.describe(result)
            + "; clients use the server instead, see the kernel's log");
  }

  /** F_SETLEASE and what goes before it. */
  static SealOutcome.Refused lease(String call, SealTarget target, SealMode mode, int result) {
    String tried = call + " for " + mode + " seal of " + target.describe();
    return switch (Errno.of(result)) {
      case EAGAIN ->
          refused(
              Reason.IN_USE,
              tried
                  + ": another process has it open or mapped"
                  + (mode == SealMode.SHARED ? " for writing" : "")
                  + "; it can be sealed when that ends");
      case EACCES, EPERM ->
          refused(
              Reason.NOT_PERMITTED,
              tried + ": the file belongs to another user; run as its owner, or with CAP_LEASE");
      case EINVAL, EOPNOTSUPP, ENOSYS, ENOTTY, ENOTSUPP ->
          refused(
              Reason.UNSUPPORTED,
              tried
                  + ": no leases here ("
                  + Errno.describe(result)
                  + "); export a local file system, and see fs.leases-enable");
      default -> system(call, target, result);
    };
  }

  /** fallocate, while a range was being prepared. */
  static SealOutcome.Refused allocation(SealTarget target, ByteRange range, int result) {
    String tried =
        "allocating bytes " + range.offset() + "+" + range.length() + " of " + target.describe();
    return switch (Errno.of(result)) {
      case ENOSPC -> refused(Reason.NO_SPACE, tried + ": the file system is full; free some space");
      case EDQUOT -> refused(Reason.NO_SPACE, tried + ": the owner's quota is used up; raise it");
      case EOPNOTSUPP, ENOSYS, ENOTTY, ENOTSUPP ->
          refused(
              Reason.UNSUPPORTED,
              tried + ": the file system cannot allocate ahead; write the file in full first");
      case EPERM, EACCES, EROFS ->
          refused(
              Reason.NOT_PERMITTED,
              tried
                  + ": "
                  + Errno.describe(result)
                  + "; see whether it is immutable, append-only or mounted read-only");
      case ETXTBSY ->
          refused(Reason.IN_USE, tried + ": it is being executed or swapped to; end that first");
      default -> system("fallocate", target, result);
    };
  }

  /** A block map could not be read. */
  static SealOutcome.Refused map(SealTarget target, BlockMapReader.MapRead failure) {
    String file = target.describe();
    return switch (failure) {
      case BlockMapReader.MapRead.Failed(int result) when FileProbes.isUnsupported(result) ->
          refused(
              Reason.UNSUPPORTED,
              "FIEMAP on " + file + ": the file system has no block map; export another one");
      case BlockMapReader.MapRead.Failed(int result) -> system("FIEMAP", target, result);
      case BlockMapReader.MapRead.TooFragmented(int max) ->
          refused(
              Reason.UNSUITABLE_EXTENTS,
              "the range of "
                  + file
                  + " has more than "
                  + max
                  + " extents; ask for less of it, or defragment it");
      case BlockMapReader.MapRead.Unstable(int tries) ->
          refused(
              Reason.MAP_CHANGED,
              "the block map of "
                  + file
                  + " moved while it was read, "
                  + tries
                  + " times; try again when it is quiet");
      case BlockMapReader.MapRead.Found _ -> throw new IllegalArgumentException("no failure");
    };
  }
}
