package io.selkie.layout;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;

/**
 * What spans files: layout stateids by their number, those revoked until FREE_STATEID, who holds
 * what, and the limits. A leaf: it has its own lock, calls nobody, and may be asked under a file's
 * lock.
 *
 * <p>The {@code other} of a layout stateid, and with 'D' in front that of a delegation, is
 *
 * <pre>
 *    0     1                 4                              12
 *   +-----+-----------------+------------------------------+
 *   | 'L' | boot (random)   | number, never used twice     |
 *   +-----+-----------------+------------------------------+
 * </pre>
 */
final class Ledger {

  private static final long TAG = 'L';
  private static final long DELEGATION_TAG = 'D';

  /** In so many replies a client is told of what it will not free: one may be lost. */
  private static final int TELLINGS = 3;

  /** A revoked stateid. */
  private record Revoked(long clientId, int seqid, int status) {}

  private static final class Client {
    int layouts;

    /** How many of them, those being granted too, each file has. */
    final Map<FileIdentity, Integer> layoutFiles = new HashMap<>();

    final Set<Hold> holds = new LinkedHashSet<>();
    final Set<Long> revoked = new LinkedHashSet<>();
    final Set<Delegation> delegations = new LinkedHashSet<>();

    /** Those of them that it is not expected to free. */
    final Set<Long> neverFreed = new LinkedHashSet<>();

    /** In how many replies it is still to be told of these. */
    int tellings;

    /** Delegations held or being given. */
    int delegated;

    /** A recall of a delegation ran out; over when the client has freed what was revoked. */
    boolean failedRecall;

    boolean isIdle() {
      return layouts == 0
          && delegated == 0
          && holds.isEmpty()
          && delegations.isEmpty()
          && revoked.isEmpty();
    }
  }

  private final int boot;
  private final int delegationBoot;
  private final Map<Long, Hold> holds = new HashMap<>();
  private final Map<Long, Delegation> delegations = new ConcurrentHashMap<>();
  private final Map<Long, Revoked> revoked = new LinkedHashMap<>();
  private final Map<Long, Client> clients = new LinkedHashMap<>();
  private volatile boolean everDelegated;
  private long lastNumber;
  private int layouts;
  private int delegated;
  private int granted;
  private int sealedFiles;

  Ledger(RandomGenerator random) {
    int drawn = random.nextInt(1 << 24);
    this.boot = (int) (TAG << 24) | drawn;
    this.delegationBoot = (int) (DELEGATION_TAG << 24) | drawn;
  }

  // ------------------------------------------------------------------ stateids

  boolean isOurs(Stateid4 stateid) {
    return (int) (stateid.otherHigh() >>> 32) == boot;
  }

  boolean isDelegation(Stateid4 stateid) {
    return (int) (stateid.otherHigh() >>> 32) == delegationBoot;
  }

  private boolean isKnown(Stateid4 stateid) {
    return isOurs(stateid) || isDelegation(stateid);
  }

  private static long number(Stateid4 stateid) {
    return stateid.otherHigh() << 32 | (stateid.otherLow() & 0xFFFF_FFFFL);
  }

  private static long number(Hold hold) {
    return hold.otherHigh << 32 | (hold.otherLow & 0xFFFF_FFFFL);
  }

  /** A stateid that was never given before; its seqid is 0, the first answer makes it 1. */
  synchronized Stateid4 newStateid() {
    lastNumber++;
    return new Stateid4(0, (long) boot << 32 | lastNumber >>> 32, (int) lastNumber);
  }

  /** The only seqid of a delegation is 1. */
  synchronized Stateid4 newDelegationStateid() {
    lastNumber++;
    return new Stateid4(1, (long) delegationBoot << 32 | lastNumber >>> 32, (int) lastNumber);
  }

  synchronized void add(Hold hold) {
    holds.put(number(hold), hold);
    client(hold.clientId).holds.add(hold);
  }

  /** The stateid is over: nothing is held under it any more. */
  synchronized void remove(Hold hold) {
    if (holds.remove(number(hold), hold)) {
      Client client = client(hold.clientId);
      client.holds.remove(hold);
      dropIfIdle(hold.clientId, client);
    }
  }

  /** The stateid is over by force; remembered until FREE_STATEID, the oldest go when too many. */
  synchronized void revoke(Hold hold, int status, int revokedMax) {
    if (holds.remove(number(hold), hold)) {
      Client client = client(hold.clientId);
      client.holds.remove(hold);
      client.revoked.add(number(hold));
      if (hold.layoutType == LayoutConst4.LAYOUT4_BLOCK_VOLUME
          || hold.layoutType == LayoutConst4.LAYOUT4_SCSI) {
        client.neverFreed.add(number(hold));
        client.tellings = TELLINGS;
      }
      revoked(number(hold), new Revoked(hold.clientId, hold.seqid(), status), revokedMax);
    }
  }

  private void revoked(long number, Revoked entry, int revokedMax) {
    revoked.put(number, entry);
    while (revoked.size() > revokedMax) {
      forget(revoked.keySet().iterator().next());
    }
  }

  /** The delegation is over by force; remembered until FREE_STATEID. */
  synchronized void revoke(Delegation delegation, int status, int revokedMax) {
    long number = number(delegation.stateid);
    client(delegation.clientId()).revoked.add(number);
    revoked(
        number, new Revoked(delegation.clientId(), delegation.stateid.seqid(), status), revokedMax);
  }

  private void forget(long number) {
    Revoked entry = revoked.remove(number);
    Client client = client(entry.clientId());
    client.revoked.remove(number);
    client.neverFreed.remove(number);
    client.failedRecall &= !client.revoked.isEmpty();
    dropIfIdle(entry.clientId(), client);
  }

  /** The hold that a stateid of this client names; null when there is none. */
  synchronized Hold find(long clientId, Stateid4 stateid) {
    Hold hold = isOurs(stateid) ? holds.get(number(stateid)) : null;
    return hold != null && hold.clientId == clientId ? hold : null;
  }

  /** Why a stateid names no hold: revoked, or never or no longer valid. */
  synchronized int statusOfDead(long clientId, Stateid4 stateid) {
    Revoked entry = isKnown(stateid) ? revoked.get(number(stateid)) : null;
    return entry != null && entry.clientId() == clientId
        ? entry.status()
        : NfsStat4.NFS4ERR_BAD_STATEID;
  }

  /** FREE_STATEID. */
  synchronized int free(long clientId, Stateid4 stateid) {
    if (find(clientId, stateid) != null || findDelegation(clientId, stateid) != null) {
      return NfsStat4.NFS4ERR_LOCKS_HELD;
    }
    Revoked entry = isKnown(stateid) ? revoked.get(number(stateid)) : null;
    if (entry == null || entry.clientId() != clientId) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    forget(number(stateid));
    return NfsStat4.NFS4_OK;
  }

  /**
   * Whether a reply is to tell a client of what it has not freed. Linux' client frees no layout: it
   * throws all of them away with each reply that says so, and would never use one again.
   */
  synchronized boolean tellsOfRevoked(long clientId) {
    Client client = clients.get(clientId);
    if (client == null || client.revoked.size() > client.neverFreed.size()) {
      return client != null;
    }
    if (client.neverFreed.isEmpty() || client.tellings == 0) {
      return false;
    }
    client.tellings--;
    return true;
  }

  /** The client id is no more, and so are its revoked stateids. */
  synchronized void forgetRevoked(long clientId) {
    Client client = clients.get(clientId);
    if (client != null) {
      for (Long number : Set.copyOf(client.revoked)) {
        forget(number);
      }
    }
  }

  synchronized boolean holdsAny(long clientId) {
    Client client = clients.get(clientId);
    return client != null && !client.holds.isEmpty();
  }

  /** What a client holds, in the order in which it got it. */
  synchronized Set<Hold> holdsOf(long clientId) {
    Client client = clients.get(clientId);
    return client == null ? Set.of() : new LinkedHashSet<>(client.holds);
  }

  // ------------------------------------------------------------------ delegations

  synchronized void add(Delegation delegation) {
    delegations.put(number(delegation.stateid), delegation);
    client(delegation.clientId()).delegations.add(delegation);
  }

  /** It is over; its room is free again. */
  synchronized void remove(Delegation delegation) {
    delegations.remove(number(delegation.stateid));
    client(delegation.clientId()).delegations.remove(delegation);
    delegationEnded(delegation.clientId());
  }

  /** The delegation that a stateid of this client names; null when there is none. No lock. */
  Delegation findDelegation(long clientId, Stateid4 stateid) {
    Delegation found = isDelegation(stateid) ? delegations.get(number(stateid)) : null;
    return found != null && found.clientId() == clientId ? found : null;
  }

  /** Room for one more delegation of a client; {@link #delegationEnded} gives it back. */
  synchronized boolean tryDelegation(long clientId, DelegationPolicy policy) {
    Client client = client(clientId);
    if (delegated >= policy.delegationsMax()
        || client.delegated >= policy.delegationsPerClientMax()) {
      dropIfIdle(clientId, client);
      return false;
    }
    delegated++;
    client.delegated++;
    everDelegated = true;
    return true;
  }

  /** A delegation for which there was room did not come about. */
  synchronized void delegationEnded(long clientId) {
    Client client = client(clientId);
    delegated--;
    client.delegated--;
    if (delegated < 0 || client.delegated < 0) {
      throw new IllegalStateException(
          "more delegations of client " + clientId + " ended than began");
    }
    dropIfIdle(clientId, client);
  }

  boolean wereDelegationsEverGiven() {
    return everDelegated;
  }

  /** Whether there is any delegation; no lock. */
  boolean hasDelegations() {
    return !delegations.isEmpty();
  }

  int delegationCount() {
    return delegations.size();
  }

  /** The delegated files whose filehandle is such a one; no lock. */
  Set<FileIdentity> delegatedWhere(Predicate<byte[]> fileHandle) {
    Set<FileIdentity> found = new HashSet<>();
    for (Delegation delegation : delegations.values()) {
      if (fileHandle.test(delegation.request.fileHandle())) {
        found.add(delegation.file);
      }
    }
    return found;
  }

  synchronized boolean holdsDelegations(long clientId) {
    Client client = clients.get(clientId);
    return client != null && !client.delegations.isEmpty();
  }

  /** What a client holds, in the order in which it got it. */
  synchronized Set<Delegation> delegationsOf(long clientId) {
    Client client = clients.get(clientId);
    return client == null ? Set.of() : new LinkedHashSet<>(client.delegations);
  }

  /** The client let a recall run out: it gets no delegation until it has seen what that cost it. */
  synchronized void failedRecall(long clientId) {
    client(clientId).failedRecall = true;
  }

  synchronized boolean hasFailedRecall(long clientId) {
    Client client = clients.get(clientId);
    return client != null && client.failedRecall;
  }

  // ------------------------------------------------------------------ limits

  /**
   * Room for one more layout of a client; {@link #layoutEnded} gives it back.
   *
   * @return null when there is; otherwise why there is none
   */
  synchronized String tryLayout(long clientId, FileIdentity file, LayoutPolicy policy) {
    Client client = client(clientId);
    String reason = null;
    if (layouts >= policy.layoutsMax() || client.layouts >= policy.layoutsPerClientMax()) {
      reason = "too many layouts";
    } else if (client.layoutFiles.size() >= policy.sealedFilesPerClientMax()
        && !client.layoutFiles.containsKey(file)) {
      reason = "maxSealedFilesPerClient: the client has layouts of as many files as it may";
    }
    if (reason != null) {
      dropIfIdle(clientId, client);
      return reason;
    }
    layouts++;
    client.layouts++;
    client.layoutFiles.merge(file, 1, Integer::sum);
    return null;
  }

  /** A layout for which there was room went out. */
  synchronized void layoutGranted() {
    granted++;
  }

  /** A layout that went out is dead. */
  synchronized void grantedLayoutEnded(long clientId, FileIdentity file) {
    granted--;
    layoutEnded(clientId, file);
  }

  /** A layout for which there was room did not come about, or is dead. */
  synchronized void layoutEnded(long clientId, FileIdentity file) {
    Client client = client(clientId);
    layouts--;
    client.layouts--;
    Integer ofFile = client.layoutFiles.get(file);
    client.layoutFiles.computeIfPresent(file, (_, count) -> count > 1 ? count - 1 : null);
    if (layouts < 0 || client.layouts < 0 || ofFile == null) {
      throw new IllegalStateException("more layouts of client " + clientId + " ended than began");
    }
    dropIfIdle(clientId, client);
  }

  /** What each client holds that could be recalled. */
  synchronized Map<Long, Holdings> holdings() {
    Map<Long, Holdings> all = new HashMap<>();
    clients.forEach((id, client) ->
        all.put(
            id,
            new Holdings(client.layouts, client.layoutFiles.size(), client.delegations.size())));
    return all;
  }

  synchronized boolean trySeal(LayoutPolicy policy) {
    if (sealedFiles >= policy.sealedFilesMax()) {
      return false;
    }
    sealedFiles++;
    return true;
  }

  synchronized void sealEnded() {
    sealedFiles--;
    if (sealedFiles < 0) {
      throw new IllegalStateException("more seals ended than began");
    }
  }

  synchronized int sealedFiles() {
    return sealedFiles;
  }

  /** Layouts held. */
  synchronized int granted() {
    return granted;
  }

  synchronized int clientCount() {
    return clients.size();
  }

  private Client client(long clientId) {
    return clients.computeIfAbsent(clientId, _ -> new Client());
  }

  private void dropIfIdle(long clientId, Client client) {
    if (client.isIdle()) {
      clients.remove(clientId);
    }
  }
}
