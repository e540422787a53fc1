package io.selkie.lease;

import io.selkie.config.time.Timers.Timer;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.SealListener;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.LeaseType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A seal on a kernel lease: the state machine, the counted handles, the mapping.
 *
 * <p>The monitor guards the fields and is never held across a callback or a call that may block for
 * long.
 */
final class KernelSeal implements Seal, LeaseHolder {

  private static final Logger LOG = LoggerFactory.getLogger(KernelSeal.class);

  /** The copy of the descriptor that is kept for after a kill; guarded by the monitor. */
  private enum Copy {
    /** There is none. */
    NONE,
    /** It is just being handed over, by one thread. */
    HANDING,
    /** There is one. */
    KEPT
  }

  private final SealContext context;
  private final SealTarget target;
  private final SealListener listener;
  private final long number;
  private final FileMapping mapping;
  private final GrantedMaps granted = new GrantedMaps();

  /** What was read under the lease, as long as it must still be so; null when nothing is known. */
  private BlockMap known;

  private SealMode mode;
  private boolean exact;
  private SealState state = SealState.NEW;
  private boolean leaseTaken;
  private boolean closing;
  private boolean tornDown;

  private Copy copy = Copy.NONE;
  private boolean breakSeen;
  private boolean kernelBreakTold;
  private long deadlineNanos;
  private Timer deadlineTimer;
  private int auditFailures;

  /** Retains the target; {@link #abandon} or {@link #release} gives it back. */
  KernelSeal(SealContext context, SealTarget target, SealListener listener, long number) {
    this.context = context;
    this.target = target;
    this.listener = listener;
    this.number = number;
    this.mapping = new FileMapping(context.kernel(), target.writable());
    target.retain();
  }

  @Override
  public SealTarget target() {
    return target;
  }

  /** Tells seals apart; ascending. */
  long number() {
    return number;
  }

  @Override
  public synchronized SealMode mode() {
    return mode;
  }

  @Override
  public synchronized SealState state() {
    return state;
  }

  @Override
  public synchronized boolean exact() {
    return exact;
  }

  @Override
  public MemorySegment mapping() {
    return mapping.bytes();
  }

  @Override
  public synchronized OptionalLong deadlineNanos() {
    return state == SealState.BREAKING ? OptionalLong.of(deadlineNanos) : OptionalLong.empty();
  }

  @Override
  public synchronized int liveHandles() {
    return granted.size();
  }

  // ---------------------------------------------------------------- handles (S1)

  @Override
  public boolean addHandle(BlockMap map) {
    return addHandle(map, Names.MAPPING);
  }

  @Override
  public synchronized boolean addHandle(BlockMap map, Names names) {
    if (names == Names.STORAGE && !exact) {
      throw new IllegalArgumentException(
          "S2: " + target.describe() + " has no places on the storage that are its data");
    }
    if (names == Names.MAPPING && map.range().end() > mapping.bytes().byteSize()) {
      throw new IllegalArgumentException(
          "S1: " + map.range() + " reaches past the mapping of " + target.describe());
    }
    if (state != SealState.HELD || closing) {
      return false;
    }
    granted.add(map);
    return true;
  }

  @Override
  public synchronized void removeHandle(BlockMap map) {
    if (!granted.remove(map)) {
      throw new IllegalStateException(
          "S1: no handle on " + map.range() + " of " + target.describe() + " was counted");
    }
  }

  /** What is granted now, for the auditor. */
  synchronized List<BlockMap> grants() {
    return granted.copy();
  }

  /** Whether this very map is still granted: a difference in it counts only then. */
  synchronized boolean isGranted(BlockMap map) {
    return granted.has(map);
  }

  // ---------------------------------------------------------------- what is known of the map (S2)

  /**
   * What was read of a range under this lease and cannot have changed since, where places count;
   * empty when it has to be read.
   */
  synchronized Optional<BlockMap> known(ByteRange range) {
    return exact && state == SealState.HELD && known != null && known.range().contains(range)
        ? Optional.of(known.clip(range))
        : Optional.empty();
  }

  /** A map was read under the lease; it counts until {@link #forgetMap}. */
  synchronized void know(BlockMap map) {
    known = map;
  }

  @Override
  public synchronized void forgetMap() {
    known = null;
  }

  // ---------------------------------------------------------------- the way up

  void prepare() {
    advance(SealState.PREPARING);
  }

  /** Takes the kernel lease. */
  LeaseKeeper.Taking seal(SealMode wanted) {
    synchronized (this) {
      mode = wanted;
    }
    advance(SealState.SEALING);
    LeaseType type = wanted == SealMode.SHARED ? LeaseType.READ : LeaseType.WRITE;
    LeaseKeeper.Taking taking = context.keeper().take(target.fd(), type, this);
    synchronized (this) {
      leaseTaken = taking.result() >= 0;
    }
    return taking;
  }

  /** Maps the file under the lease; 0, or {@code -errno}. */
  int verify(long sizeBytes, boolean mapExact, boolean dax) {
    advance(SealState.VERIFYING);
    return map(sizeBytes, mapExact, dax);
  }

  /** Nothing is mapped: the lease is all that is wanted for now. */
  void leased() {
    advance(SealState.VERIFYING);
  }

  /** Whether {@link #verify} or {@link #map} has mapped the file. */
  boolean isMapped() {
    return mapping.isOpen();
  }

  /**
   * Maps the file under a lease that was held without; not yet while it is empty. 0, or {@code
   * -errno}.
   */
  int map(long sizeBytes, boolean mapExact, boolean dax) {
    synchronized (this) {
      exact = mapExact;
    }
    return sizeBytes == 0 ? 0 : mapping.open(target.fd(), sizeBytes, dax);
  }

  /** Whether a break is in progress, be it one whose signal was not yet seen. */
  boolean isBreaking() {
    synchronized (this) {
      if (breakSeen || state == SealState.BREAKING) {
        return true;
      }
    }
    return context.keeper().isBreaking(target.fd(), this);
  }

  /** The last step up; false when a break came first. */
  boolean hold() {
    synchronized (this) {
      if (breakSeen) {
        return false;
      }
      become(SealState.HELD);
    }
    tell(SealState.VERIFYING, SealState.HELD);
    return true;
  }

  /** Sealing failed: undoes what was done. */
  void abandon() {
    SealState from;
    synchronized (this) {
      from = state;
      become(SealState.LOST);
      closing = true;
    }
    tearDown();
    tell(from, SealState.LOST);
  }

  // ---------------------------------------------------------------- use under the seal

  /** Keeps the descriptor open for work under the seal; false when it is no longer held. */
  synchronized boolean enter() {
    if (state != SealState.HELD || closing) {
      return false;
    }
    target.retain();
    return true;
  }

  /** Ends what {@link #enter} began. */
  void exit() {
    target.release();
  }

  /** Makes the mapping reach the file's end as it is now; 0, or {@code -errno}. */
  int reach(long sizeBytes) {
    return mapping.reach(target.fd(), sizeBytes);
  }

  @Override
  public long sizeBytes() {
    var status = new FileStatus();
    return FileProbes.status(context.kernel(), target.fd(), status) < 0 ? 0 : status.size();
  }

  @Override
  public boolean keep() {
    synchronized (this) {
      if (state.isEnd() || closing) {
        return false;
      }
      if (copy != Copy.NONE) {
        // Grants of one file come one after the other, so nobody else is just handing it over.
        return copy == Copy.KEPT;
      }
      copy = Copy.HANDING;
      target.retain();
    }
    boolean done = false;
    try {
      done = context.descriptors().get().keep(target);
    } finally {
      boolean late;
      synchronized (this) {
        late = done && tornDown;
        copy = done && !late ? Copy.KEPT : Copy.NONE;
      }
      if (late) {
        context.descriptors().get().letGo(target);
      }
      target.release();
    }
    return done;
  }

  @Override
  public int flush(ByteRange range) {
    synchronized (this) {
      if (state.isEnd() || closing) {
        return Errno.ESTALE.result();
      }
      target.retain();
    }
    try {
      Optional<CacheLines> cacheLines = context.cacheLines();
      if (cacheLines.isPresent() && mapping.synchronous()) {
        int result = mapping.writeBack(cacheLines.get(), range);
        if (!Errno.EINVAL.is(result)) {
          return result;
        }
      }
      return context.kernel().fdatasync(target.fd());
    } finally {
      target.release();
    }
  }

  // ---------------------------------------------------------------- the way down

  @Override
  public void onLeaseBreak(long seenAtNanos) {
    long kernelDeadline = context.deadlines().get().kernelDeadline(seenAtNanos);
    boolean wasHeld;
    synchronized (this) {
      if (state.isEnd() || closing || kernelBreakTold) {
        return;
      }
      wasHeld = state == SealState.HELD;
      if (!wasHeld && state != SealState.BREAKING) {
        breakSeen = true;
        return;
      }
      kernelBreakTold = true;
      deadlineNanos = wasHeld ? kernelDeadline : Math.min(deadlineNanos, kernelDeadline);
      if (wasHeld) {
        become(SealState.BREAKING);
      }
    }
    if (!context.deadlines().get().kernelWaitsForEver()) {
      watchDeadline(kernelDeadline);
    }
    if (wasHeld) {
      tellBreak(BreakCause.KERNEL_LEASE_BREAK, seenAtNanos, kernelDeadline);
    }
  }

  /** An audit found a difference: exactly one call leads to the listener. */
  void onDifference(long seenAtNanos) {
    synchronized (this) {
      if (state != SealState.HELD || closing) {
        return;
      }
      become(SealState.BREAKING);
      // What was granted is wrong already: there is no time to spare.
      deadlineNanos = seenAtNanos;
    }
    tellBreak(BreakCause.AUDIT_DIFFERENCE, seenAtNanos, seenAtNanos);
  }

  private void tellBreak(BreakCause cause, long seenAtNanos, long deadline) {
    tell(SealState.HELD, SealState.BREAKING);
    context.events().onBreak(target, cause, seenAtNanos, deadline);
    try {
      listener.onBreak(this, cause, seenAtNanos, deadline);
    } catch (RuntimeException e) {
      LOG.error("the break of {} was not handled; it stays BREAKING", target.describe(), e);
      context.events().onListenerFailure(target, e, context.clock().nanoTime());
    }
  }

  private void watchDeadline(long kernelDeadline) {
    long delayNanos = kernelDeadline - context.clock().nanoTime();
    Timer timer = context.timers().schedule(delayNanos, this::onDeadline);
    synchronized (this) {
      if (!closing) {
        deadlineTimer = timer;
        return;
      }
    }
    timer.cancel();
  }

  /** The kernel took the lease: too late for everything (S4). */
  private void onDeadline() {
    int live;
    synchronized (this) {
      if (state != SealState.BREAKING || closing) {
        return;
      }
      become(SealState.LOST);
      live = granted.size();
    }
    tellLost(live);
  }

  private void tellLost(int live) {
    tell(SealState.BREAKING, SealState.LOST);
    context.events().onLost(target, live, context.clock().nanoTime());
  }

  @Override
  public long release() {
    SealState from;
    SealState end;
    Timer timer;
    synchronized (this) {
      if (granted.size() > 0) {
        throw new IllegalStateException(
            "S1: "
                + granted.size()
                + " handles live on "
                + target.describe()
                + ": invalidate them before its seal is released");
      }
      if (closing) {
        return context.clock().nanoTime();
      }
      if (state != SealState.HELD && state != SealState.BREAKING && state != SealState.LOST) {
        throw new IllegalStateException("seal of " + target.describe() + " is " + state);
      }
      closing = true;
    }
    mapping.retire();
    synchronized (this) {
      from = state;
      end = endOf(from);
      if (from != end) {
        become(end);
      }
      timer = deadlineTimer;
    }
    if (timer != null) {
      timer.cancel();
    }
    long letGoAtNanos = context.clock().nanoTime();
    tearDown();
    if (from == SealState.BREAKING && end == SealState.LOST) {
      tellLost(0);
    } else if (from != end) {
      tell(from, end);
    }
    return letGoAtNanos;
  }

  private SealState endOf(SealState from) {
    boolean late =
        kernelBreakTold
            && !context.deadlines().get().kernelWaitsForEver()
            && context.clock().nanoTime() - deadlineNanos >= 0;
    return from == SealState.LOST || (from == SealState.BREAKING && late)
        ? SealState.LOST
        : SealState.RELEASED;
  }

  /**
   * Lease first. No handle lives and no toucher is in, so nothing reaches the mapping any more, and
   * the breaker need not wait while the JVM makes the memory unusable, for which it must reach all
   * its threads, and while the pages are unmapped.
   */
  private void tearDown() {
    boolean lease;
    boolean kept;
    synchronized (this) {
      if (tornDown) {
        return;
      }
      tornDown = true;
      lease = leaseTaken;
      kept = copy == Copy.KEPT;
    }
    if (lease) {
      int result = context.keeper().giveUp(target.fd(), this);
      if (result < 0) {
        LOG.error("cannot give up {}: {}", target.describe(), Errno.describe(result));
      }
    }
    if (kept) {
      context.descriptors().get().letGo(target);
    }
    context.auditor().forget(this);
    unmap();
    target.release();
  }

  private void unmap() {
    try {
      mapping.invalidate();
    } catch (IllegalStateException e) {
      // Unmapping would take the memory away under somebody's hands: rather lose some addresses.
      LOG.error("S3: the mapping of {} is in use without a handle; it stays", target.describe(), e);
      return;
    }
    int result = mapping.unmap();
    if (result < 0) {
      LOG.error("cannot unmap {}: {}", target.describe(), Errno.describe(result));
    }
  }

  // ---------------------------------------------------------------- the state machine

  private void advance(SealState next) {
    SealState from;
    synchronized (this) {
      from = state;
      become(next);
    }
    tell(from, next);
  }

  /** The one transition method; guarded by the monitor. */
  private void become(SealState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException(
          "seal of " + target.describe() + ": no way from " + state + " to " + next);
    }
    state = next;
  }

  private void tell(SealState from, SealState to) {
    context.events().onTransition(target, from, to, context.clock().nanoTime());
  }

  /** Counts audits in a row that could not read the map. */
  synchronized int countAuditFailure(boolean failed) {
    auditFailures = failed ? auditFailures + 1 : 0;
    return auditFailures;
  }
}
