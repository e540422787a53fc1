package io.selkie.client.layout;

import io.selkie.client.direct.DirectChannel;
import io.selkie.client.direct.ExtentTable;
import io.selkie.client.direct.GrantedExtent;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The extents of a file that are in use now; immutable.
 *
 * @param readable from layouts to read
 * @param writable from layouts to write; they may be read as well
 */
public record LayoutView(ExtentTable readable, ExtentTable writable) {
  static final LayoutView EMPTY = new LayoutView(ExtentTable.EMPTY, ExtentTable.EMPTY);

  /** The table to use for an access, whether or not it covers it. */
  public ExtentTable forAccess(boolean write, long position, long length) {
    return write || writable.covers(position, length, false) ? writable : readable;
  }

  boolean covers(boolean write, long position, long length) {
    return forAccess(write, position, length).covers(position, length, write);
  }

  /** Number of extents. */
  public int extentCount() {
    return readable.size() + writable.size();
  }

  /** Whether any extent overlaps a range. */
  boolean touches(long start, long end) {
    return extents().stream().anyMatch(e -> e.start() < end && start < e.end());
  }

  List<GrantedExtent> extents() {
    List<GrantedExtent> all = new ArrayList<>(readable.extents());
    all.addAll(writable.extents());
    return all;
  }

  private record Handle(DirectChannel channel, int key) {}

  /** Whether a handle of the other view is in this one too. */
  boolean shares(LayoutView other) {
    Set<Handle> handles = new HashSet<>();
    for (GrantedExtent extent : other.extents()) {
      if (extent.channel() != null) {
        handles.add(new Handle(extent.channel(), extent.key()));
      }
    }
    return extents().stream().anyMatch(e -> handles.contains(new Handle(e.channel(), e.key())));
  }
}
