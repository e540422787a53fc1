package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.HostPort;
import io.selkie.config.RdmaConfig;
import io.selkie.posix.LinuxKernel;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.server.RdmaParts.RdmaDevice;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the doctor says yes to a device where a server would use it, and nowhere else.
 *
 * <p>Method: the software provider stands for a device at one address.
 */
@Timeout(120)
class VerbsDoctorTest {

  private static final String DEVICE = "127.0.0.2";

  private static VerbsDoctor.Finding examine(String listen) {
    RdmaConfig config =
        new RdmaConfig(
            RdmaConfig.Provider.AUTO,
            new HostPort(listen, 0),
            Optional.empty(),
            8,
            8,
            8,
            5000,
            1 << 20,
            0);
    return new VerbsDoctor(new LinuxKernel(), VerbsDoctorTest::open)
        .examine(config, Path.of("target"));
  }

  private static RdmaDevice open(RdmaConfig config, Optional<InetAddress> address)
      throws IOException {
    InetAddress at = InetAddress.getByName(DEVICE);
    if (address.isPresent() && !address.get().equals(at)) {
      throw new IOException("verbs: no device has " + address.get().getHostAddress());
    }
    return new RdmaDevice(new IwarpProvider(IwarpConfig.DEFAULTS), "soft0", at, true);
  }

  @Test
  void deviceThatRdmaListenMeansIsSaidToBeUsed() {
    VerbsDoctor.Finding finding = examine(DEVICE);
    assertThat(finding.available()).as(finding.reason()).isTrue();
    assertThat(examine("0.0.0.0").available()).isTrue();
  }

  @Test
  void deviceThatWorksButThatRdmaListenDoesNotMeanIsNotSaidToBeUsed() {
    VerbsDoctor.Finding finding = examine("127.0.0.1");
    assertThat(finding.available()).isFalse();
    assertThat(finding.reason())
        .contains("device soft0", "works", "rdma.listen", "set that to " + DEVICE);
    assertThat(finding.row()).isPresent();
  }
}
