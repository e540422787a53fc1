package io.selkie.server.keeper;

import io.selkie.lease.DescriptorKeeper;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.posix.Errno;
import io.selkie.posix.NotifySocket;
import io.selkie.posix.PosixException;
import io.selkie.server.keeper.KeeperException.Reason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntSupplier;

/**
 * A keeper that takes descriptors as systemd does (sd_notify(3): FDSTORE, FDSTOREREMOVE, BARRIER),
 * be it systemd itself or {@link KeeperProcess}. A message for each seal that is made, by the
 * thread that makes it, and one for each that is given up, by a thread of its own, as nobody may
 * wait who gives one up. What concerns one description arrives in its order: systemd takes no
 * second copy of one that it has, so a description that is sealed again is sent only once the
 * keeper was told of the copy before, or that copy simply stays.
 *
 * <p>When the keeper is gone, nothing is kept any more, until the server starts again: that is told
 * once, and each file that is not kept for that reason is counted.
 */
public final class NotifyKeeper implements DescriptorKeeper, AutoCloseable {

  /** How long it may take the keeper to close what it was told to. */
  private static final Duration HEARD = Duration.ofSeconds(30);

  private final NotifySocket socket;
  private final Duration hold;
  private final long pid;
  private final int capacity;
  private final IntSupplier others;
  private final Consumer<KeeperException> trouble;
  private final Thread thread;

  /** All that are not GONE; the monitor guards it and everything below. */
  private final Map<FileIdentity, List<Kept>> kept = new HashMap<>();

  private final Deque<Kept> toLeave = new ArrayDeque<>();
  private State state = State.WORKING;
  private long nextNumber = 1;
  private int size;

  private enum State {
    WORKING,
    /** The keeper is gone. */
    FAILED,
    /** This server ends. */
    CLOSED
  }

  private static final class Kept {
    final SealTarget target;
    final FileIdentity identity;
    final String name;
    KeptState state = KeptState.KEPT;

    Kept(SealTarget target, String name) {
      this.target = target;
      this.identity = target.identity();
      this.name = name;
    }

    /** The one transition method. */
    void become(KeptState next) {
      if (!state.mayBecome(next)) {
        throw new IllegalStateException(
            "copy of " + target.describe() + " that is kept: " + state + " -> " + next);
      }
      state = next;
    }
  }

  /**
   * Begins.
   *
   * @param socket the keeper's; this one's to close
   * @param hold how long it keeps what it has when this process is dead
   * @param pid of this process
   * @param capacity how many it takes
   * @param others how many of them are not ours
   * @param trouble hears of everything that is not kept, on the thread where that is seen
   */
  public NotifyKeeper(
      NotifySocket socket,
      Duration hold,
      long pid,
      int capacity,
      IntSupplier others,
      Consumer<KeeperException> trouble) {
    this.socket = socket;
    this.hold = hold;
    this.pid = pid;
    this.capacity = capacity;
    this.others = others;
    this.trouble = trouble;
    this.thread = Thread.ofPlatform().name("keeper").daemon().start(this::tell);
  }

  @Override
  public boolean keep(SealTarget target) {
    Kept one = null;
    synchronized (this) {
      awaitTold(target);
      if (state == State.CLOSED) {
        return false;
      }
      if (state == State.WORKING && stays(target)) {
        return true;
      }
      if (state == State.WORKING && size + others.getAsInt() < capacity) {
        one = new Kept(target, new KeptName(hold, pid, nextNumber++).text());
        kept.computeIfAbsent(one.identity, _ -> new ArrayList<>(1)).add(one);
        size++;
      }
    }
    if (one == null) {
      trouble.accept(refusal(target));
      return false;
    }
    try {
      socket.send("FDSTORE=1\nFDNAME=" + one.name, target.fd());
    } catch (PosixException e) {
      synchronized (this) {
        gone(one);
      }
      if (isPassing(e)) {
        trouble.accept(
            new KeeperException(
                Reason.BUSY,
                target.describe()
                    + " is not kept for after a kill: "
                    + e.getMessage()
                    + "; see what keeps the keeper busy",
                e));
      } else {
        fail(e);
      }
      return false;
    }
    return true;
  }

  /** With the monitor held: until nobody is just telling the keeper to close a copy of it. */
  private void awaitTold(SealTarget target) {
    boolean interrupted = false;
    // For one message at most, which waits for room only so long.
    while (find(target, KeptState.TELLING) != null) {
      try {
        wait();
      } catch (InterruptedException _) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** With the monitor held: a copy of which the keeper was not told yet is kept on. */
  private boolean stays(SealTarget target) {
    Kept one = find(target, KeptState.LEAVING);
    if (one == null) {
      return false;
    }
    toLeave.remove(one);
    one.become(KeptState.KEPT);
    return true;
  }

  /**
   * With the monitor held: the copy of a description that is in such a state. (A description that
   * can write, as all that are kept can, is opened anew by nobody.)
   */
  private Kept find(SealTarget target, KeptState such) {
    for (Kept one : kept.getOrDefault(target.identity(), List.of())) {
      if (one.state == such && one.target.equals(target)) {
        return one;
      }
    }
    return null;
  }

  private KeeperException refusal(SealTarget target) {
    synchronized (this) {
      return state == State.WORKING
          ? new KeeperException(
              Reason.FULL,
              target.describe()
                  + " is not kept for after a kill: the keeper has "
                  + capacity
                  + " already; raise FileDescriptorStoreMax= of the unit",
              null)
          : new KeeperException(
              Reason.GONE,
              target.describe() + " is not kept for after a kill: the keeper is gone",
              null);
    }
  }

  /** No room in its socket, or too many descriptors under way, or here. */
  private static boolean isPassing(PosixException e) {
    return e.errno() == Errno.EAGAIN
        || e.errno() == Errno.ETOOMANYREFS
        || e.errno() == Errno.EMFILE;
  }

  @Override
  public void letGo(SealTarget target) {
    Kept late;
    synchronized (this) {
      late = leave(target);
    }
    if (late != null) {
      try {
        socket.offer(removal(late));
      } catch (PosixException e) {
        fail(e);
      }
    }
  }

  /** With the monitor held; answers what the thread, which has ended, does not tell any more. */
  private Kept leave(SealTarget target) {
    Kept one = find(target, KeptState.KEPT);
    if (one == null) {
      // It went with its keeper.
      return null;
    }
    one.become(KeptState.LEAVING);
    if (state == State.CLOSED) {
      gone(one);
      return one;
    }
    toLeave.add(one);
    notifyAll();
    return null;
  }

  private static String removal(Kept one) {
    return "FDSTOREREMOVE=1\nFDNAME=" + one.name;
  }

  @Override
  public synchronized boolean isLeaving(SealTarget target) {
    List<Kept> copies = kept.get(target.identity());
    if (copies == null) {
      return false;
    }
    for (Kept one : copies) {
      if (one.state != KeptState.KEPT && !one.target.equals(target)) {
        return true;
      }
    }
    return false;
  }

  /** How many are kept, or are just leaving. */
  public synchronized int size() {
    return size;
  }

  /** Whether there is somebody who keeps them. */
  public synchronized boolean isWorking() {
    return state == State.WORKING;
  }

  /** The thread that tells the keeper what it need not keep any more. */
  private void tell() {
    while (true) {
      int most;
      synchronized (this) {
        while (toLeave.isEmpty() && state == State.WORKING) {
          try {
            wait();
          } catch (InterruptedException _) {
            return;
          }
        }
        if (toLeave.isEmpty()) {
          return;
        }
        // What comes meanwhile has a barrier of its own.
        most = toLeave.size();
      }
      tell(most);
    }
  }

  private void tell(int most) {
    List<Kept> batch = new ArrayList<>(most);
    try {
      while (batch.size() < most) {
        Kept one = toTell();
        if (one == null) {
          break;
        }
        batch.add(one);
        socket.send(removal(one));
        told(one);
      }
      if (!batch.isEmpty()) {
        awaitHeard(batch.size());
      }
    } catch (PosixException e) {
      fail(e);
    }
    synchronized (this) {
      // Also where it is not known: the kernel refuses the next lease then, which is a normal
      // outcome.
      batch.forEach(this::gone);
      notifyAll();
    }
  }

  /** The next one, which cannot come back from now on; null when the others have. */
  private synchronized Kept toTell() {
    Kept one = toLeave.poll();
    if (one != null) {
      one.become(KeptState.TELLING);
    }
    return one;
  }

  private synchronized void told(Kept one) {
    // Unless the keeper is gone meanwhile.
    if (one.state == KeptState.TELLING) {
      one.become(KeptState.TOLD);
      notifyAll();
    }
  }

  private void awaitHeard(int count) throws PosixException {
    PosixException cause = null;
    try {
      if (socket.awaitHeard(HEARD)) {
        return;
      }
    } catch (PosixException e) {
      if (!isPassing(e)) {
        throw e;
      }
      cause = e;
    }
    trouble.accept(
        new KeeperException(
            Reason.BUSY,
            "the keeper did not say in %d s that it closed %d descriptors%s; their files cannot"
                    .formatted(
                        HEARD.toSeconds(),
                        count,
                        cause == null ? "" : " (" + cause.getMessage() + ")")
                + " be sealed anew until it has; see what keeps it busy",
            cause));
  }

  /** With the monitor held. */
  private void gone(Kept one) {
    if (one.state == KeptState.GONE) {
      return;
    }
    one.become(KeptState.GONE);
    size--;
    kept.computeIfPresent(
        one.identity,
        (_, copies) -> {
          copies.remove(one);
          return copies.isEmpty() ? null : copies;
        });
  }

  /** The keeper is gone, and with it what it kept. Idempotent. */
  void fail(Throwable cause) {
    synchronized (this) {
      if (state != State.WORKING) {
        return;
      }
      state = State.FAILED;
      toLeave.clear();
      for (List<Kept> copies : List.copyOf(kept.values())) {
        List.copyOf(copies).forEach(this::gone);
      }
      notifyAll();
    }
    trouble.accept(
        new KeeperException(
            Reason.GONE,
            "the keeper of leases is gone ("
                + cause.getMessage()
                + "): if the server is killed, block clients may write to blocks that others have"
                + " got; start the server again",
            cause));
  }

  /**
   * Has everything closed that was let go; what is sealed still stays kept, and can be let go until
   * this process ends.
   */
  @Override
  public void close() throws InterruptedException {
    synchronized (this) {
      if (state == State.WORKING) {
        state = State.CLOSED;
      }
      notifyAll();
    }
    thread.join(TimeUnit.SECONDS.toMillis(2 * HEARD.toSeconds()));
    if (size() == 0) {
      socket.close();
    }
  }
}
