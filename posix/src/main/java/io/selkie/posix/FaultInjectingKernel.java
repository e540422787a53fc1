package io.selkie.posix;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * Numbered fault points at every native call: counts the calls to another kernel, over all and by
 * kind, and makes chosen ones fail. A test runs its scenario once to learn how many calls it makes,
 * then once for each number with that call failing.
 *
 * <p>Methods of {@link Kernel} that cannot fail are passed on and not counted. Safe for use by
 * several threads; numbers are given in the order of the calls' beginnings. For tests: it
 * allocates.
 */
public final class FaultInjectingKernel extends GatedKernel {

  /** When a fault strikes. */
  public enum When {
    /** Nothing is called: the kernel refused. */
    INSTEAD,
    /**
     * The call is made, takes effect, and then reported as failed. What it would have handed out, a
     * descriptor or a mapping, is given back: a failed call hands out nothing. {@code close} always
     * fails this way, as on Linux.
     */
    AFTERWARDS
  }

  /**
   * One call that was made.
   *
   * @param number over all, from 1
   * @param numberOfKind among calls of the same kind, from 1
   * @param call which method
   * @param subject descriptor and name, as far as it had them
   * @param result what the caller was told
   * @param injected whether that was a fault of ours
   */
  public record Entry(
      long number,
      long numberOfKind,
      KernelCall call,
      String subject,
      long result,
      boolean injected) {}

  private record Fault(Optional<KernelCall> call, long first, long last, Errno errno, When when) {
    boolean strikes(KernelCall made, long number, long numberOfKind) {
      if (call.isEmpty()) {
        return first <= number && number <= last;
      }
      return call.get() == made && first <= numberOfKind && numberOfKind <= last;
    }
  }

  private record Ticket(long number, long numberOfKind, Optional<Fault> fault) {}

  private final int logCapacity;
  private final Object lock = new Object();
  private final Map<KernelCall, Long> counts = new EnumMap<>(KernelCall.class);
  private final List<Fault> faults = new ArrayList<>();
  private final ArrayDeque<Entry> log = new ArrayDeque<>();
  private long total;
  private long injected;

  /** Without a log. */
  public FaultInjectingKernel(Kernel delegate) {
    this(delegate, 0);
  }

  /**
   * With a log.
   *
   * @param logCapacity how many of the latest calls {@link #log} keeps, 0 for none
   */
  public FaultInjectingKernel(Kernel delegate, int logCapacity) {
    super(delegate);
    this.logCapacity = logCapacity;
  }

  /**
   * Makes one call fail.
   *
   * @param n which one from now on, of any kind; 1 is the next
   */
  public void failNth(long n, Errno errno, When when) {
    synchronized (lock) {
      faults.add(new Fault(Optional.empty(), total + n, total + n, errno, when));
    }
  }

  /**
   * Makes one call of a kind fail.
   *
   * @param n which one of that kind from now on; 1 is the next
   */
  public void failNth(KernelCall call, long n, Errno errno, When when) {
    synchronized (lock) {
      long number = counts.getOrDefault(call, 0L) + n;
      faults.add(new Fault(Optional.of(call), number, number, errno, when));
    }
  }

  /** Makes every call of a kind fail from now on, as a full disk or a missing privilege does. */
  public void failAll(KernelCall call, Errno errno) {
    synchronized (lock) {
      long number = counts.getOrDefault(call, 0L) + 1;
      faults.add(new Fault(Optional.of(call), number, Long.MAX_VALUE, errno, When.INSTEAD));
    }
  }

  /** Lets every call through again; numbers go on. */
  public void heal() {
    synchronized (lock) {
      faults.clear();
    }
  }

  /** Calls so far. */
  public long calls() {
    synchronized (lock) {
      return total;
    }
  }

  /** Calls of a kind so far. */
  public long calls(KernelCall call) {
    synchronized (lock) {
      return counts.getOrDefault(call, 0L);
    }
  }

  /** Faults that have struck so far. */
  public long injected() {
    synchronized (lock) {
      return injected;
    }
  }

  /** The latest calls in the order of their ends. */
  public List<Entry> log() {
    synchronized (lock) {
      return List.copyOf(log);
    }
  }

  @Override
  long run(KernelCall call, int fd, byte[] name, LongSupplier action, LongConsumer giveBack) {
    Ticket ticket = enter(call);
    long result;
    if (ticket.fault.isEmpty()) {
      result = action.getAsLong();
    } else {
      Fault fault = ticket.fault.get();
      if (fault.when == When.AFTERWARDS || call == KernelCall.CLOSE) {
        long reached = action.getAsLong();
        if (reached >= 0) {
          giveBack.accept(reached);
        }
      }
      result = fault.errno.result();
    }
    if (logCapacity > 0) {
      record(ticket, call, fd, name, result);
    }
    return result;
  }

  private Ticket enter(KernelCall call) {
    synchronized (lock) {
      long number = ++total;
      long numberOfKind = counts.merge(call, 1L, Long::sum);
      Optional<Fault> fault =
          faults.stream().filter(f -> f.strikes(call, number, numberOfKind)).findFirst();
      if (fault.isPresent()) {
        injected++;
      }
      return new Ticket(number, numberOfKind, fault);
    }
  }

  private void record(Ticket ticket, KernelCall call, int fd, byte[] name, long result) {
    String subject =
        (fd == NO_FD ? "" : "fd " + fd) + (name == null ? "" : " '" + Names.text(name) + "'");
    synchronized (lock) {
      if (log.size() == logCapacity) {
        log.removeFirst();
      }
      log.addLast(
          new Entry(
              ticket.number,
              ticket.numberOfKind,
              call,
              subject.strip(),
              result,
              ticket.fault.isPresent()));
    }
  }
}
