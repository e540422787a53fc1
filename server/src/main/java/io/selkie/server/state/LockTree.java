package io.selkie.server.state;

import io.selkie.protocol.nfs4.LockOwner4;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Locks by their first byte, in a balanced tree (AVL) whose nodes know how far the locks below them
 * reach: what overlaps a range is found without looking at what does not. Not safe for use by
 * several threads.
 */
final class LockTree {

  private ByteLock root;
  private int size;
  private long serials;

  int size() {
    return size;
  }

  void add(ByteLock lock) {
    lock.serial = ++serials;
    lock.left = null;
    lock.right = null;
    root = add(root, lock);
    size++;
  }

  /** Removes this very lock, which is there. */
  void remove(ByteLock lock) {
    root = remove(root, lock);
    size--;
  }

  /** The first lock of anybody else in the range; null when there is none. */
  ByteLock firstOfOthers(LockRange range, LockOwner4 owner) {
    return firstOfOthers(root, range, owner);
  }

  private static ByteLock firstOfOthers(ByteLock node, LockRange range, LockOwner4 owner) {
    if (node == null || Long.compareUnsigned(node.lastOfAll, range.first()) < 0) {
      return null;
    }
    ByteLock before = firstOfOthers(node.left, range, owner);
    if (before != null) {
      return before;
    }
    if (Long.compareUnsigned(node.range.first(), range.last()) > 0) {
      return null;
    }
    return node.range.overlaps(range) && !node.owner().equals(owner)
        ? node
        : firstOfOthers(node.right, range, owner);
  }

  /** Tells which parts of a range no lock covers, in order. */
  void gaps(LockRange range, Consumer<LockRange> gap) {
    long at = range.first();
    while (true) {
      OptionalLong reach = reach(at);
      if (reach.isPresent()) {
        if (Long.compareUnsigned(reach.getAsLong(), range.last()) >= 0) {
          return;
        }
        at = reach.getAsLong() + 1;
        continue;
      }
      ByteLock next = firstAfter(at);
      if (next == null || Long.compareUnsigned(next.range.first(), range.last()) > 0) {
        gap.accept(new LockRange(at, range.last()));
        return;
      }
      gap.accept(new LockRange(at, next.range.first() - 1));
      at = next.range.first();
    }
  }

  /** Tells which bytes are covered, as few ranges as there can be, in order. */
  void covered(Consumer<LockRange> range) {
    long at = 0;
    while (true) {
      OptionalLong reach = reach(at);
      if (reach.isEmpty()) {
        ByteLock next = firstAfter(at);
        if (next == null) {
          return;
        }
        at = next.range.first();
        reach = reach(at);
      }
      long last = reach.getAsLong();
      while (last != -1L && reach.isPresent()) {
        reach = reach(last + 1);
        last = reach.orElse(last);
      }
      range.accept(new LockRange(at, last));
      if (last == -1L) {
        return;
      }
      at = last + 1;
    }
  }

  /** How far the locks that cover a byte reach; empty when none covers it. */
  private OptionalLong reach(long at) {
    OptionalLong furthest = OptionalLong.empty();
    ByteLock node = root;
    while (node != null) {
      if (Long.compareUnsigned(node.range.first(), at) > 0) {
        node = node.left;
        continue;
      }
      // This one and all to the left of it begin in time.
      furthest = further(furthest, node.range.last(), at);
      if (node.left != null) {
        furthest = further(furthest, node.left.lastOfAll, at);
      }
      node = node.right;
    }
    return furthest;
  }

  private static OptionalLong further(OptionalLong known, long last, long at) {
    return Long.compareUnsigned(last, at) >= 0
            && (known.isEmpty() || Long.compareUnsigned(last, known.getAsLong()) > 0)
        ? OptionalLong.of(last)
        : known;
  }

  private ByteLock firstAfter(long at) {
    ByteLock best = null;
    ByteLock node = root;
    while (node != null) {
      if (Long.compareUnsigned(node.range.first(), at) > 0) {
        best = node;
        node = node.left;
      } else {
        node = node.right;
      }
    }
    return best;
  }

  // ---------------------------------------------------------------- the tree

  private static int compare(ByteLock a, ByteLock b) {
    int byFirst = Long.compareUnsigned(a.range.first(), b.range.first());
    return byFirst != 0 ? byFirst : Long.compare(a.serial, b.serial);
  }

  private static ByteLock add(ByteLock node, ByteLock lock) {
    if (node == null) {
      return update(lock);
    }
    if (compare(lock, node) < 0) {
      node.left = add(node.left, lock);
    } else {
      node.right = add(node.right, lock);
    }
    return balance(node);
  }

  private static ByteLock remove(ByteLock node, ByteLock lock) {
    if (node == null) {
      throw new IllegalStateException("not in the tree: " + lock);
    }
    int order = compare(lock, node);
    if (order < 0) {
      node.left = remove(node.left, lock);
    } else if (order > 0) {
      node.right = remove(node.right, lock);
    } else if (node.left == null) {
      return node.right;
    } else if (node.right == null) {
      return node.left;
    } else {
      ByteLock next = node.right;
      while (next.left != null) {
        next = next.left;
      }
      next.right = remove(node.right, next);
      next.left = node.left;
      return balance(next);
    }
    return balance(node);
  }

  private static int height(ByteLock node) {
    return node == null ? 0 : node.height;
  }

  private static ByteLock update(ByteLock node) {
    node.height = 1 + Math.max(height(node.left), height(node.right));
    long last = node.range.last();
    last = node.left == null ? last : maxUnsigned(last, node.left.lastOfAll);
    node.lastOfAll = node.right == null ? last : maxUnsigned(last, node.right.lastOfAll);
    return node;
  }

  private static long maxUnsigned(long a, long b) {
    return Long.compareUnsigned(a, b) >= 0 ? a : b;
  }

  private static ByteLock balance(ByteLock node) {
    int tilt = height(node.left) - height(node.right);
    if (tilt > 1) {
      if (height(node.left.left) < height(node.left.right)) {
        node.left = rotateLeft(node.left);
      }
      return rotateRight(node);
    }
    if (tilt < -1) {
      if (height(node.right.right) < height(node.right.left)) {
        node.right = rotateRight(node.right);
      }
      return rotateLeft(node);
    }
    return update(node);
  }

  private static ByteLock rotateRight(ByteLock node) {
    ByteLock up = node.left;
    node.left = up.right;
    up.right = update(node);
    return update(up);
  }

  private static ByteLock rotateLeft(ByteLock node) {
    ByteLock up = node.right;
    node.right = up.left;
    up.left = update(node);
    return update(up);
  }
}
