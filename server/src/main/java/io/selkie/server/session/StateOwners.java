package io.selkie.server.session;

import io.selkie.protocol.nfs4.Stateid4;

/**
 * Somebody who hands out stateids: open state, the layout arbiter, later locks and delegations.
 * Safe for use by several threads; nothing here may block for long or call back.
 */
public interface StateOwners {

  /**
   * What using the stateid would be answered with (TEST_STATEID, RFC 8881 section 18.48).
   *
   * @return NFS4_OK, NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED, NFS4ERR_ADMIN_REVOKED or
   *     NFS4ERR_DELEG_REVOKED; NFS4ERR_BAD_STATEID if it is none of this owner's stateids or none
   *     of this client's
   */
  int testStateid(long clientId, Stateid4 stateid);

  /**
   * Forgets a stateid that holds nothing any more (FREE_STATEID, RFC 8881 section 18.38).
   *
   * @return NFS4_OK, NFS4ERR_LOCKS_HELD, NFS4ERR_OLD_STATEID; NFS4ERR_BAD_STATEID as above
   */
  int freeStateid(long clientId, Stateid4 stateid);

  /** Whether the client holds anything here: opens, locks, delegations, layouts. */
  boolean holdsState(long clientId);

  /** What this owner adds to the client's sr_status_flags: SEQ4_STATUS_* bits, or 0. */
  int statusFlags(long clientId);
}
