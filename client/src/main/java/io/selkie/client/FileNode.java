package io.selkie.client;

import io.selkie.client.direct.DirtyRange;
import io.selkie.client.layout.FileLayout;
import io.selkie.client.nfs.ServerData;

/**
 * What all opens of a file in one client share: its layout, its data that is on the way to stable
 * storage, and its size as far as it is known.
 */
final class FileNode {
  private static final long UNKNOWN = -1;

  final FileHandle handle;
  final ServerData data;
  private FileLayout layout;
  private volatile long knownSizeBytes = UNKNOWN;

  // Under the client's lock.
  int opens;

  private DirtyRange.Taken lost;

  FileNode(FileHandle handle, ServerData data) {
    this.handle = handle;
    this.data = data;
  }

  void useLayout(FileLayout fileLayout) {
    layout = fileLayout;
  }

  FileLayout layout() {
    return layout;
  }

  /** The size while a layout is held, or -1; others may have grown the file since. */
  long knownSizeBytes() {
    return knownSizeBytes;
  }

  void learnSize(long sizeBytes) {
    knownSizeBytes = sizeBytes;
  }

  /** The server restarted with these bytes written directly and not yet durable. */
  synchronized void doubt(DirtyRange.Taken range) {
    if (range != null) {
      lost = range.and(lost);
    }
  }

  /** The bytes in doubt, told once; null when there are none. */
  synchronized DirtyRange.Taken takeDoubt() {
    DirtyRange.Taken taken = lost;
    lost = null;
    return taken;
  }
}
