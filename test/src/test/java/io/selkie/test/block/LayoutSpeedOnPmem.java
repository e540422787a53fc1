package io.selkie.test.block;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.lease.PmemFileSystem;
import io.selkie.server.SelkieServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a layout of a file of 10,000 extents takes little longer than FIEMAP of the same file. Not
 * a test of the suite: {@code test/vm/block/bench} runs it. It says what it measured, in turn, and
 * judges nothing; {@code ManyExtentsTest} counts what a clock could only guess.
 */
@Timeout(800)
class LayoutSpeedOnPmem {

  private static final int EXTENTS = 10_000;
  private static final int ROUNDS = 40;

  @Test
  void besideFiemap() throws Exception {
    Path directory = Path.of("/tmp/xfs");
    sh("mkfs.xfs -q -f -m reflink=1 /dev/pmem0 && mkdir -p " + directory);
    sh("mount -o dax=always /dev/pmem0 " + directory);
    FragmentedFile file = FragmentedFile.make(directory.resolve("fragments"), EXTENTS);
    String config =
        """
        exports:
          - path: %s
            name: data
            blockLayouts: unfenced
            clients: [{hosts: "*", squash: none}]
        listen: 127.0.0.1:2050
        rdma: {listen: "127.0.0.1:0"}
        http: {enabled: false}
        sessions: {leaseSeconds: 15, graceSeconds: 15}
        layout: {recallTimeoutMillis: 12000, fenceBudgetMillis: 20000, blockIoMillis: 1000}
        stateDirectory: /tmp/state
        """
            .formatted(directory);
    try (SelkieServer _ =
        SelkieServer.start(ConfigLoader.parse("guest", config, CommandLineSettings.NONE))) {
      var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 2050);
      for (int round = 0; round < ROUNDS; round++) {
        say("fiemap_us", file.fiemapNanos(EXTENTS));
        say("layoutget_us", file.layoutNanos(address, "data", "raw" + round, 1_000_000));
        if (round % 4 == 0) {
          say("layoutget_92_us", file.layoutNanos(address, "data", "small" + round, 4096));
        }
      }
    } finally {
      sh("umount " + directory);
    }
  }

  private static String sh(String command) throws Exception {
    return PmemFileSystem.run("sh", "-c", command);
  }

  private static void say(String what, long nanos) {
    System.out.println("bench selkie " + what + " " + TimeUnit.NANOSECONDS.toMicros(nanos));
  }
}
