package io.selkie.rdma.verbs;

import java.util.HashSet;
import java.util.Set;

/**
 * The keys that were taken back last. Who holds on to one of them, a fenced client for example,
 * must not reach other memory by it; but a device that draws keys at random gives one of 2000 again
 * in every ninth run of as many (the kernel's software iWARP: 24 bits). So such keys are drawn
 * anew.
 *
 * <p>Safe for use by several threads; no lock is held across a call.
 */
final class RetiredKeys {

  private final int[] ring;
  private final Set<Integer> all;
  private int next;
  private boolean full;

  /**
   * Remembers none yet.
   *
   * @param most how many at a time; 0 remembers none ever
   */
  RetiredKeys(int most) {
    ring = new int[most];
    all = HashSet.newHashSet(most);
  }

  /** A key is taken back; said before the device can give it to another region. */
  synchronized void add(int key) {
    if (ring.length == 0 || !all.add(key)) {
      return;
    }
    if (full) {
      all.remove(ring[next]);
    }
    ring[next] = key;
    next = (next + 1) % ring.length;
    full |= next == 0;
  }

  /** Whether a key was taken back a short while ago. */
  synchronized boolean has(int key) {
    return all.contains(key);
  }
}
