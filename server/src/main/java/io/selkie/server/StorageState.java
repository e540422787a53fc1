package io.selkie.server;

/** How a file system answers; {@link StorageHealth} is where it changes. */
enum StorageState {
  /** Changes are possible, or were not possible from the beginning. */
  SOUND,
  /** A change that was begun does not end: it is frozen, or its disk hangs. */
  SILENT,
  /** It was mounted anew read-only, or made itself so after an error. */
  READ_ONLY,
  /** It has shut down, or its device is gone. */
  BROKEN;

  /** Whether layouts may be had. */
  boolean isSound() {
    return this == SOUND;
  }
}
