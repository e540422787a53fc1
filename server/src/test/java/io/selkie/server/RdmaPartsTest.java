package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.selkie.config.HostPort;
import io.selkie.config.RdmaConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.rdma.RegistrationProbe;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.server.direct.RegistrationMatrix;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a trial of a device is shown as it went last, and does nothing to who asked for it.
 *
 * <p>Method: the software provider stands for a device that breaks later.
 */
@Timeout(120)
class RdmaPartsTest {

  private final Kernel kernel = new LinuxKernel();
  private final ServerMetrics metrics = new ServerMetrics();
  private final RdmaParts parts =
      new RdmaParts(
          new RdmaConfig(
              RdmaConfig.Provider.AUTO,
              new HostPort("127.0.0.1", 0),
              Optional.empty(),
              8,
              8,
              8,
              5000,
              1 << 20,
              0),
          kernel,
          NanoClock.system(),
          new SecureRandom(),
          metrics,
          new Teardown(),
          (_, _) -> {
            throw new IOException("no device");
          });

  private Export export() throws IOException {
    return Export.open(
        kernel,
        "files",
        Path.of("target").toAbsolutePath().toString(),
        false,
        Export.HandleMode.NAME);
  }

  @Test
  void whatATrialShowsLaterReplacesWhatItShowedBefore() throws Exception {
    try (Export export = export();
        IwarpProvider provider = new IwarpProvider(IwarpConfig.DEFAULTS)) {
      RegistrationMatrix matrix =
          new RegistrationMatrix(
              new RegistrationProbe(provider, InetAddress.getLoopbackAddress(), new Random(1)),
              new Random(2));
      String gauge = Metric.RDMA_REACH.id(FileIdentity.deviceText(export.device()), "read");
      parts.prove(matrix, export);
      assertThat(metrics.values()).containsEntry(gauge, 1L);
      provider.close();
      parts.prove(matrix, export);
      assertThat(metrics.values()).containsEntry(gauge, 0L);
    }
  }

  @Test
  void defectInATrialIsNotTheAskers() throws Exception {
    try (Export export = export()) {
      RegistrationMatrix matrix =
          new RegistrationMatrix(
              new RegistrationProbe(null, InetAddress.getLoopbackAddress(), new Random(1)),
              new Random(2));
      assertThatCode(() -> parts.prove(matrix, export)).doesNotThrowAnyException();
    }
  }
}
