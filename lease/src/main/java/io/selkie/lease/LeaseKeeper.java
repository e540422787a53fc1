package io.selkie.lease;

import io.selkie.lease.LeaseEvents.SignalAnomaly;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Every kernel lease that is held, by descriptor: takes them, gives them up, and brings a break to
 * its holder. Has no thread of its own: {@link LeaseSignalThread} drives it on a real kernel, a
 * simulated kernel calls {@link #onSignal} itself.
 *
 * <p>A signal names only a descriptor, and a descriptor's number is used again. So a signal is a
 * hint: the holder is told only when F_GETLEASE says that this lease is not what was taken. A
 * signal that is late for one lease can thus never break the next one, and no break is missed,
 * because a holder is known here before its lease is asked for.
 *
 * <p>Safe for use by several threads.
 */
public final class LeaseKeeper {

  private static final int GIVE_UP_TRIES = 4;

  private final Kernel kernel;
  private final LeaseSignals signals;
  private final LeaseEvents events;
  private final ConcurrentHashMap<Integer, Held> heldByFd = new ConcurrentHashMap<>();

  /** A lease that is held or being taken; one object per taking, so that takings are told apart. */
  private record Held(int fd, LeaseType type, LeaseHolder holder) {
    boolean isBreaking(Kernel kernel) {
      return kernel.getLease(fd) != type.number();
    }
  }

  /**
   * How a call to take a lease went.
   *
   * @param call which call failed; of no meaning otherwise
   * @param result 0, or {@code -errno}
   */
  record Taking(String call, int result) {}

  /** Keeps leases of a kernel whose signals go where {@code signals} says. */
  public LeaseKeeper(Kernel kernel, LeaseSignals signals, LeaseEvents events) {
    this.kernel = kernel;
    this.signals = signals;
    this.events = events;
  }

  /**
   * Takes a lease. Signal and owner are set before it, each time anew: giving up a lease resets
   * them.
   *
   * @throws IllegalStateException when the descriptor carries a lease already (S1)
   */
  Taking take(int fd, LeaseType type, LeaseHolder holder) {
    Held held = new Held(fd, type, holder);
    Held other = heldByFd.putIfAbsent(fd, held);
    if (other != null) {
      throw new IllegalStateException(
          "S1: " + holder.target().describe() + " carries a lease already, descriptor " + fd);
    }
    Taking taking = take(held);
    if (taking.result() < 0) {
      // Should the kernel have given it all the same, nobody would know of it: give it back.
      kernel.setLease(fd, LeaseType.NONE);
      heldByFd.remove(fd, held);
    }
    return taking;
  }

  private Taking take(Held held) {
    int result = kernel.setLeaseSignal(held.fd(), signals.signal());
    if (result < 0) {
      return new Taking("F_SETSIG", result);
    }
    result = kernel.setLeaseOwnerThread(held.fd(), signals.ownerThread());
    if (result < 0) {
      return new Taking("F_SETOWN_EX", result);
    }
    result = kernel.setLease(held.fd(), held.type());
    return new Taking("F_SETLEASE", Math.min(result, 0));
  }

  /** Whether the kernel wants a lease back, or took it: true before its signal was even seen. */
  boolean isBreaking(int fd, LeaseHolder holder) {
    Held held = heldByFd.get(fd);
    return held == null || !held.holder().equals(holder) || held.isBreaking(kernel);
  }

  /**
   * Gives a lease up: whoever waits for the file goes on within microseconds.
   *
   * @return 0, or {@code -errno} when the kernel would not
   */
  int giveUp(int fd, LeaseHolder holder) {
    Held held = heldByFd.get(fd);
    if (held == null || !held.holder().equals(holder)) {
      throw new IllegalStateException("no lease of " + holder.target().describe());
    }
    int result = 0;
    for (int attempt = 0; attempt < GIVE_UP_TRIES; attempt++) {
      result = kernel.setLease(fd, LeaseType.NONE);
      // Where the kernel took it, there is none to be given up: EAGAIN.
      if (result >= 0 || kernel.getLease(fd) == LeaseType.NONE.number()) {
        result = 0;
        break;
      }
    }
    heldByFd.remove(fd, held);
    return result;
  }

  /** Leases held or being taken. */
  public int size() {
    return heldByFd.size();
  }

  /**
   * A signal named a descriptor.
   *
   * @param seenAtNanos when
   */
  public void onSignal(int fd, long seenAtNanos) {
    Held held = heldByFd.get(fd);
    if (held != null && held.isBreaking(kernel)) {
      held.holder().onLeaseBreak(seenAtNanos);
    } else {
      events.onSignalAnomaly(SignalAnomaly.STALE, fd, seenAtNanos);
    }
  }

  /** Signals were lost: asks every lease. */
  public void onSignalsLost(long seenAtNanos) {
    for (Held held : heldByFd.values()) {
      if (held.isBreaking(kernel)) {
        held.holder().onLeaseBreak(seenAtNanos);
      }
    }
  }
}
