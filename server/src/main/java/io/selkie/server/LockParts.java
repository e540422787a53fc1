package io.selkie.server;

import io.selkie.config.SessionConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.Kernel;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.session.SessionManager;
import io.selkie.server.state.LockLimits;
import io.selkie.server.state.LockNotifier;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenTable;
import io.selkie.server.vfs.OpenFileTable;
import java.time.Duration;

/** Makes the table of byte-range locks and ties it to what it works with. Used once, at start. */
record LockParts(Kernel kernel, NanoClock clock, Timers timers, ServerMetrics metrics) {

  LockTable open(
      SessionConfig config,
      int bootEpoch,
      SessionManager sessions,
      OpenTable opens,
      OpenFileTable files) {
    // Who polls does so within its lease.
    LockLimits limits =
        LockLimits.DEFAULT
            .withLocks(config.maxLocks(), config.maxLocksPerClient())
            .withForget(Duration.ofSeconds(config.leaseSeconds()));
    LockTable locks =
        new LockTable(kernel, clock, timers, bootEpoch, limits, notifier(sessions, opens));
    opens.onEnd(locks::openEnded);
    files.lockCarrier(locks::carryOver);
    sessions.register(new Stateholders.Locks(locks));
    metrics.gauge(Metric.LOCKS, locks::count);
    metrics.gauge(Metric.LOCK_WAITERS, locks::waiterCount);
    return locks;
  }

  private static LockNotifier notifier(SessionManager sessions, OpenTable opens) {
    return (owner, file, unreachable) -> notify(sessions, opens, owner, file, unreachable);
  }

  /** CB_NOTIFY_LOCK4args: file handle and lock owner (RFC 8881 section 20.11). */
  private static void notify(
      SessionManager sessions,
      OpenTable opens,
      LockOwner4 owner,
      FileIdentity file,
      Runnable unreachable) {
    byte[] fileHandle = opens.fileHandleOf(file);
    if (fileHandle == null) {
      unreachable.run();
      return;
    }
    sessions.callBack(
        owner.clientId(),
        NfsCbOp4.OP_CB_NOTIFY_LOCK,
        out -> {
          out.opaque(fileHandle);
          owner.encode(out);
        },
        (outcome, status) -> {
          if (outcome != Outcome.ANSWERED || status != NfsStat4.NFS4_OK) {
            unreachable.run();
          }
        });
  }
}
