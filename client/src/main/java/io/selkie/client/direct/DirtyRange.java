package io.selkie.client.direct;

/**
 * The range that was written directly and not yet made durable: from the lowest byte to the
 * highest, whatever lies between. Marked when a write has been placed and before its caller is
 * told.
 */
public final class DirtyRange {
  private static final long NOTHING = Long.MAX_VALUE;

  private volatile long start = NOTHING;
  private volatile long end;

  /** Nothing is dirty. */
  public DirtyRange() {}

  /** What {@link #take} took: bytes {@code start} to {@code end}, exclusive. */
  public record Taken(long start, long end) {
    /** Number of bytes. */
    public long length() {
      return end - start;
    }

    /** The range from the lower start to the higher end of this and another, which may be null. */
    public Taken and(Taken other) {
      return other == null
          ? this
          : new Taken(Math.min(start, other.start), Math.max(end, other.end));
    }
  }

  /**
   * Marks bytes {@code from} to {@code to}, exclusive. The usual case, a range that is dirty
   * already, takes no lock: a {@link #take} that comes between is then ordered after the write was
   * placed, so the commit that follows it covers the write. Reading {@code start} twice rules out
   * that the two bounds are those of different ranges.
   */
  public void mark(long from, long to) {
    long first = start;
    if (from >= first && to <= end && start == first) {
      return;
    }
    extend(from, to);
  }

  private synchronized void extend(long from, long to) {
    // The end first: a reader without the lock must never see an empty range as containing one.
    end = start == NOTHING ? to : Math.max(end, to);
    start = Math.min(start, from);
  }

  /** Takes the range and leaves nothing dirty; null when nothing is. */
  public synchronized Taken take() {
    if (start == NOTHING) {
      return null;
    }
    Taken taken = new Taken(start, end);
    start = NOTHING;
    end = 0;
    return taken;
  }

  /** Puts a range back whose commit failed. */
  public void putBack(Taken taken) {
    extend(taken.start(), taken.end());
  }

  /** Whether anything is dirty. */
  public boolean isDirty() {
    return start != NOTHING;
  }
}
