package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.SelkieConfig;
import io.selkie.lease.DescriptorKeeper;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.keeper.KeeperException.Reason;
import io.selkie.server.keeper.Surroundings;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: where nobody can keep leases after a kill, nobody is said to (S5). */
@Timeout(600)
class KeeperPartsTest {

  @TempDir Path state;

  @Test
  void processOfAUnitThatSystemdWouldEndWithItsServerIsNoKeeper() throws Exception {
    long pid = ProcessHandle.current().pid();
    var surroundings = new Surroundings(Map.of("SYSTEMD_EXEC_PID", Long.toString(pid)), pid);
    ServerMetrics metrics = new ServerMetrics();
    SelkieConfig config = ConfigLoader.parse("test", "", CommandLineSettings.NONE);
    try (Teardown teardown = new Teardown()) {
      var parts = new KeeperParts(Optional.of(surroundings), metrics, teardown);
      assertThat(parts.open(config, new LinuxKernel(), state)).isSameAs(DescriptorKeeper.NONE);
    }
    assertThat(metrics.counter(Metric.KEEPER_REFUSALS, Reason.NOT_OFFERED.name()).getCount())
        .isOne();
  }
}
