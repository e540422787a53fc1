package io.selkie.server.state;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * All opens of all clients. Safe for use by several threads: changes are made under one lock that
 * is never held across a system call or a callback; finding the open of a stateid takes no lock and
 * allocates nothing.
 */
public final class OpenTable implements AutoCloseable {

  /** First byte of the {@code other} of every open stateid. */
  public static final int TAG = 0x4F;

  private record Key(OpenOwner owner, FileIdentity file) {}

  private final int bootEpoch;
  private final int opensMax;
  private final int opensPerClientMax;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<Key, OpenState> byOwner = new HashMap<>();
  private final Map<FileIdentity, FileShares> shares = new HashMap<>();
  private final Map<Long, ClientOpens> clients = new HashMap<>();
  private final GoneClients gone = new GoneClients();
  final StateidSlots<OpenState> slots;
  private int open;
  private int held;
  private volatile Consumer<OpenState> onEnd = state -> {};
  // Spares each SEQUENCE the lock as long as nothing was ever revoked.
  private volatile boolean everRevoked;

  /**
   * Creates a table.
   *
   * @param bootEpoch differs from that of every earlier server with the same state directory
   * @param opensMax opens of all clients together; at most 2^24
   * @param opensPerClientMax opens of one client
   */
  public OpenTable(int bootEpoch, int opensMax, int opensPerClientMax) {
    if (opensMax <= 0 || opensMax > StateidSlots.MAX || opensPerClientMax <= 0) {
      throw new IllegalArgumentException("opens " + opensMax + ", " + opensPerClientMax);
    }
    this.bootEpoch = bootEpoch;
    this.slots = new StateidSlots<>(TAG, bootEpoch, (state, other) -> state.otherHigh() == other);
    this.opensMax = opensMax;
    this.opensPerClientMax = opensPerClientMax;
  }

  /**
   * Whom to tell, without a lock, that an open {@link OpenState#hasEnded}, while its description is
   * still held: what hangs on it goes first. To be set before the first request.
   */
  public void onEnd(Consumer<OpenState> newOnEnd) {
    onEnd = newOnEnd;
  }

  private void end(OpenState state) {
    onEnd.accept(state);
    state.target().release();
  }

  /**
   * OPEN: a new open, or more of one that the owner has.
   *
   * @param target the file's description; retained by the caller, and the table's on success
   * @param uid the caller's user; reading and writing later as the same one needs no further check
   * @param fileHandle as clients know the file; kept as long as anybody has it open
   * @param access OPEN4_SHARE_ACCESS_READ, WRITE or BOTH
   * @param deny OPEN4_SHARE_DENY_*
   * @param hold the place that {@link #hold} kept for it
   */
  public OpenResult open(
      OpenOwner owner,
      int uid,
      SealTarget target,
      byte[] fileHandle,
      int access,
      int deny,
      OpenHold hold) {
    FileShares.require(access, deny);
    FileIdentity file = target.identity();
    SealTarget replaced = null;
    OpenResult result;
    lock.lock();
    try {
      if (!hold.live) {
        throw new IllegalStateException("open without its place: " + hold.reason());
      }
      end(hold);
      OpenResult.Refused refused = conflict(owner.clientId(), file, access, deny);
      if (refused != null) {
        return refused;
      }
      FileShares fileShares = shares.get(file);
      OpenState state = byOwner.get(new Key(owner, file));
      if (state != null) {
        replaced = state.target();
        int oldAccess = state.access();
        int oldDeny = state.deny();
        state.add(uid, access, deny, target);
        fileShares.change(oldAccess, oldDeny, state.access(), state.deny());
        sharesOf(state).change(oldAccess, oldDeny, state.access(), state.deny());
        result = new OpenResult.Opened(state, state.stateid());
      } else {
        result = openNew(owner, uid, target, fileHandle, access, deny);
      }
    } finally {
      lock.unlock();
    }
    if (replaced != null) {
      replaced.release();
    }
    return result;
  }

  private OpenResult openNew(
      OpenOwner owner, int uid, SealTarget target, byte[] fileHandle, int access, int deny) {
    ClientOpens client = clients.computeIfAbsent(owner.clientId(), id -> new ClientOpens());
    FileIdentity file = target.identity();
    OpenState state =
        slots.add(otherHigh -> new OpenState(owner, file, target, otherHigh, bootEpoch));
    state.add(uid, access, deny, target);
    open++;
    byOwner.put(new Key(owner, file), state);
    shares.computeIfAbsent(file, id -> new FileShares(fileHandle)).add(access, deny);
    client.all.put(state.otherHigh(), state);
    client.opensOfFile.computeIfAbsent(file, id -> new FileShares(fileHandle)).add(access, deny);
    return new OpenResult.Opened(state, state.stateid());
  }

  /**
   * Keeps a place for an OPEN, before it creates or truncates: the share reservation and the limits
   * are checked now, under the same lock as {@link #open}, and stay checked until that.
   *
   * @param file empty for one that is to be made
   * @param fileHandle as clients know the file; null for one that is to be made
   * @param truncates whether the file is cut, which others may have denied
   * @return to be closed; {@link OpenHold#status} says whether the place is held
   */
  public OpenHold hold(
      OpenOwner owner,
      Optional<FileIdentity> file,
      byte[] fileHandle,
      int access,
      int deny,
      boolean truncates) {
    FileShares.require(access, deny);
    int does = truncates ? access | OpenConst4.OPEN4_SHARE_ACCESS_WRITE : access;
    lock.lock();
    try {
      OpenResult.Refused refused = conflict(owner.clientId(), file.orElse(null), does, deny);
      if (refused == null && file.map(id -> byOwner.get(new Key(owner, id))).isEmpty()) {
        refused = full(owner.clientId());
      }
      if (refused != null) {
        return OpenHold.refused(this, refused);
      }
      held++;
      file.ifPresent(
          id -> shares.computeIfAbsent(id, any -> new FileShares(fileHandle)).add(does, deny));
      return OpenHold.held(this, file, does, deny);
    } finally {
      lock.unlock();
    }
  }

  private OpenResult.Refused conflict(long clientId, FileIdentity file, int access, int deny) {
    if (gone.containsKey(clientId)) {
      return new OpenResult.Refused(NfsStat4.NFS4ERR_EXPIRED, "the client is gone");
    }
    FileShares fileShares = file == null ? null : shares.get(file);
    return fileShares != null && fileShares.conflictsWith(access, deny)
        ? new OpenResult.Refused(NfsStat4.NFS4ERR_SHARE_DENIED, "share reservation of another open")
        : null;
  }

  private OpenResult.Refused full(long clientId) {
    if (open + held >= opensMax) {
      return new OpenResult.Refused(
          NfsStat4.NFS4ERR_DELAY, "all " + opensMax + " opens are in use (sessions.maxOpens)");
    }
    ClientOpens client = clients.get(clientId);
    return client != null && client.all.size() >= opensPerClientMax
        ? new OpenResult.Refused(
            NfsStat4.NFS4ERR_SERVERFAULT,
            "the client has " + opensPerClientMax + " opens (sessions.maxOpensPerClient)")
        : null;
  }

  void letGo(OpenHold hold) {
    lock.lock();
    try {
      end(hold);
    } finally {
      lock.unlock();
    }
  }

  private void end(OpenHold hold) {
    if (!hold.live) {
      return;
    }
    hold.live = false;
    held--;
    hold.file.ifPresent(id -> removeFrom(shares.get(id), id, hold.access, hold.deny));
  }

  private void removeFrom(FileShares fileShares, FileIdentity file, int access, int deny) {
    fileShares.remove(access, deny);
    if (fileShares.isUnused()) {
      shares.remove(file);
    }
  }

  /** Whether the {@code other} is one of an open stateid, of whatever server. */
  public static boolean isOpenStateid(Stateid4 stateid) {
    return StateidSlots.is(stateid, TAG);
  }

  /**
   * Finds the open that a stateid names, whatever its seqid and whether or not it was revoked; null
   * when there is none.
   */
  public OpenState find(Stateid4 stateid) {
    return slots.find(stateid);
  }

  /**
   * Checks a stateid that has to name an open (RFC 8881 section 8.2.4): NFS4_OK,
   * NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED or NFS4ERR_ADMIN_REVOKED.
   * NFS4ERR_STALE_STATEID is moot in NFSv4.1 (section 15.1.16.5): SEQUENCE has found the restart.
   *
   * @param file the current file; null to ask about the stateid alone
   */
  public int check(long clientId, Stateid4 stateid, FileIdentity file) {
    OpenState state = find(stateid);
    if (state == null
        || state.clientId() != clientId
        || (file != null && !state.file().equals(file))) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    if (state.revokedStatus() != NfsStat4.NFS4_OK) {
      return state.revokedStatus();
    }
    int current = state.stateid().seqid();
    int seqid = stateid.seqid();
    if (seqid == 0 || seqid == current) {
      return NfsStat4.NFS4_OK;
    }
    // Serial arithmetic: over the wrap the lower one is the older one (section 8.2.2).
    return seqid - current < 0 ? NfsStat4.NFS4ERR_OLD_STATEID : NfsStat4.NFS4ERR_BAD_STATEID;
  }

  /**
   * Checks a stateid for READ, WRITE or SETATTR of the size (sections 8.2.3, 9.1.2, 18.22.3,
   * 18.32.3): that of an open with the right access, or a special one that no share reservation
   * forbids. A READ through an open for writing is let through unless somebody denies reading.
   *
   * @param stateid not the one for "current", which the caller has replaced
   * @return NFS4_OK, NFS4ERR_OPENMODE, NFS4ERR_LOCKED, or as {@link #check}
   */
  public int checkIo(long clientId, Stateid4 stateid, FileIdentity file, boolean write) {
    int wanted = write ? OpenConst4.OPEN4_SHARE_ACCESS_WRITE : OpenConst4.OPEN4_SHARE_ACCESS_READ;
    if (Stateids.isSpecial(stateid)) {
      if (stateid.equals(Stateids.READ_BYPASS) && !write) {
        return NfsStat4.NFS4_OK;
      }
      if (!stateid.equals(Stateids.ANONYMOUS) && !stateid.equals(Stateids.READ_BYPASS)) {
        return NfsStat4.NFS4ERR_BAD_STATEID;
      }
      return (denied(file) & wanted) != 0 ? NfsStat4.NFS4ERR_LOCKED : NfsStat4.NFS4_OK;
    }
    int status = check(clientId, stateid, file);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    OpenState state = find(stateid);
    if (state == null) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    if ((state.access() & wanted) != 0) {
      return NfsStat4.NFS4_OK;
    }
    if (write) {
      return NfsStat4.NFS4ERR_OPENMODE;
    }
    return (denied(file) & wanted) != 0 ? NfsStat4.NFS4ERR_LOCKED : NfsStat4.NFS4_OK;
  }

  /** OPEN4_SHARE_DENY_* of all opens of a file together. */
  public int denied(FileIdentity file) {
    lock.lock();
    try {
      FileShares fileShares = shares.get(file);
      return fileShares == null ? OpenConst4.OPEN4_SHARE_DENY_NONE : fileShares.deny();
    } finally {
      lock.unlock();
    }
  }

  /** OPEN4_SHARE_ACCESS_* of all opens of one client on a file together; 0 for none. */
  public int accessOf(long clientId, FileIdentity file) {
    lock.lock();
    try {
      ClientOpens client = clients.get(clientId);
      if (client == null || !client.opensOfFile.containsKey(file)) {
        return 0;
      }
      return client.opensOfFile.get(file).access();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether anybody but one client, OPENs under way included, does or denies what a delegation of
   * that client would forbid.
   *
   * @param write for a write delegation: nobody else may have the file open at all
   */
  public boolean isDisturbedByOthers(long clientId, FileIdentity file, boolean write) {
    lock.lock();
    try {
      FileShares all = shares.get(file);
      if (all == null) {
        return false;
      }
      ClientOpens client = clients.get(clientId);
      int others = all.without(client == null ? null : client.opensOfFile.get(file));
      int writers = OpenConst4.OPEN4_SHARE_ACCESS_WRITE | OpenConst4.OPEN4_SHARE_DENY_READ << 2;
      return write ? others != 0 : (others & writers) != 0;
    } finally {
      lock.unlock();
    }
  }

  /** The filehandle of a file that somebody has open; null for any other. */
  public byte[] fileHandleOf(FileIdentity file) {
    lock.lock();
    try {
      FileShares fileShares = shares.get(file);
      return fileShares == null ? null : fileShares.fileHandle();
    } finally {
      lock.unlock();
    }
  }

  /** Whether anybody has the file open. */
  public boolean isOpen(FileIdentity file) {
    lock.lock();
    try {
      return shares.containsKey(file);
    } finally {
      lock.unlock();
    }
  }

  /** CLOSE (section 18.2): all OPENs of the owner on the file end; the target is given back. */
  public CloseResult close(long clientId, Stateid4 stateid, FileIdentity file) {
    OpenState state;
    boolean last;
    lock.lock();
    try {
      int status = check(clientId, stateid, file);
      if (status != NfsStat4.NFS4_OK) {
        return CloseResult.refused(status);
      }
      state = find(stateid);
      last = removeShare(state);
      forget(state);
    } finally {
      lock.unlock();
    }
    end(state);
    return new CloseResult(NfsStat4.NFS4_OK, state, last);
  }

  /** OPEN_DOWNGRADE (section 18.18): NFS4_OK, NFS4ERR_INVAL, or as {@link #check}. */
  public OpenResult downgrade(
      long clientId, Stateid4 stateid, FileIdentity file, int access, int deny) {
    FileShares.require(access, deny);
    lock.lock();
    try {
      int status = check(clientId, stateid, file);
      if (status != NfsStat4.NFS4_OK) {
        return new OpenResult.Refused(status, "stateid");
      }
      OpenState state = find(stateid);
      if (!state.canDowngradeTo(access, deny)) {
        return new OpenResult.Refused(NfsStat4.NFS4ERR_INVAL, "no such opens");
      }
      shares.get(file).change(state.access(), state.deny(), access, deny);
      sharesOf(state).change(state.access(), state.deny(), access, deny);
      state.downgrade(access, deny);
      return new OpenResult.Opened(state, state.stateid());
    } finally {
      lock.unlock();
    }
  }

  /**
   * FREE_STATEID (section 18.38) of an open stateid: NFS4ERR_LOCKS_HELD while it is open; a revoked
   * one is forgotten.
   */
  public int free(long clientId, Stateid4 stateid) {
    lock.lock();
    try {
      int status = check(clientId, stateid, null);
      OpenState state = find(stateid);
      if (state == null || state.clientId() != clientId) {
        return NfsStat4.NFS4ERR_BAD_STATEID;
      }
      if (state.revokedStatus() == NfsStat4.NFS4_OK) {
        return status == NfsStat4.NFS4_OK ? NfsStat4.NFS4ERR_LOCKS_HELD : status;
      }
      clients.get(clientId).revoked.remove(state);
      forget(state);
      return NfsStat4.NFS4_OK;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes a client's opens away but keeps their stateids, so that it learns of it, until it frees
   * them.
   *
   * @param status NFS4ERR_EXPIRED or NFS4ERR_ADMIN_REVOKED
   */
  public void revokeClient(long clientId, int status) {
    List<OpenState> ended = new ArrayList<>();
    lock.lock();
    try {
      ClientOpens client = clients.get(clientId);
      if (client == null) {
        return;
      }
      client.all.values().forEach(state -> revoke(client, state, status, ended));
    } finally {
      lock.unlock();
    }
    ended.forEach(this::end);
  }

  private void revoke(ClientOpens client, OpenState state, int status, List<OpenState> ended) {
    if (state.revokedStatus() == NfsStat4.NFS4_OK) {
      removeShare(state);
      byOwner.remove(new Key(state.owner(), state.file()));
      everRevoked = true;
      state.revoke(status);
      client.revoked.add(state);
      ended.add(state);
    }
  }

  /** The same with all opens of some files. */
  public void revokeFiles(Set<FileIdentity> files, int status) {
    List<OpenState> ended = new ArrayList<>();
    lock.lock();
    try {
      for (ClientOpens client : clients.values()) {
        client.all.values().stream()
            .filter(state -> files.contains(state.file()))
            .forEach(state -> revoke(client, state, status, ended));
      }
    } finally {
      lock.unlock();
    }
    ended.forEach(this::end);
  }

  /** The files that somebody has open and whose filehandle is such a one. */
  public Set<FileIdentity> filesWhere(Predicate<byte[]> fileHandle) {
    lock.lock();
    try {
      return shares.entrySet().stream()
          .filter(share -> share.getValue().hasHandle(fileHandle))
          .map(Map.Entry::getKey)
          .collect(Collectors.toSet());
    } finally {
      lock.unlock();
    }
  }

  /** Whether the client has revoked opens that it has not freed (sr_status_flags). */
  public boolean hasRevokedState(long clientId) {
    if (!everRevoked) {
      return false;
    }
    lock.lock();
    try {
      ClientOpens client = clients.get(clientId);
      return client != null && !client.revoked.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** The client expired or is gone: everything it has is closed and forgotten. */
  public void clientGone(long clientId) {
    List<OpenState> ended = new ArrayList<>();
    lock.lock();
    try {
      gone.put(clientId, true);
      ClientOpens client = clients.get(clientId);
      if (client == null) {
        return;
      }
      for (OpenState state : List.copyOf(client.all.values())) {
        if (state.revokedStatus() == NfsStat4.NFS4_OK) {
          removeShare(state);
          ended.add(state);
        }
        forget(state);
      }
      clients.remove(clientId);
    } finally {
      lock.unlock();
    }
    ended.forEach(onEnd);
    ended.forEach(state -> state.target().releaseElsewhere());
  }

  /** The server ends: everything is closed, and descriptions are given back. Idempotent. */
  @Override
  public void close() {
    List<Long> all;
    lock.lock();
    try {
      all = List.copyOf(clients.keySet());
    } finally {
      lock.unlock();
    }
    all.forEach(this::clientGone);
  }

  /** Whether the client has opens: DESTROY_CLIENTID must be refused while it does. */
  public boolean hasOpens(long clientId) {
    lock.lock();
    try {
      ClientOpens client = clients.get(clientId);
      return client != null && !client.all.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Opens now held, revoked ones not freed yet included. */
  public int count() {
    lock.lock();
    try {
      return open;
    } finally {
      lock.unlock();
    }
  }

  /** Takes the open's share away; returns whether it was the client's last on the file. */
  private boolean removeShare(OpenState state) {
    state.end();
    removeFrom(shares.get(state.file()), state.file(), state.access(), state.deny());
    FileShares clientShares = sharesOf(state);
    clientShares.remove(state.access(), state.deny());
    if (clientShares.isUnused()) {
      clients.get(state.clientId()).opensOfFile.remove(state.file());
    }
    return clientShares.isUnused();
  }

  /** What the state's client has of the state's file. */
  private FileShares sharesOf(OpenState state) {
    return clients.get(state.clientId()).opensOfFile.get(state.file());
  }

  private void forget(OpenState state) {
    slots.remove(state.otherHigh());
    open--;
    byOwner.remove(new Key(state.owner(), state.file()), state);
    ClientOpens client = clients.get(state.clientId());
    client.all.remove(state.otherHigh());
    if (client.all.isEmpty()) {
      clients.remove(state.clientId());
    }
  }
}
