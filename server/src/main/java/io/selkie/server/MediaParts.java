package io.selkie.server;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.BadBlockLists;
import io.selkie.posix.DaxDevice;
import io.selkie.posix.DeviceFiles;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.media.MediaErrors;
import io.selkie.server.metrics.ServerMetrics;

/** Makes what a server knows of bad blocks. */
final class MediaParts {

  private MediaParts() {}

  /** A kernel that knows of devices; the very same when it does already. */
  static DeviceFiles withDevices(Kernel kernel) {
    return kernel instanceof DeviceFiles files
        ? files
        : new DeviceFiles(kernel, DaxDevice.bySysfs());
  }

  static MediaErrors open(
      DeviceFiles kernel, NanoClock clock, ServerMetrics metrics, Teardown teardown) {
    // On the kernel itself: what a test does to the calls of requests is not meant for these.
    BadBlockLists lists = teardown.later(new BadBlockLists(new LinuxKernel()));
    BlockingThreads recalling = teardown.later(new BlockingThreads("media", 1));
    return new MediaErrors(kernel, lists, clock, metrics, recalling);
  }

  /** What is done with each audit. */
  static Runnable everyAudit(LeaseTimeGuard guard, MediaErrors media) {
    return () -> {
      guard.check();
      media.audited();
    };
  }
}
