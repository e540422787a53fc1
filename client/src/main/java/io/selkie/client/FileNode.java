package io.selkie.client;

import io.selkie.client.direct.DirtyRange;
import io.selkie.client.layout.FileLayout;
import io.selkie.client.nfs.ServerData;

/**
 * What all opens of a file in one client share: its layout with all that may be believed of the
 * file, and its data that is on the way to stable storage.
 */
final class FileNode {
  final FileHandle handle;
  final ServerData data;
  final FileLayout layout;

  // Under the client's lock. Whoever returns the layout of a file whose last open is being closed
  // still uses the node: a file has one layout stateid, so it must not have two nodes.
  int opens;
  int users;

  private DirtyRange.Taken lost;

  FileNode(FileHandle handle, FileLayout layout, ServerData data) {
    this.handle = handle;
    this.layout = layout;
    this.data = data;
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
