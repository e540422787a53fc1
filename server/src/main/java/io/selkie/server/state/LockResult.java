package io.selkie.server.state;

import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.Stateid4;

/** What came of a request for a lock. */
public sealed interface LockResult {

  /**
   * It is locked, or unlocked.
   *
   * @param stateid to be given to the client
   */
  record Done(Stateid4 stateid) implements LockResult {}

  /**
   * NFS4ERR_DENIED: somebody's lock is in the way.
   *
   * @param by whose; {@link io.selkie.protocol.nfs4.LockOwner4#UNKNOWN} for a process on the server
   */
  record Denied(LockArgs4.Denied by) implements LockResult {}

  /**
   * Not done.
   *
   * @param status an NFS status, never NFS4_OK nor NFS4ERR_DENIED
   */
  record Refused(int status) implements LockResult {}
}
