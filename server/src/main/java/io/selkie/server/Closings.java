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

  /** Makes the threads of a disk, so that they do not take after who lets its first file go. */
  private final BlockingThreads making = new BlockingThreads("closings", 1);

  private volatile boolean closed;

  @Override
  public void execute(FileIdentity file, Runnable close) {
    BlockingThreads disk = disks.get(file.device());
    if (disk != null) {
      disk.execute(close);
    } else {
      making.execute(() -> made(file.device()).execute(close));
    }
  }

  private BlockingThreads made(long device) {
    BlockingThreads disk =
        disks.computeIfAbsent(
            device, it -> new BlockingThreads("closing-" + Long.toHexString(it), THREADS));
    if (closed) {
      disk.close();
    }
    return disk;
  }

  /** What is queued is closed still; who lets go later closes it. */
  @Override
  public void close() {
    closed = true;
    making.close();
    disks.values().forEach(BlockingThreads::close);
  }
}
