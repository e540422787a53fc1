package io.selkie.server;

import io.selkie.config.SelkieConfig;
import io.selkie.posix.Kernel;
import io.selkie.posix.Mounts;
import io.selkie.posix.PosixException;
import io.selkie.server.offload.Offloads;
import io.selkie.server.ops.FileServices;
import io.selkie.server.vfs.Export;
import java.util.Collection;

/** Makes the part of a server that changes its exports while it runs. */
record ExportParts(SelkieConfig config, Kernel kernel, SystemTimers timers, Teardown teardown) {

  /**
   * Makes it, and has it follow the mounts.
   *
   * @param added takes what comes and is to be closed at the end; for several threads
   */
  LiveExports open(FileServices services, Offloads offloads, Collection<Export> added) {
    LiveExports exports =
        new LiveExports(
            config.exports(),
            kernel,
            services.fs(),
            services.admission(),
            services.layoutExports(),
            services.opens(),
            services.arbiter(),
            offloads,
            new WallClock(),
            teardown.later(new BlockingThreads("exports", 1)),
            Limits.patienceWithExports(config.layout()),
            timers,
            task -> Thread.ofPlatform().name("export-leaving").daemon().start(task),
            added::add,
            added::remove);
    try {
      teardown.later(Mounts.watch(kernel, exports));
      // What was unmounted since it was opened has caused no event.
      exports.changed();
    } catch (PosixException e) {
      exports.failed(e);
    }
    return exports;
  }
}
