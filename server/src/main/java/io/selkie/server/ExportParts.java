package io.selkie.server;

import io.selkie.config.SelkieConfig;
import io.selkie.posix.Kernel;
import io.selkie.posix.Mounts;
import io.selkie.posix.PosixException;
import io.selkie.server.offload.Offloads;
import io.selkie.server.ops.FileServices;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.ExportOpener;
import java.nio.file.Path;
import java.util.Collection;
import java.util.function.Consumer;

/** Makes the part of a server that changes its exports while it runs. */
record ExportParts(
    SelkieConfig config,
    Kernel kernel,
    SystemTimers timers,
    Teardown teardown,
    ExportOpener opener) {

  /**
   * Makes it, and has it follow the mounts.
   *
   * @param examine is told of what comes, on a thread of its own: exports do not wait for it
   * @param added takes what comes and is to be closed at the end; for several threads
   */
  LiveExports open(
      FileServices services,
      Offloads offloads,
      Collection<Export> added,
      Consumer<Export> examine) {
    LiveExports exports =
        new LiveExports(
            config.exports(),
            kernel,
            opener,
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
            export -> {
              added.add(export);
              Thread.ofPlatform()
                  .name("export-examined")
                  .daemon()
                  .start(() -> examine.accept(export));
            },
            added::remove);
    try {
      teardown.later(Mounts.watch(kernel, exports));
      // What was unmounted since it was opened has caused no event.
      exports.changed();
    } catch (PosixException e) {
      exports.failed(e);
    }
    StorageWatch storage =
        new StorageWatch(
            services.fs()::exports,
            services.arbiter(),
            timers,
            task -> Thread.ofPlatform().name("storage").daemon().start(task),
            StorageWatch.Pace.of(config.layout()),
            Path.of("/sys/dev/block"));
    teardown.later(storage).start();
    return exports;
  }
}
