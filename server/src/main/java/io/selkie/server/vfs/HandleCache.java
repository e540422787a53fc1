package io.selkie.server.vfs;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Filehandles lately seen and what they stood for, so that the same bytes need not be checked and
 * decoded over and over. Says nothing about whether the file still exists. Safe for use by several
 * threads; a look-up allocates nothing.
 */
final class HandleCache {
  private static final int SLOTS = 4096;
  private static final int CHECK_BYTES = 8;

  private final AtomicReferenceArray<Found> slots = new AtomicReferenceArray<>(SLOTS);

  /** What these bytes stood for, or null. */
  Found find(byte[] handle) {
    if (handle.length < CHECK_BYTES) {
      return null;
    }
    Found found = slots.get(slotOf(handle));
    return found != null && Arrays.equals(found.file().bytes(), handle) ? found : null;
  }

  void put(Found found) {
    slots.set(slotOf(found.file().bytes()), found);
  }

  /** A handle ends with its keyed checksum, which is as good as a hash can be. */
  private static int slotOf(byte[] handle) {
    int last = handle.length - 1;
    return ((handle[last] & 0xff) | (handle[last - 1] & 0xff) << 8) & (SLOTS - 1);
  }
}
