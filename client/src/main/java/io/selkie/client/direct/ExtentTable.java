package io.selkie.client.direct;

import java.util.ArrayList;
import java.util.List;

/**
 * What a file's layouts grant, sorted and without overlap; immutable. Looking up allocates nothing:
 * positions stand in a plain array, and an extent found is named by its index.
 */
public final class ExtentTable {
  /** Grants nothing. */
  public static final ExtentTable EMPTY = new ExtentTable(List.of());

  private final long[] starts;
  private final GrantedExtent[] extents;
  private final DirectChannel onlyChannel;

  private ExtentTable(List<GrantedExtent> sorted) {
    extents = sorted.toArray(GrantedExtent[]::new);
    starts = new long[extents.length];
    DirectChannel channel = null;
    boolean single = true;
    for (int i = 0; i < extents.length; i++) {
      starts[i] = extents[i].start();
      if (extents[i].channel() != null) {
        single &= channel == null || channel == extents[i].channel();
        channel = extents[i].channel();
      }
    }
    onlyChannel = single ? channel : null;
  }

  /** The channel that all extents use, or null when there are several or none. */
  public DirectChannel onlyChannel() {
    return onlyChannel;
  }

  /** Number of extents. */
  public int size() {
    return extents.length;
  }

  /** Whether it grants nothing. */
  public boolean isEmpty() {
    return extents.length == 0;
  }

  /** The extent of an index that {@link #find} answered. */
  public GrantedExtent get(int index) {
    return extents[index];
  }

  /** The index of the extent that holds the byte at {@code position}, or -1. */
  public int find(long position) {
    int low = 0;
    int high = starts.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (starts[middle] <= position) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high >= 0 && position < extents[high].end() ? high : -1;
  }

  /** Whether every byte of a range can be accessed; a write needs READ_WRITE_DATA throughout. */
  public boolean covers(long position, long length, boolean write) {
    long next = position;
    long end = position + length;
    int index = find(position);
    while (index >= 0 && index < extents.length && extents[index].start() <= next) {
      if (write && !extents[index].isWritable()) {
        return false;
      }
      next = extents[index].end();
      if (next >= end) {
        return true;
      }
      index++;
    }
    return length == 0;
  }

  /**
   * This table with more extents. Where they overlap what is there, the newer ones win: a server
   * that grants a range again means the new handles to be used.
   */
  public ExtentTable with(List<GrantedExtent> granted) {
    List<GrantedExtent> all = new ArrayList<>(List.of(extents));
    for (GrantedExtent fresh : granted) {
      List<GrantedExtent> next = new ArrayList<>(all.size() + 2);
      for (GrantedExtent old : all) {
        cutOut(old, fresh.start(), fresh.end(), next);
      }
      next.add(fresh);
      all = next;
    }
    all.sort((a, b) -> Long.compare(a.start(), b.start()));
    return new ExtentTable(all);
  }

  /** Adds what is left of an extent outside of a range. */
  private static void cutOut(GrantedExtent old, long start, long end, List<GrantedExtent> to) {
    if (old.end() <= start || end <= old.start()) {
      to.add(old);
      return;
    }
    if (old.start() < start) {
      to.add(
          new GrantedExtent(
              old.start(), start, old.state(), old.key(), old.address(), old.channel()));
    }
    if (end < old.end()) {
      to.add(
          new GrantedExtent(
              end,
              old.end(),
              old.state(),
              old.key(),
              old.address() + (end - old.start()),
              old.channel()));
    }
  }

  /** This table without every extent that touches a range: an extent's handle dies as a whole. */
  public ExtentTable withoutTouching(long start, long end) {
    List<GrantedExtent> rest = new ArrayList<>();
    for (GrantedExtent extent : extents) {
      if (extent.end() <= start || end <= extent.start()) {
        rest.add(extent);
      }
    }
    return rest.size() == extents.length ? this : rest.isEmpty() ? EMPTY : new ExtentTable(rest);
  }

  /**
   * This table without every hole that touches a range: what reads as zeroes without asking the
   * device. This very table when there is none.
   */
  public ExtentTable withoutHolesTouching(long start, long end) {
    List<GrantedExtent> rest = new ArrayList<>();
    for (GrantedExtent extent : extents) {
      if (extent.isReadable() || extent.end() <= start || end <= extent.start()) {
        rest.add(extent);
      }
    }
    return rest.size() == extents.length ? this : rest.isEmpty() ? EMPTY : new ExtentTable(rest);
  }

  /** The lowest byte of the extents that touch a range, or {@code start} when it is lower. */
  public long widenStart(long start, long end) {
    int index = find(start);
    return index >= 0 && start < end ? Math.min(start, extents[index].start()) : start;
  }

  /** The end of the extents that touch a range, or {@code end} when it is higher. */
  public long widenEnd(long start, long end) {
    int index = end > start ? find(end - 1) : -1;
    return index >= 0 ? Math.max(end, extents[index].end()) : end;
  }

  /** All extents in order. */
  public List<GrantedExtent> extents() {
    return List.of(extents);
  }
}
