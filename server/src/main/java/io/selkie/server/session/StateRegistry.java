package io.selkie.server.session;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** All owners of state as one. */
final class StateRegistry implements StateOwners {

  private final List<StateOwners> owners = new CopyOnWriteArrayList<>();

  void add(StateOwners owner) {
    owners.add(owner);
  }

  @Override
  public int testStateid(long clientId, Stateid4 stateid) {
    if (!Stateids.isSpecial(stateid)) {
      for (StateOwners owner : owners) {
        int status = owner.testStateid(clientId, stateid);
        if (status != NfsStat4.NFS4ERR_BAD_STATEID) {
          return status;
        }
      }
    }
    return NfsStat4.NFS4ERR_BAD_STATEID;
  }

  @Override
  public int freeStateid(long clientId, Stateid4 stateid) {
    if (!Stateids.isSpecial(stateid)) {
      for (StateOwners owner : owners) {
        int status = owner.freeStateid(clientId, stateid);
        if (status != NfsStat4.NFS4ERR_BAD_STATEID) {
          return status;
        }
      }
    }
    return NfsStat4.NFS4ERR_BAD_STATEID;
  }

  @Override
  public boolean holdsState(long clientId) {
    for (StateOwners owner : owners) {
      if (owner.holdsState(clientId)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public int statusFlags(long clientId) {
    int flags = 0;
    for (int i = 0; i < owners.size(); i++) {
      flags |= owners.get(i).statusFlags(clientId);
    }
    return flags;
  }
}
