package io.selkie.server;

import io.selkie.posix.Errno;

/**
 * What is known of one file system. An answer is that to the attempt to take away an extended
 * attribute that is not there: the kernel asks for leave to change the file system before it looks,
 * so the attempt waits while that is frozen, is refused where it is read-only or has shut down, and
 * changes nothing.
 *
 * <p>Used by one thread at a time.
 */
final class StorageHealth {

  private StorageState state = StorageState.SOUND;
  private boolean heard;
  private boolean readOnlyFromTheStart;

  /** The state now. */
  StorageState state() {
    return state;
  }

  /**
   * An answer came.
   *
   * @param result 0, or {@code -errno}
   * @param hasDevice whether the block device beneath is still there, or there never was one
   * @return whether the state is another one now
   */
  boolean answered(int result, boolean hasDevice) {
    StorageState found = hasDevice ? stateOf(result) : StorageState.BROKEN;
    if (!heard) {
      heard = true;
      readOnlyFromTheStart = found == StorageState.READ_ONLY;
    }
    if (found == StorageState.READ_ONLY && readOnlyFromTheStart) {
      found = StorageState.SOUND;
    } else if (found == StorageState.SOUND) {
      // It can be written now, so when it cannot any more that is a change.
      readOnlyFromTheStart = false;
    }
    return changesTo(found);
  }

  /** No answer came in time. */
  boolean silent() {
    return changesTo(StorageState.SILENT);
  }

  private static StorageState stateOf(int result) {
    if (Errno.EROFS.is(result)) {
      return StorageState.READ_ONLY;
    }
    boolean broken =
        Errno.EIO.is(result)
            || Errno.EUCLEAN.is(result)
            || Errno.ENODEV.is(result)
            || Errno.ENXIO.is(result);
    return broken ? StorageState.BROKEN : StorageState.SOUND;
  }

  private boolean changesTo(StorageState next) {
    if (next == state) {
      return false;
    }
    become(next);
    return true;
  }

  /** Every state may follow every other one, but not itself. */
  private void become(StorageState next) {
    if (next == state) {
      throw new IllegalStateException(state + " -> " + next);
    }
    state = next;
  }
}
