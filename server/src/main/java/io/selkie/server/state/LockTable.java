package io.selkie.server.state;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.Kernel;
import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.LockConst4;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntSupplier;

/**
 * All byte-range locks of all clients (RFC 8881 section 9): advisory, with the semantics of POSIX,
 * for clients and for processes on the server alike (see {@link KernelLocks}).
 *
 * <p>Who asks for a lock that it would wait for (READW_LT, WRITEW_LT) and is denied is remembered
 * in the order of coming, told when the lock can be had, and has it kept a little while: requests
 * of others that would wait too stand back, those that would not wait do not. That holds for locks
 * of clients only: the kernel says nothing when a local process unlocks, so the client's own
 * polling finds that out.
 *
 * <p>Safe for use by several threads. Each file has a lock of its own, under which memory is
 * touched and fcntl is called, which never waits here. Clients are told of locks without any.
 */
public final class LockTable {

  /** First byte of the {@code other} of every lock stateid. */
  public static final int TAG = 0x42;

  /** So often a waiter may be told and not come, before it has to ask anew to be remembered. */
  private static final int MISSED_MAX = 3;

  private final KernelLocks kernel;
  private final NanoClock clock;
  private final Timers timers;
  private final LockLimits limits;
  private final LockNotifier notifier;
  private final LockAccounts accounts;
  final ConcurrentHashMap<FileIdentity, FileLocks> files = new ConcurrentHashMap<>();

  /**
   * Empty.
   *
   * @param bootEpoch differs from that of every earlier server with the same state directory
   */
  public LockTable(
      Kernel kernel,
      NanoClock clock,
      Timers timers,
      int bootEpoch,
      LockLimits limits,
      LockNotifier notifier) {
    this.kernel = new KernelLocks(kernel);
    this.clock = clock;
    this.timers = timers;
    this.limits = limits;
    this.notifier = notifier;
    this.accounts = new LockAccounts(bootEpoch, limits);
  }

  // ---------------------------------------------------------------- stateids

  /** Whether the {@code other} is one of a lock stateid, of whatever server. */
  public static boolean isLockStateid(Stateid4 stateid) {
    return StateidSlots.is(stateid, TAG);
  }

  /** Whether offset and length name a range; NFS4ERR_INVAL if not (section 18.10.3). */
  public static boolean isRange(long offset, long length) {
    return LockRange.of(offset, length).isPresent();
  }

  /**
   * The stateid of the open by which a READ, WRITE or LAYOUTGET with a lock stateid is judged
   * (section 9.1.2).
   *
   * @param stateid one that {@link #check} found good
   * @return {@link io.selkie.protocol.nfs4.Stateids#INVALID} when it has ended in between
   */
  public Stateid4 openOf(Stateid4 stateid) {
    LockState state = find(stateid);
    return state == null ? Stateids.INVALID : state.open().stateid().withSeqid(0);
  }

  /** The state that a stateid names, whatever its seqid, revoked or not; null for none. */
  public LockState find(Stateid4 stateid) {
    return accounts.find(stateid);
  }

  /**
   * Checks a stateid that has to name locks (RFC 8881 section 8.2.4): NFS4_OK, NFS4ERR_BAD_STATEID,
   * NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED or NFS4ERR_ADMIN_REVOKED.
   *
   * @param file the current file; null to ask about the stateid alone
   */
  public int check(long clientId, Stateid4 stateid, FileIdentity file) {
    LockState state = find(stateid);
    if (state == null
        || state.owner().clientId() != clientId
        || (file != null && !state.open().file().equals(file))) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    if (state.revokedStatus() != NfsStat4.NFS4_OK) {
      return state.revokedStatus();
    }
    int seqid = stateid.seqid();
    int current = state.stateid().seqid();
    if (seqid == 0 || seqid == current) {
      return NfsStat4.NFS4_OK;
    }
    // Serial arithmetic: over the wrap the lower one is the older one (section 8.2.2).
    return seqid - current < 0 ? NfsStat4.NFS4ERR_OLD_STATEID : NfsStat4.NFS4ERR_BAD_STATEID;
  }

  /**
   * FREE_STATEID (section 18.38): NFS4ERR_LOCKS_HELD while anything is locked under it, NFS4_OK
   * when it is forgotten, or as {@link #check}.
   */
  public int free(long clientId, Stateid4 stateid) {
    LockState state = find(stateid);
    int status = check(clientId, stateid, null);
    if (state == null || status == NfsStat4.NFS4ERR_BAD_STATEID) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    if (state.revokedStatus() != NfsStat4.NFS4_OK) {
      accounts.forget(state);
      return NfsStat4.NFS4_OK;
    }
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    return with(
        state.open().file(),
        locks -> {
          if (state.locks > 0) {
            return NfsStat4.NFS4ERR_LOCKS_HELD;
          }
          forget(locks, state);
          return NfsStat4.NFS4_OK;
        });
  }

  private void forget(FileLocks locks, LockState state) {
    locks.states.remove(new FileLocks.Key(state.open(), state.owner()), state);
    accounts.forget(state);
  }

  // ---------------------------------------------------------------- LOCK

  /**
   * LOCK by an owner new to this open (open_to_lock_owner4). The owner may be known all the same:
   * then its state goes on.
   *
   * @param open found by a stateid that was checked
   * @param owner with the client of the session
   * @param args what was asked
   */
  public LockResult lock(OpenState open, LockOwner4 owner, LockArgs4.Lock args) {
    Optional<LockRange> range = LockRange.of(args.offset(), args.length());
    return range.isEmpty()
        ? new LockResult.Refused(NfsStat4.NFS4ERR_INVAL)
        : change(open.file(), locks -> lock(locks, open, owner, range.get(), args.type()));
  }

  /** LOCK by an owner that has a lock stateid (exist_lock_owner4). */
  public LockResult lock(long clientId, FileIdentity file, LockArgs4.Lock args) {
    Optional<LockRange> range = LockRange.of(args.offset(), args.length());
    if (range.isEmpty()) {
      return new LockResult.Refused(NfsStat4.NFS4ERR_INVAL);
    }
    return change(
        file,
        locks -> {
          int status = check(clientId, args.stateid(), file);
          LockState state = find(args.stateid());
          return status != NfsStat4.NFS4_OK || state == null
              ? new LockResult.Refused(
                  status != NfsStat4.NFS4_OK ? status : NfsStat4.NFS4ERR_BAD_STATEID)
              : lock(locks, state.open(), state.owner(), range.get(), args.type());
        });
  }

  private LockResult lock(
      FileLocks locks, OpenState open, LockOwner4 owner, LockRange range, int type) {
    boolean exclusive = LockConst4.isWrite(type);
    if (open.hasEnded()) {
      return new LockResult.Refused(NfsStat4.NFS4ERR_BAD_STATEID);
    }
    if (!(exclusive ? open.writable() : open.readable())) {
      return new LockResult.Refused(NfsStat4.NFS4ERR_OPENMODE);
    }
    boolean blocking = LockConst4.isBlocking(type);
    ByteLock held = locks.conflict(range, exclusive, owner);
    if (held != null) {
      await(locks, open, owner, range, exclusive, blocking);
      return denied(held.range, held.exclusive, held.owner());
    }
    LockWaiter kept = blocking ? locks.queue.keptFor(range, exclusive, owner) : null;
    if (kept != null) {
      await(locks, open, owner, range, exclusive, true);
      return denied(kept.range, kept.exclusive, kept.owner);
    }
    LockState state = locks.states.get(new FileLocks.Key(open, owner));
    int more = locks.splits(owner, range) ? 2 : 1;
    int admitted = accounts.admit(owner.clientId(), more, state == null);
    if (admitted != NfsStat4.NFS4_OK) {
      return new LockResult.Refused(admitted);
    }
    Optional<LockResult> refused = kernel.lock(open.target().fd(), range, exclusive);
    if (refused.isPresent()) {
      // Nobody would tell us when a local process unlocks.
      stopWaiting(locks, owner, range);
      return refused.get();
    }
    if (state == null) {
      state = accounts.newState(owner, open);
      locks.states.put(new FileLocks.Key(open, owner), state);
    }
    accounts.count(owner.clientId(), locks.lock(state, range, exclusive));
    stopWaiting(locks, owner, range);
    return new LockResult.Done(state.bump());
  }

  private static LockResult.Denied denied(LockRange range, boolean exclusive, LockOwner4 owner) {
    return new LockResult.Denied(
        new LockArgs4.Denied(
            range.first(),
            range.length(),
            exclusive ? LockConst4.WRITE_LT : LockConst4.READ_LT,
            owner));
  }

  // ---------------------------------------------------------------- LOCKT

  /**
   * LOCKT: what would be in the way.
   *
   * @param fd the file's description; empty to ask about clients only
   * @return empty for nothing; NFS4ERR_INVAL for a range that is none
   */
  public Optional<LockResult> test(
      LockOwner4 owner, FileIdentity file, LockArgs4.Test args, OptionalInt fd) {
    Optional<LockRange> asked = LockRange.of(args.offset(), args.length());
    if (asked.isEmpty()) {
      return Optional.of(new LockResult.Refused(NfsStat4.NFS4ERR_INVAL));
    }
    LockRange range = asked.get();
    boolean exclusive = LockConst4.isWrite(args.type());
    FileLocks locks = files.get(file);
    if (locks != null) {
      synchronized (locks) {
        ByteLock held = locks.conflict(range, exclusive, owner);
        if (held != null) {
          return Optional.of(denied(held.range, held.exclusive, held.owner()));
        }
      }
    }
    return fd.isEmpty()
        ? Optional.empty()
        : kernel.inTheWay(fd.getAsInt(), range, exclusive).map(LockResult.Denied::new);
  }

  // ---------------------------------------------------------------- LOCKU

  /** LOCKU: unlocks whatever the owner holds of the range, through whichever open (section 9.5). */
  public LockResult unlock(long clientId, FileIdentity file, LockArgs4.Unlock args) {
    Optional<LockRange> range = LockRange.of(args.offset(), args.length());
    if (range.isEmpty()) {
      return new LockResult.Refused(NfsStat4.NFS4ERR_INVAL);
    }
    return change(
        file,
        locks -> {
          int status = check(clientId, args.stateid(), file);
          LockState state = find(args.stateid());
          if (status != NfsStat4.NFS4_OK || state == null || state.open().hasEnded()) {
            return new LockResult.Refused(
                status != NfsStat4.NFS4_OK ? status : NfsStat4.NFS4ERR_BAD_STATEID);
          }
          return unlock(locks, state, range.get());
        });
  }

  private LockResult unlock(FileLocks locks, LockState state, LockRange range) {
    LockOwner4 owner = state.owner();
    if (locks.splits(owner, range)) {
      int admitted = accounts.admit(owner.clientId(), 1, false);
      if (admitted != NfsStat4.NFS4_OK) {
        return new LockResult.Refused(admitted);
      }
    }
    int before = locks.size();
    List<LockRange> freed = locks.unlock(owner, range);
    accounts.count(owner.clientId(), locks.size() - before);
    kernel.release(state.open().target().fd(), locks, freed);
    stopWaiting(locks, owner, range);
    return new LockResult.Done(state.bump());
  }

  // ---------------------------------------------------------------- ends

  /**
   * An open has ended, its description is still there: what was locked through it is unlocked
   * (section 18.2.3 lets us, and who closes a file expects no less). Its lock stateids end with it;
   * if it was revoked they stay until the client frees them.
   */
  public void openEnded(OpenState open) {
    if (!files.containsKey(open.file())) {
      return;
    }
    change(
        open.file(),
        locks -> {
          int before = locks.size();
          List<LockRange> freed = new ArrayList<>();
          for (LockState state : List.copyOf(locks.states.values())) {
            if (state.open() == open) {
              freed.addAll(locks.unlock(state));
              end(locks, state, open.revokedStatus());
            }
          }
          accounts.count(open.clientId(), locks.size() - before);
          kernel.release(open.target().fd(), locks, freed);
          accounts.waitersGone(locks.queue.remove(waiter -> waiter.open == open));
          return true;
        });
  }

  private void end(FileLocks locks, LockState state, int revokedStatus) {
    if (revokedStatus == NfsStat4.NFS4_OK) {
      forget(locks, state);
    } else {
      locks.states.remove(new FileLocks.Key(state.open(), state.owner()));
      accounts.revoke(state, revokedStatus);
    }
  }

  /** The client is gone, and its opens before it: stateids that it has not freed are forgotten. */
  public void clientGone(long clientId) {
    accounts.statesOf(clientId).forEach(accounts::forget);
  }

  // ---------------------------------------------------------------- waiting

  /** Who would wait is remembered; who asks once more without waiting has given up. */
  private void await(
      FileLocks locks,
      OpenState open,
      LockOwner4 owner,
      LockRange range,
      boolean exclusive,
      boolean blocking) {
    if (!blocking) {
      accounts.waitersGone(
          locks.queue.remove(waiter -> waiter.owner.equals(owner) && waiter.range.equals(range)));
      return;
    }
    long now = clock.nanoTime();
    LockWaiter waiter = locks.queue.find(owner, range, exclusive);
    if (waiter != null) {
      waiter.askedAtNanos = now;
      waiter.missed = 0;
      if (waiter.state() == LockWaiter.State.TOLD) {
        waiter.become(LockWaiter.State.WAITING);
      }
      return;
    }
    if (locks.queue.size() >= limits.waitersPerFileMax()) {
      forgetSilent(locks, now);
    }
    if (locks.queue.size() < limits.waitersPerFileMax() && accounts.admitWaiter()) {
      locks.queue.add(new LockWaiter(open, owner, range, exclusive, now));
    }
  }

  private void forgetSilent(FileLocks locks, long now) {
    accounts.waitersGone(
        locks.queue.remove(waiter ->
            waiter.state() == LockWaiter.State.WAITING
                && now - waiter.askedAtNanos > limits.forget().toNanos()));
  }

  private void stopWaiting(FileLocks locks, LockOwner4 owner, LockRange range) {
    accounts.waitersGone(
        locks.queue.remove(waiter -> waiter.owner.equals(owner) && waiter.range.overlaps(range)));
  }

  /** Somebody could not be told: the next one's turn. */
  private void unreachable(FileIdentity file, LockWaiter waiter, int telling) {
    ifStillTold(file, waiter, telling, locks -> accounts.waitersGone(locks.queue.remove(waiter)));
  }

  /**
   * Somebody told did not come: the next one's turn. Who is only slow, and asked not long ago,
   * keeps a place behind all others, because a client may poll as seldom as twice a minute.
   */
  private void passOver(FileIdentity file, LockWaiter waiter, int telling) {
    ifStillTold(
        file,
        waiter,
        telling,
        locks -> {
          if (waiter.missed < MISSED_MAX) {
            locks.queue.toTheEnd(waiter);
          } else {
            accounts.waitersGone(locks.queue.remove(waiter));
          }
        });
  }

  private void ifStillTold(
      FileIdentity file, LockWaiter waiter, int telling, Consumer<FileLocks> action) {
    if (files.containsKey(file)) {
      change(
          file,
          locks -> {
            if (waiter.state() == LockWaiter.State.TOLD && waiter.tellings == telling) {
              action.accept(locks);
            }
            return true;
          });
    }
  }

  // ---------------------------------------------------------------- the description

  /**
   * Another description of the file takes the place of the one there is: the locks are on both
   * before the old one goes.
   *
   * @param fd of the new one
   * @param swap puts it in place; 0 or more, or {@code -errno}
   * @return what the swap said, or {@code -errno} when the locks cannot be carried over, and then
   *     nothing is swapped
   */
  public int carryOver(FileIdentity file, int fd, IntSupplier swap) {
    return with(
        file,
        locks -> {
          int result = kernel.copy(locks, fd);
          return result < 0 ? result : swap.getAsInt();
        });
  }

  // ---------------------------------------------------------------- what others ask

  /** Whether the client has lock stateids. */
  public boolean holdsState(long clientId) {
    return !accounts.statesOf(clientId).isEmpty();
  }

  /** Whether the client has revoked locks that it has not freed (sr_status_flags). */
  public boolean hasRevokedState(long clientId) {
    return accounts.hasRevoked(clientId);
  }

  /** Ranges now locked. */
  public int count() {
    return accounts.locks();
  }

  /** Requests now remembered. */
  public int waiterCount() {
    return accounts.waiters();
  }

  // ---------------------------------------------------------------- one file

  private record Told(LockWaiter waiter, int telling) {}

  /** Does something that may let waiters have their locks; tells them when no lock is held. */
  private <T> T change(FileIdentity file, Function<FileLocks, T> action) {
    List<Told> told = new ArrayList<>(0);
    T result =
        with(
            file,
            locks -> {
              T value = action.apply(locks);
              if (!locks.queue.isEmpty()) {
                forgetSilent(locks, clock.nanoTime());
                for (LockWaiter waiter : locks.queue.next(locks)) {
                  told.add(new Told(waiter, waiter.tellings));
                }
              }
              return value;
            });
    for (Told each : told) {
      timers.schedule(limits.window().toNanos(), () -> passOver(file, each.waiter, each.telling));
      Runnable unreachable = () -> unreachable(file, each.waiter, each.telling);
      // Not on this stack: of a thousand who cannot be told each would call the next.
      notifier.available(each.waiter.owner, file, () -> timers.schedule(0, unreachable));
    }
    return result;
  }

  private <T> T with(FileIdentity file, Function<FileLocks, T> action) {
    while (true) {
      FileLocks locks = files.computeIfAbsent(file, FileLocks::new);
      synchronized (locks) {
        if (locks.isDead) {
          continue;
        }
        try {
          return action.apply(locks);
        } finally {
          if (locks.isEmpty()) {
            locks.isDead = true;
            files.remove(file, locks);
          }
        }
      }
    }
  }
}
