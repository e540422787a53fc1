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

  private DirtyRange.Taken saved;
  private int savedGeneration;

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

  /**
   * The server restarted with these bytes written directly, and has made them durable since.
   *
   * @param generation of the client's state, after the restart
   */
  synchronized void saved(DirtyRange.Taken range, int generation) {
    saved = range;
    savedGeneration = generation;
  }

  /** Whether bytes that were written before a generation ended were made durable since. */
  synchronized boolean wasSaved(DirtyRange.Taken range, int generation) {
    return saved != null
        && savedGeneration > generation
        && saved.start() <= range.start()
        && saved.end() >= range.end();
  }

  /** The bytes in doubt, told once; null when there are none. */
  synchronized DirtyRange.Taken takeDoubt() {
    DirtyRange.Taken taken = lost;
    lost = null;
    return taken;
  }
}
