package io.selkie.server.rpc;

import java.util.Comparator;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The bytes of buffers that all connections of a server share: requests that come in or are under
 * way, and replies that are made or not yet taken by the peer.
 *
 * <p>No connection has a fixed part. What one may have depends on what is still free: it takes new
 * requests while twice its own bytes are free, and goes on with a record it has begun while its own
 * bytes are free once. So a single busy connection gets most of it, and many greedy ones hold each
 * other down.
 *
 * <p>That alone would leave nothing in the end: the less is free, the smaller the holder that may
 * still take it. So a part of the whole is kept for those that hold little: a connection with more
 * than {@link #LITTLE_BYTES} goes on only while that part is free besides. However many greedy ones
 * there are, one that holds nothing is served.
 *
 * <p>A connection that may not go on waits here and is woken when enough came back, those that need
 * least first. Safe for use by several threads; nobody is called with the lock held.
 */
final class MemoryBudget {

  /** A reply up to so many bytes is never refused: errors must always have an answer. */
  static final int SMALL_REPLY_BYTES = 16 * 1024;

  /** A connection that holds no more may take from the part that is kept for such. */
  static final int LITTLE_BYTES = 16 * 1024;

  /** The part kept for connections that hold little. */
  private static final int KEPT_FRACTION = 8;

  private final long total;
  private final long kept;
  private final AtomicLong free;
  private final TreeSet<Share> waiting =
      new TreeSet<>(
          Comparator.<Share>comparingLong(share -> share.need)
              .thenComparingLong(share -> share.id));
  private volatile int waitingCount;

  MemoryBudget(long bytes) {
    this.total = bytes;
    this.kept = bytes / KEPT_FRACTION;
    this.free = new AtomicLong(bytes);
  }

  long total() {
    return total;
  }

  /** May be a little below zero: what has come is counted even when it is more than there is. */
  long free() {
    return free.get();
  }

  /**
   * Makes a connection's share.
   *
   * @param id no other share's
   * @param wake makes the connection look again whether it may go on, and then call {@link
   *     #passOn}; called on any thread, must not block
   */
  Share share(long id, Runnable wake) {
    return new Share(id, wake);
  }

  /** Wakes one that waits and may go on now. It passes on in turn, so all that may are woken. */
  void passOn() {
    if (waitingCount == 0) {
      return;
    }
    Share next = null;
    synchronized (this) {
      if (!waiting.isEmpty() && waiting.first().need <= free.get()) {
        next = waiting.pollFirst();
        next.waits = false;
        waitingCount = waiting.size();
      }
    }
    if (next != null) {
      next.wake.run();
    }
  }

  /** What one connection holds. */
  final class Share {
    private final long id;
    private final Runnable wake;
    private final AtomicLong used = new AtomicLong();

    /** How much must be free for it to go on. Guarded by the budget's lock, as is what follows. */
    private long need;

    private boolean waits;

    private Share(long id, Runnable wake) {
      this.id = id;
      this.wake = wake;
    }

    /** Counts bytes that are there already. */
    void take(long bytes) {
      used.addAndGet(bytes);
      free.addAndGet(-bytes);
    }

    /** Counts bytes of a reply if there are as many free as the connection would then hold. */
    boolean tryTake(long bytes) {
      long mine = used.addAndGet(bytes);
      long enough = mine + besides(mine);
      for (long now = free.get(); now >= enough; now = free.get()) {
        if (free.compareAndSet(now, now - bytes)) {
          return true;
        }
      }
      used.addAndGet(-bytes);
      return false;
    }

    /** Gives bytes back, and wakes who can go on with them. */
    void give(long bytes) {
      if (bytes != 0) {
        used.addAndGet(-bytes);
        free.addAndGet(bytes);
        passOn();
      }
    }

    boolean mayBegin() {
      return free.get() >= needToBegin();
    }

    boolean mayGoOn() {
      return free.get() >= needToGoOn();
    }

    private long needToBegin() {
      long mine = used.get();
      return 2 * mine + besides(mine) + 1;
    }

    private long needToGoOn() {
      long mine = used.get();
      return mine + besides(mine) + 1;
    }

    /** What must stay free for others. */
    private long besides(long mine) {
      return mine > LITTLE_BYTES ? kept : 0;
    }

    /** Waits to be woken once, when the connection may begin a record or go on with one. */
    void await(boolean inRecord) {
      synchronized (MemoryBudget.this) {
        waiting.remove(this);
        need = inRecord ? needToGoOn() : needToBegin();
        waits = true;
        waiting.add(this);
        waitingCount = waiting.size();
      }
      // What came back before we were listed woke nobody.
      passOn();
    }

    /** Waits no longer. */
    void leave() {
      synchronized (MemoryBudget.this) {
        if (waits) {
          waiting.remove(this);
          waits = false;
          waitingCount = waiting.size();
        }
      }
    }
  }
}
