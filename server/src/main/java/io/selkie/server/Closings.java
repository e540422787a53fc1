package io.selkie.server;

import io.selkie.lease.FileIdentity;
import io.selkie.server.vfs.OpenFileTable;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Threads that close what somebody let go who may not wait for it: a few for each disk, so that one
 * that hangs does not keep the files of others open. Safe for use by several threads.
 */
final class Closings implements OpenFileTable.Closer, AutoCloseable {

  private static final int THREADS = 4;

  private final ConcurrentHashMap<Long, BlockingThreads> disks = new ConcurrentHashMap<>();

  @Override
  public void execute(FileIdentity file, Runnable close) {
    disks
        .computeIfAbsent(
            file.device(),
            device -> new BlockingThreads("closing-" + Long.toHexString(device), THREADS))
        .execute(close);
  }

  /** What is queued is closed still; who lets go later closes it. */
  @Override
  public void close() {
    disks.values().forEach(BlockingThreads::close);
  }
}
