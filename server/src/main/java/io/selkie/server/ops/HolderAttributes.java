package io.selkie.server.ops;

import io.selkie.layout.DelegationArbiter.HolderView;
import io.selkie.layout.DelegationCallbacks.Attributes;
import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Attributes of a file that another client may be changing under a write delegation (RFC 8881
 * section 10.4.3): the holder is asked. What it has changed and not written yet shows in size,
 * change and times; those times are set on the file, so that nothing ever seems to go back.
 */
final class HolderAttributes {

  private static final Logger LOG = LoggerFactory.getLogger(HolderAttributes.class);

  private static final Bitmap4 CHANGING =
      Bitmap4.of(
          FileAttributes.FATTR4_CHANGE,
          FileAttributes.FATTR4_SIZE,
          FileAttributes.FATTR4_SPACE_USED,
          FileAttributes.FATTR4_TIME_MODIFY,
          FileAttributes.FATTR4_TIME_METADATA);

  private final FileServices services;
  private final DelegatedTimes times;

  /** What is done with the answer. */
  @FunctionalInterface
  interface Finish {
    /**
     * Finishes the operation.
     *
     * @param leastChange what the change attribute is at the least
     */
    int finish(CompoundContext c, long leastChange);
  }

  HolderAttributes(FileServices services) {
    this.services = services;
    this.times = new DelegatedTimes(services);
  }

  /** Whether somebody has to be asked. */
  boolean concern(CompoundContext c, VfsFile file, Bitmap4 asked) {
    return services.arbiter().delegations().isWrittenByOther(c.clientId(), file.identity())
        && !new Bitmap4().assign(asked).and(CHANGING).isEmpty();
  }

  /**
   * Asks, and goes on with the status as others are to see it.
   *
   * @param status as the server sees it; changed to what others are to see
   * @param then finishes the operation
   * @return what {@link CompoundContext#suspend} returned
   */
  int ask(CompoundContext c, VfsFile file, FileStatus status, Finish then) {
    return c.suspend(
        services
            .arbiter()
            .delegations()
            .view(c.clientId(), file.identity(), services.fs().changeOf(status), status.size()),
        (context, view, failure) -> {
          if (failure != null) {
            LOG.error("asking the holder of {} failed", file, failure);
            return NfsStat4.NFS4ERR_SERVERFAULT;
          }
          return switch (view) {
            case HolderView.Unchanged _ -> then.finish(context, 0);
            case HolderView.TimeKept kept -> {
              take(file, status, kept.modify());
              yield then.finish(context, 0);
            }
            case HolderView.Changed changed -> {
              show(file, status, changed);
              yield then.finish(context, changed.change());
            }
            case HolderView.Recalled _ -> NfsStat4.NFS4ERR_DELAY;
          };
        });
  }

  /** A time that the holder alone has until now becomes that of the file. */
  private void take(VfsFile file, FileStatus status, NfsTime4 modify) {
    if (!modify.isValid() || !isLater(modify, status)) {
      return;
    }
    Optional<OpenFile> open = services.files().find(file.identity());
    if (open.isEmpty()) {
      return;
    }
    try {
      int result = times.take(open.get(), null, modify);
      if (result == NfsStat4.NFS4_OK) {
        services.fs().getAttributes(open.get(), status);
      }
    } finally {
      open.get().release();
    }
  }

  private void show(VfsFile file, FileStatus status, HolderView.Changed changed) {
    Attributes holder = changed.holder();
    touch(file, status, holder.modify());
    status.size(holder.size());
  }

  /** The server does it itself: who only asks need not have the right to. */
  private void touch(VfsFile file, FileStatus status, NfsTime4 modify) {
    Optional<OpenFile> open = services.files().find(file.identity());
    if (open.isEmpty()) {
      return;
    }
    try {
      boolean told = modify != null && modify.isValid() && isLater(modify, status);
      set(open.get(), status, 0, FileStatus.UTIME_NOW);
      // A time to come counts as now.
      if (told && !isLater(modify, status)) {
        set(open.get(), status, modify.seconds(), modify.nanos());
      }
    } finally {
      open.get().release();
    }
  }

  private void set(OpenFile file, FileStatus status, long seconds, long nanos) {
    int fd = file.fd();
    if (services.own().utimens(fd, 0, FileStatus.UTIME_OMIT, seconds, nanos) == 0) {
      services.fs().getAttributes(file, status);
    }
  }

  private static boolean isLater(NfsTime4 time, FileStatus status) {
    return time.seconds() > status.mtimeSec()
        || (time.seconds() == status.mtimeSec() && time.nanos() > status.mtimeNsec());
  }
}
