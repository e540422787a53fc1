package io.selkie.server.state;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LockOwner4;

/** Tells clients that a lock they wait for may be had (CB_NOTIFY_LOCK, RFC 8881 section 20.11). */
@FunctionalInterface
public interface LockNotifier {

  /**
   * Sends it. Returns at once; called without a lock.
   *
   * @param unreachable told, at once or later, when the client does not get it
   */
  void available(LockOwner4 owner, FileIdentity file, Runnable unreachable);
}
