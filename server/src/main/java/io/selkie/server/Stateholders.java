package io.selkie.server;

import io.selkie.layout.LayoutArbiter;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.server.session.StateOwners;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenTable;

/** Those who hand out stateids, as the sessions see them. */
final class Stateholders {

  private Stateholders() {}

  /** The opens. */
  record Opens(OpenTable table) implements StateOwners {
    @Override
    public int testStateid(long clientId, Stateid4 stateid) {
      return table.check(clientId, stateid, null);
    }

    @Override
    public int freeStateid(long clientId, Stateid4 stateid) {
      return table.free(clientId, stateid);
    }

    @Override
    public boolean holdsState(long clientId) {
      return table.hasOpens(clientId);
    }

    @Override
    public int statusFlags(long clientId) {
      return table.hasRevokedState(clientId) ? SessionConst4.SEQ4_STATUS_ADMIN_STATE_REVOKED : 0;
    }
  }

  /** The byte-range locks. */
  record Locks(LockTable table) implements StateOwners {
    @Override
    public int testStateid(long clientId, Stateid4 stateid) {
      return table.check(clientId, stateid, null);
    }

    @Override
    public int freeStateid(long clientId, Stateid4 stateid) {
      return table.free(clientId, stateid);
    }

    @Override
    public boolean holdsState(long clientId) {
      return table.holdsState(clientId);
    }

    @Override
    public int statusFlags(long clientId) {
      return table.hasRevokedState(clientId) ? SessionConst4.SEQ4_STATUS_ADMIN_STATE_REVOKED : 0;
    }
  }

  /** The layouts and delegations. */
  record Layouts(LayoutArbiter arbiter) implements StateOwners {
    private boolean isOurs(Stateid4 stateid) {
      return arbiter.isLayoutStateid(stateid) || arbiter.delegations().isDelegationStateid(stateid);
    }

    @Override
    public int testStateid(long clientId, Stateid4 stateid) {
      return isOurs(stateid)
          ? arbiter.testStateid(clientId, stateid)
          : NfsStat4.NFS4ERR_BAD_STATEID;
    }

    @Override
    public int freeStateid(long clientId, Stateid4 stateid) {
      return isOurs(stateid)
          ? arbiter.freeStateid(clientId, stateid)
          : NfsStat4.NFS4ERR_BAD_STATEID;
    }

    @Override
    public boolean holdsState(long clientId) {
      return arbiter.holdsLayouts(clientId) || arbiter.delegations().holdsDelegations(clientId);
    }

    @Override
    public int statusFlags(long clientId) {
      return arbiter.hasRevokedState(clientId)
          ? SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED
          : 0;
    }
  }
}
