package io.selkie.lease;

import java.util.ArrayList;
import java.util.List;

/** The block maps of the handles that live on one seal; not for several threads. */
final class GrantedMaps {
  private final List<BlockMap> maps = new ArrayList<>(1);

  void add(BlockMap map) {
    maps.add(map);
  }

  /** Takes one out: that very map, or one equal to it; false when there is none. */
  boolean remove(BlockMap map) {
    int last = maps.size() - 1;
    // From both ends: whole layouts are given back from the first map on, grants that fail from
    // the last, and neither may search ten thousand maps ten thousand times.
    for (int i = 0; i <= last - i; i++) {
      if (isSame(maps.get(i), map)) {
        maps.remove(i);
        return true;
      }
      if (isSame(maps.get(last - i), map)) {
        maps.remove(last - i);
        return true;
      }
    }
    return maps.remove(map);
  }

  /** Whether that very map is in it. */
  boolean has(BlockMap map) {
    for (BlockMap one : maps) {
      if (isSame(one, map)) {
        return true;
      }
    }
    return false;
  }

  int size() {
    return maps.size();
  }

  List<BlockMap> copy() {
    return List.copyOf(maps);
  }

  /** One handle's map is told from another's by identity: they may well be equal. */
  @SuppressWarnings("ReferenceEquality")
  private static boolean isSame(BlockMap one, BlockMap other) {
    return one == other;
  }
}
