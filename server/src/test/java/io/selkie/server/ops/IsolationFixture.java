package io.selkie.server.ops;

import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;

/** A server with a slow and a fast export, and what one does with it to be in others' way. */
abstract class IsolationFixture {

  final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  HangingDisk disk;
  TwoExports server;

  /**
   * Starts the server; at most once.
   *
   * @param hanging the calls that can be made to hang in the slow export
   */
  void start(int recallMillis, String delegations, String... hanging) throws IOException {
    disk = new HangingDisk(hanging);
    server =
        new TwoExports(
            disk.kernel(),
            recallMillis,
            "{enabled: %s}".formatted(delegations),
            "{threads: 4, queueLength: 32}",
            new String[] {"slow", "fast"});
  }

  /** Nothing is interrupted: what hung goes on and ends first. */
  @AfterEach
  void stop() throws Exception {
    if (server != null) {
      disk.goOn();
      threads.close();
      server.close();
    }
  }

  void hang() {
    disk.hangIn(server.of("slow"));
  }

  /** A layout of all of a file, for writing. */
  static HeldLayout layout(FileCalls client, Opened file) {
    return HeldLayout.get(client, file.handle(), file.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
  }

  /**
   * A local process that cuts the file to nothing, and waits for that until the seal is gone. Not
   * truncate(1): it opens without waiting, and gives up.
   */
  static Process breaker(Path file) throws IOException {
    return new ProcessBuilder("dd", "if=/dev/null", "of=" + file, "status=none")
        .inheritIO()
        .start();
  }
}
