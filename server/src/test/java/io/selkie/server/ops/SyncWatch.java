package io.selkie.server.ops;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Predicate;

/** The real kernel; it notes what is made durable, and can fail to do so. */
final class SyncWatch {

  private final ConcurrentLinkedQueue<Path> synced = new ConcurrentLinkedQueue<>();
  private volatile Predicate<Path> broken = path -> false;

  /** The kernel to be used. */
  Kernel kernel() {
    return PlayedKernel.of((_, method, arguments) -> {
      if (!method.equals("fsync") && !method.equals("fdatasync")) {
        return null;
      }
      Path path = Files.readSymbolicLink(Path.of("/proc/self/fd", arguments[0].toString()));
      if (broken.test(path)) {
        return Errno.EIO.result();
      }
      synced.add(path);
      return null;
    });
  }

  /** From now on these cannot be made durable. */
  void fail(Predicate<Path> which) {
    broken = which;
  }

  /** All can be made durable again, and what was before is forgotten. */
  void heal() {
    broken = path -> false;
    synced.clear();
  }

  /** What was made durable since {@link #heal}, in order. */
  List<Path> synced() {
    return List.copyOf(synced);
  }
}
