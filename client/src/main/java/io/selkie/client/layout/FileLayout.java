package io.selkie.client.layout;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientTimeoutException;
import io.selkie.client.FallbackReason;
import io.selkie.client.FileHandle;
import io.selkie.client.direct.DirectIo.Outcome;
import io.selkie.client.direct.DirtyRange;
import io.selkie.client.direct.GrantedExtent;
import io.selkie.client.direct.IoGate;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.nfs.LayoutCalls.GetResult;
import io.selkie.client.nfs.LayoutCalls.Granted;
import io.selkie.client.nfs.LayoutCalls.Refused;
import io.selkie.client.nfs.LayoutCalls.Returned;
import io.selkie.client.session.BackOff;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.StateListener;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Stateid4;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The layouts of one file, as one client holds them: one layout stateid, extents to read and
 * extents to write, and the direct I/O under them.
 *
 * <p><b>Order.</b> At most one LAYOUTGET and at most one return are on the way at a time. A return
 * closes the gate, waits until no direct I/O is in flight, commits what was written, and then sends
 * LAYOUTRETURN; the reply means that the handles are dead, so nothing written before can land
 * after. A recall is held back while a LAYOUTGET's reply is due that the server sent before it (RFC
 * 8881 section 12.5.5.2.1).
 *
 * <p>Safe for use by several threads. The lock is never held across a call.
 */
public final class FileLayout {
  private static final Logger LOG = LoggerFactory.getLogger(FileLayout.class);
  private static final long ALL = Long.MAX_VALUE;
  private static final Access.Ready READY = new Access.Ready();

  /** What a return came to. */
  public enum ReturnOutcome {
    /** Nothing was held, or somebody else had returned it already. */
    NOTHING_HELD,
    /** The server took the layout back. */
    RETURNED,
    /** The server had revoked the layout: this client was fenced. */
    FENCED
  }

  private final FileHandle handle;
  private final String path;
  private final LayoutContext context;
  private final LayoutWire wire;
  private final IoGate gate = new IoGate();
  private final DirtyCommits commits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final HeldExtents held = new HeldExtents();

  // Under the lock.
  private LayoutState state = LayoutState.NONE;
  private Stateid4 stateid;
  // The one of before a restart of the server, for LAYOUTCOMMIT in reclaim mode.
  private Stateid4 lostStateid;
  private boolean isGetSent;
  private boolean isGetBeingUsed;
  private Stateid4 lastReturned;
  private Access.Denied refusal;
  private long refusedUntilNanos;
  private boolean isRefusedForGood;

  /**
   * Nothing is held.
   *
   * @param path for messages
   */
  public FileLayout(FileHandle handle, String path, LayoutContext context) {
    this.handle = handle;
    this.path = path;
    this.context = context;
    this.wire = new LayoutWire(handle, path, context);
    this.commits = new DirtyCommits(wire, gate, held, context.counters());
  }

  /** Direct I/O counts itself in and out here. */
  public IoGate gate() {
    return gate;
  }

  /** What was written directly and is not durable yet. */
  public DirtyRange dirty() {
    return commits.dirty();
  }

  /** The extents and the size that may be relied on. */
  public HeldExtents held() {
    return held;
  }

  // ---- getting ----

  /**
   * Makes direct access to a range possible, if it can be.
   *
   * @param open the stateid of an open file that allows the access
   * @param insist whether to wait for what may pass (recalls, conflicts) until the deadline
   */
  public Access obtain(
      boolean write,
      long position,
      long length,
      Supplier<Stateid4> open,
      boolean insist,
      Deadline deadline)
      throws IOException {
    BackOff backOff = context.session().backOff(deadline);
    Access.Denied last = null;
    while (true) {
      Access.Denied inTheWay;
      try {
        inTheWay = awaitTurn(write, position, length, insist, deadline);
        if (inTheWay == null) {
          if (!startGet(write, position, length)) {
            return READY;
          }
          inTheWay = getAndFinish(write, position, length, open, deadline);
          if (inTheWay == null) {
            return READY;
          }
        }
      } catch (ClientTimeoutException e) {
        throw last == null ? e : new ClientTimeoutException(last.detail(), e);
      }
      last = inTheWay;
      if (!insist || LayoutRules.isFinal(inTheWay.reason())) {
        return inTheWay;
      }
      context.counters().increment(Counter.BACK_OFFS);
      backOff.pause("layout of " + path + ": " + inTheWay.detail());
    }
  }

  /** Waits until a LAYOUTGET may be sent; a denial when that is not to be, or not now. */
  private Access.Denied awaitTurn(
      boolean write, long position, long length, boolean insist, Deadline deadline)
      throws IOException {
    lock.lock();
    try {
      while (true) {
        boolean isReturning = state == LayoutState.RETURNING;
        if (!isReturning && held.view().covers(write, position, length)) {
          return null;
        }
        if (isRefused(insist)) {
          return refusal;
        }
        if (isReturning && !insist) {
          return new Access.Denied(
              FallbackReason.RECALLED, path + ": the layout is being returned");
        }
        if (!isReturning && !isGetSent && !isGetBeingUsed) {
          return null;
        }
        awaitChange("layout of " + path, deadline);
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isRefused(boolean insist) {
    if (refusal == null) {
      return false;
    }
    return isRefusedForGood || (!insist && refusedUntilNanos - context.clock().nanoTime() > 0);
  }

  /** Callers look at what they wait for in a loop. */
  @SuppressWarnings("WaitNotInLoop")
  private void awaitChange(String what, Deadline deadline) throws IOException {
    deadline.check(what, null);
    try {
      var _ = changed.awaitNanos(Math.max(1, deadline.leftNanos()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted = new InterruptedIOException(what + ": interrupted");
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  /** False when somebody else got what is wanted, or must be waited for again. */
  private boolean startGet(boolean write, long position, long length) {
    lock.lock();
    try {
      boolean mayGet = state != LayoutState.RETURNING && !isGetSent && !isGetBeingUsed;
      if (!mayGet || held.view().covers(write, position, length)) {
        return false;
      }
      isGetSent = true;
      return true;
    } finally {
      lock.unlock();
    }
  }

  private Access.Denied getAndFinish(
      boolean write, long position, long length, Supplier<Stateid4> open, Deadline deadline)
      throws IOException {
    try {
      Access.Denied denied = get(write, 0, position + length, 0, open, deadline);
      if (LayoutRules.isOfDevice(denied)) {
        denied = get(write, 0, position + length, 0, open, deadline);
      }
      if (denied == null && !held.view().covers(write, position, length)) {
        // Less than the whole file was granted: ask for what is needed.
        denied = get(write, position, length, length, open, deadline);
        if (denied == null && !held.view().covers(write, position, length)) {
          denied =
              new Access.Denied(
                  held.isChangedSinceExpected()
                      ? FallbackReason.LAYOUT_TRY_LATER
                      : FallbackReason.NOT_COVERED,
                  path + ": bytes " + position + " to " + (position + length));
        }
      }
      remember(denied);
      return denied;
    } finally {
      lock.lock();
      try {
        isGetSent = false;
        isGetBeingUsed = false;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  private void remember(Access.Denied denied) {
    lock.lock();
    try {
      refusal = denied;
      refusedUntilNanos = context.clock().nanoTime() + context.retryNanos();
      isRefusedForGood = denied != null && LayoutRules.isForGood(denied.reason());
    } finally {
      lock.unlock();
    }
  }

  /** The file was opened again: what was refused for good may be asked for again. */
  public void forgetRefusal() {
    remember(null);
  }

  private Access.Denied get(
      boolean write,
      long offset,
      long wantedEnd,
      long minLength,
      Supplier<Stateid4> open,
      Deadline deadline)
      throws IOException {
    int ioMode = write ? LayoutConst4.LAYOUTIOMODE4_RW : LayoutConst4.LAYOUTIOMODE4_READ;
    for (boolean isSecondTry = false; ; isSecondTry = true) {
      Stateid4 used = isSecondTry ? null : heldStateid();
      held.expectGrant(write);
      long sizeMark = held.sizeMark();
      GetResult result =
          context
              .calls()
              .layoutGet(
                  handle,
                  path,
                  used != null ? used : open.get(),
                  ioMode,
                  offset,
                  LayoutCalls.TO_THE_END,
                  minLength,
                  deadline);
      switch (result) {
        case Granted granted -> {
          return use(granted, sizeMark, deadline);
        }
        case Refused refused -> {
          if (used == null || !LayoutCalls.isStateGone(refused.status())) {
            return LayoutRules.denied(refused.status(), path, offset, wantedEnd);
          }
          // The layout stateid is void: what was held is gone, start from the open file again.
          giveBack(ReturnRequest.revoked(), deadline, true);
        }
      }
    }
  }

  private Stateid4 heldStateid() {
    lock.lock();
    try {
      return stateid;
    } finally {
      lock.unlock();
    }
  }

  /** Takes a granted layout into use; a denial when it cannot be used. */
  private Access.Denied use(Granted granted, long sizeMark, Deadline deadline) throws IOException {
    lock.lock();
    try {
      while (state == LayoutState.RETURNING) {
        // A recall that did not depend on this LAYOUTGET is being served; its order is known after.
        awaitChange("layout of " + path, deadline);
      }
      if (isOlderThanReturn(granted.stateid())) {
        isGetSent = false;
        return new Access.Denied(FallbackReason.RECALLED, path + ": recalled as it was granted");
      }
      if (stateid == null
          || !stateid.sameOther(granted.stateid())
          || LayoutRules.isNewer(granted.stateid().seqid(), stateid.seqid())) {
        stateid = granted.stateid();
      }
      state = state.to(LayoutState.HELD);
      isGetSent = false;
      isGetBeingUsed = true;
    } finally {
      lock.unlock();
    }
    context.counters().increment(Counter.LAYOUTS_GRANTED);
    if (granted.sizeBytes() >= 0) {
      held.learnSize(granted.sizeBytes(), sizeMark);
    }
    try {
      GrantedLayout.Extents extents =
          GrantedLayout.check(granted.parts(), context.devices(), deadline);
      lock.lock();
      try {
        // A revocation in between takes the view away, and with it what would be added now.
        if (stateid != null && stateid.sameOther(granted.stateid())) {
          held.add(extents);
        }
      } finally {
        lock.unlock();
      }
      return null;
    } catch (LayoutRefusedException e) {
      LOG.warn("layout of {} cannot be used: {}: {}", path, e.reason(), e.getMessage());
      giveBack(ReturnRequest.all(), deadline, true);
      return new Access.Denied(e.reason(), e.getMessage());
    }
  }

  private boolean isOlderThanReturn(Stateid4 granted) {
    return lastReturned != null
        && lastReturned.sameOther(granted)
        && !LayoutRules.isNewer(granted.seqid(), lastReturned.seqid());
  }

  // ---- returning ----

  /** Whether a recall of this range must be answered with anything but NOMATCHING_LAYOUT. */
  boolean mayHold(long start, long end) {
    lock.lock();
    try {
      return isGetSent
          || isGetBeingUsed
          || state == LayoutState.RETURNING
          || (stateid != null && held.mayHold(start, end));
    } finally {
      lock.unlock();
    }
  }

  /** The layout stateid and whether one is held, for TEST_STATEID; null when none is. */
  Stateid4 stateidToTest() {
    return heldStateid();
  }

  /**
   * After direct I/O failed: returns everything, so that the I/O can be repeated another way
   * without any byte of the first try landing later.
   *
   * @param used the view that the I/O used; when nothing of it is held, that was done already
   * @param failure how the I/O failed
   */
  public FallbackReason abandon(LayoutView used, Outcome failure, Deadline deadline)
      throws IOException {
    ReturnOutcome outcome = giveBack(ReturnRequest.ofView(used), deadline, false);
    boolean isFenced = outcome == ReturnOutcome.FENCED || failure == Outcome.REFUSED;
    FallbackReason reason = isFenced ? FallbackReason.FENCED : FallbackReason.QUEUE_PAIR_LOST;
    if (isFenced) {
      remember(new Access.Denied(FallbackReason.FENCED, path + ": the layout was revoked"));
    }
    return reason;
  }

  /** Returns everything, for a close. */
  public ReturnOutcome returnAll(Deadline deadline) throws IOException {
    return giveBack(ReturnRequest.all(), deadline, false);
  }

  /**
   * Returns what lies at or behind a position, for a truncation of our own; also what a LAYOUTGET
   * on its way brings.
   */
  public void returnFrom(long position, Deadline deadline) throws IOException {
    if (mayHold(position, ALL)) {
      giveBack(ReturnRequest.range(position, ALL), deadline, false);
    }
  }

  /**
   * Serves a recall; blocks until the layout has gone back. Layouts to read and to write go
   * together whatever the recall names: one gate stands before both.
   */
  ReturnOutcome returnRecalled(long start, long end, Stateid4 recallStateid, Deadline deadline)
      throws IOException {
    return giveBack(ReturnRequest.recalled(start, end, recallStateid), deadline, false);
  }

  /** The server says that the layout was revoked: drops it and frees the stateid. */
  void dropRevoked(Deadline deadline) throws IOException {
    giveBack(ReturnRequest.revoked(), deadline, false);
  }

  /** The server has lost all state: nothing is held, and what was dirty is in doubt. */
  public DirtyRange.Taken forget() {
    lock.lock();
    try {
      lostStateid = stateid == null ? lostStateid : stateid;
      stateid = null;
      held.clear();
      held.forgetSize();
      if (state == LayoutState.HELD) {
        state = state.to(LayoutState.NONE);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    return commits.forget();
  }

  /**
   * Has the server commit what {@link #forget} returned, once the file is open again on the new
   * session.
   *
   * @return whether it is durable now
   */
  public boolean reclaimCommit(DirtyRange.Taken doubt, StateListener.RecoveryCalls calls)
      throws IOException {
    Stateid4 lost;
    lock.lock();
    try {
      lost = lostStateid;
    } finally {
      lock.unlock();
    }
    return lost != null && commits.reclaim(doubt, lost, calls);
  }

  private ReturnOutcome giveBack(ReturnRequest request, Deadline deadline, boolean ownsGet)
      throws IOException {
    Stateid4 presented;
    long start = request.start();
    long end = request.end();
    lock.lock();
    try {
      while (state == LayoutState.RETURNING || (!ownsGet && mustAwaitGet(request))) {
        awaitChange("return of the layout of " + path, deadline);
      }
      if (stateid == null
          || (request.usedView() != null && !held.view().shares(request.usedView()))) {
        return ReturnOutcome.NOTHING_HELD;
      }
      // A handle dies as a whole, so whole extents go back.
      LayoutView old = held.view();
      start =
          Math.min(old.readable().widenStart(start, end), old.writable().widenStart(start, end));
      end = Math.max(old.readable().widenEnd(start, end), old.writable().widenEnd(start, end));
      presented = request.stateidOr(stateid);
      state = state.to(LayoutState.RETURNING);
    } finally {
      lock.unlock();
    }
    boolean isDrained = false;
    ReturnOutcome outcome = null;
    Stateid4 left = null;
    try {
      gate.close();
      drain(deadline);
      isDrained = true;
      held.narrow(start, end);
      if (request.isRevoked()) {
        outcome = wire.free(presented);
      } else {
        commits.beforeReturn(presented, deadline);
        Returned returned = wire.sendReturn(request, presented, start, end, deadline);
        left = returned.stateid();
        outcome = wire.judge(returned, presented);
      }
      return outcome;
    } finally {
      finishReturn(outcome, left, presented, isDrained);
    }
  }

  /** Whether a LAYOUTGET's reply has to be used first. */
  private boolean mustAwaitGet(ReturnRequest request) {
    if (isGetBeingUsed) {
      return true;
    }
    Stateid4 recall = request.recallStateid();
    if (!isGetSent || recall == null) {
      return isGetSent;
    }
    int recorded = stateid == null ? 0 : stateid.seqid();
    return recall.seqid() != recorded + 1;
  }

  private void drain(Deadline deadline) throws IOException {
    boolean interrupted = false;
    boolean isDrained = false;
    long patience = context.drainNanos();
    while (!isDrained) {
      try {
        isDrained = gate.awaitDrained(patience);
        if (!isDrained) {
          LOG.warn("{}: I/O in flight holds up a return; its queue pair is broken", path);
          abortChannels("I/O held up the return of the layout of " + path);
          patience = Math.max(patience, deadline.leftNanos());
        }
      } catch (InterruptedException _) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void abortChannels(String why) {
    for (GrantedExtent extent : held.view().extents()) {
      if (extent.channel() != null && extent.channel().isUp()) {
        extent.channel().abort(why);
      }
    }
  }

  private void finishReturn(
      ReturnOutcome outcome, Stateid4 left, Stateid4 presented, boolean isDrained) {
    lock.lock();
    try {
      if (outcome == ReturnOutcome.RETURNED && left != null && stateid != null) {
        stateid = left;
        lastReturned = left;
      } else {
        // Gone; or a return that failed: the lease takes care of it, and nothing is used any more.
        lastReturned = stateid == null ? presented : stateid;
        stateid = null;
        held.clear();
      }
      state = state.to(stateid == null ? LayoutState.NONE : LayoutState.HELD);
      held.forgetSize();
      if (isDrained) {
        gate.open();
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  // ---- committing ----

  /** Makes direct writes that returned before durable; {@code isLast} when no more are to come. */
  public Unsettled commitForSync(boolean isLast, Deadline deadline) throws IOException {
    Stateid4 presented;
    lock.lock();
    try {
      while (state == LayoutState.RETURNING) {
        awaitChange("sync of " + path, deadline);
      }
      presented = stateid;
    } finally {
      lock.unlock();
    }
    return commits.forSync(presented, isLast, deadline);
  }
}
