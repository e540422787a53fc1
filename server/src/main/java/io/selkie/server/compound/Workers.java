package io.selkie.server.compound;

import io.selkie.server.compound.WorkerLane.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/**
 * The bounded sets of threads that may block in the file system, apart from each other where one
 * could hold up the other:
 *
 * <ul>
 *   <li>each place ({@link Places}) has its own, so that a disk that hangs stops nobody who works
 *       on another one;
 *   <li>within a place, what waits for the disk itself ({@link Operation#waitsForDisk}) has its
 *       own, so that it does not stop what memory can answer;
 *   <li>within a place, compounds that only give something back ({@link Operation#givesBack}) have
 *       their own: a few COMMITs on a slow disk must not keep layouts from being returned until
 *       their holders are fenced;
 *   <li>and of these, those that may have to close a file ({@link Operation#closes}) have their own
 *       again, because that may wait for the disk all the same.
 * </ul>
 *
 * <p>Within each, clients take turns ({@link WorkerLane}).
 *
 * <p>A compound is admitted when it first needs a worker of a lane, and counts until it leaves it
 * or ends, also while it is suspended. What is beyond the capacity is answered with NFS4ERR_DELAY
 * at once.
 */
public final class Workers implements AutoCloseable {

  private static final int GIVE_BACK_THREADS = 2;
  private static final int GIVE_BACK_CAPACITY = 1024;

  /** A lane's threads at most, as a multiple of one client's. */
  private static final int CROWD = 4;

  /** Threads of all lanes together beyond what one client of each may have. */
  private static final int SPARE_THREADS = 256;

  /** The lanes of one place. */
  private record Lanes(
      WorkerLane ordinary, WorkerLane disk, WorkerLane givingBack, WorkerLane closing) {
    List<WorkerLane> all() {
      return List.of(ordinary, disk, givingBack, closing);
    }
  }

  private final int threadCount;
  private final int capacity;
  private final Semaphore spareThreads = new Semaphore(SPARE_THREADS);
  private final ConcurrentHashMap<Integer, Lanes> places = new ConcurrentHashMap<>();
  private volatile boolean stopped;

  /**
   * Starts no thread yet.
   *
   * @param threadCount how many threads one client may keep busy in one place, those for waiting
   *     for the disk and for giving back not counted
   * @param capacity how many compounds may run, wait for a thread or be suspended in one place
   */
  public Workers(int threadCount, int capacity) {
    if (threadCount < 1 || capacity < threadCount) {
      throw new IllegalArgumentException(
          "%d worker threads and a capacity of %d: at least 1 and as many as threads"
              .formatted(threadCount, capacity));
    }
    this.threadCount = threadCount;
    this.capacity = capacity;
  }

  private Lanes at(int place) {
    Lanes lanes = places.get(place);
    return lanes != null ? lanes : places.computeIfAbsent(place, this::open);
  }

  private Lanes open(int place) {
    int forDisk = Math.max(2, threadCount / 2);
    WorkerLane.Size forGivingBack =
        new WorkerLane.Size(GIVE_BACK_THREADS, CROWD * GIVE_BACK_THREADS, GIVE_BACK_CAPACITY);
    Lanes lanes =
        new Lanes(
            new WorkerLane(
                Kind.ORDINARY,
                place,
                new WorkerLane.Size(threadCount, CROWD * threadCount, capacity),
                spareThreads),
            new WorkerLane(
                Kind.DISK,
                place,
                new WorkerLane.Size(forDisk, CROWD * forDisk, capacity),
                spareThreads),
            new WorkerLane(Kind.GIVING_BACK, place, forGivingBack, spareThreads),
            new WorkerLane(Kind.CLOSING, place, forGivingBack, spareThreads));
    if (stopped) {
      lanes.all().forEach(WorkerLane::shutdown);
    }
    return lanes;
  }

  /** For compounds that may take as long as a place's disk does. */
  WorkerLane ordinary(int place) {
    return at(place).ordinary;
  }

  /** For compounds that wait for a place's disk in any case. */
  WorkerLane disk(int place) {
    return at(place).disk;
  }

  /** For compounds that only give something back that a place has. */
  WorkerLane givingBack(int place) {
    return at(place).givingBack;
  }

  /** For those of them that may close a file. */
  WorkerLane closing(int place) {
    return at(place).closing;
  }

  private List<WorkerLane> lanes() {
    List<WorkerLane> lanes = new ArrayList<>();
    places.values().forEach(place -> lanes.addAll(place.all()));
    return lanes;
  }

  /** How many compounds now run, wait for a thread or are suspended. */
  public int admittedCount() {
    return lanes().stream().mapToInt(WorkerLane::admittedCount).sum();
  }

  /**
   * Stops: what runs is let finish, what waits is run too, nothing new is taken. Waits at most so
   * long for each lane.
   *
   * @return whether everything ended in time
   */
  public boolean stop(long timeoutNanos) throws InterruptedException {
    stopped = true;
    List<WorkerLane> lanes = lanes();
    lanes.forEach(WorkerLane::shutdown);
    boolean inTime = true;
    for (WorkerLane lane : lanes) {
      // Once one was too slow, the others had that time too.
      inTime &= lane.awaitEnd(inTime ? timeoutNanos : 0);
    }
    return inTime;
  }

  /** Stops at once: what waits is dropped, what runs is interrupted. */
  @Override
  public void close() {
    stopped = true;
    lanes().forEach(WorkerLane::shutdownNow);
  }
}
