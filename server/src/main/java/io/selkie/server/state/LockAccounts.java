package io.selkie.server.state;

import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongFunction;

/**
 * Who has how many locks, and where the states are that stateids name. Safe for use by several
 * threads; its own lock is the last one taken and held for memory only.
 */
final class LockAccounts {

  private static final class Account {
    int locks;
    final Set<LockState> states = new HashSet<>();
    int revoked;
  }

  private final LockLimits limits;
  private final int bootEpoch;
  private final StateidSlots<LockState> slots;
  private final Map<Long, Account> accounts = new HashMap<>();
  private int locks;
  private int states;
  private int waiters;
  private volatile boolean everRevoked;

  LockAccounts(int bootEpoch, LockLimits limits) {
    this.limits = limits;
    this.bootEpoch = bootEpoch;
    this.slots =
        new StateidSlots<>(LockTable.TAG, bootEpoch, (state, other) -> state.otherHigh() == other);
  }

  /** The state that a stateid names, revoked or not; null when there is none. Takes no lock. */
  LockState find(Stateid4 stateid) {
    return slots.find(stateid);
  }

  /**
   * Whether a client may have so many ranges more, and perhaps a state more.
   *
   * @return NFS4_OK, NFS4ERR_DELAY (others may unlock) or NFS4ERR_SERVERFAULT (only the client
   *     itself can; NFSv4.1 has no better word)
   */
  synchronized int admit(long clientId, int more, boolean newState) {
    Account account = accounts.get(clientId);
    if (account != null
        && (account.locks + more > limits.locksPerClientMax()
            || (newState && account.states.size() >= limits.locksPerClientMax()))) {
      return NfsStat4.NFS4ERR_SERVERFAULT;
    }
    return locks + more > limits.locksMax() || (newState && states >= limits.locksMax())
        ? NfsStat4.NFS4ERR_DELAY
        : NfsStat4.NFS4_OK;
  }

  synchronized LockState newState(LockOwner4 owner, OpenState open) {
    LongFunction<LockState> make = otherHigh -> new LockState(owner, open, otherHigh, bootEpoch);
    LockState state = slots.add(make);
    accounts.computeIfAbsent(owner.clientId(), id -> new Account()).states.add(state);
    states++;
    return state;
  }

  synchronized void forget(LockState state) {
    Account account = accounts.get(state.owner().clientId());
    if (account == null || !account.states.remove(state)) {
      return;
    }
    slots.remove(state.otherHigh());
    states--;
    if (state.revokedStatus() != NfsStat4.NFS4_OK) {
      account.revoked--;
    }
    close(state.owner().clientId(), account);
  }

  /** A state that is revoked stays until the client frees it. */
  synchronized void revoke(LockState state, int status) {
    Account account = accounts.get(state.owner().clientId());
    if (account != null && state.revokedStatus() == NfsStat4.NFS4_OK) {
      state.revoke(status);
      account.revoked++;
      everRevoked = true;
    }
  }

  synchronized void count(long clientId, int more) {
    if (more != 0) {
      Account account = accounts.computeIfAbsent(clientId, id -> new Account());
      account.locks += more;
      locks += more;
      close(clientId, account);
    }
  }

  private void close(long clientId, Account account) {
    if (account.locks == 0 && account.states.isEmpty()) {
      accounts.remove(clientId);
    }
  }

  synchronized boolean admitWaiter() {
    if (waiters >= limits.waitersMax()) {
      return false;
    }
    waiters++;
    return true;
  }

  synchronized void waitersGone(int count) {
    waiters -= count;
  }

  synchronized List<LockState> statesOf(long clientId) {
    Account account = accounts.get(clientId);
    return account == null ? List.of() : List.copyOf(account.states);
  }

  boolean hasRevoked(long clientId) {
    if (!everRevoked) {
      return false;
    }
    synchronized (this) {
      Account account = accounts.get(clientId);
      return account != null && account.revoked > 0;
    }
  }

  synchronized int locks() {
    return locks;
  }

  synchronized int waiters() {
    return waiters;
  }
}
