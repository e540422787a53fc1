package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
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
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

/**
 * Goal: a trial of a device is shown as it went last, and does nothing to who asked for it; what is
 * not done by a device is said, with the reason.
 *
 * <p>Method: the software provider stands for a device that breaks later.
 */
@Timeout(120)
class RdmaPartsTest {

  private final Kernel kernel = new LinuxKernel();
  private final ServerMetrics metrics = new ServerMetrics();
  private final Teardown teardown = new Teardown();
  private final RdmaParts parts = parts(RdmaConfig.Provider.AUTO);
  private final ListAppender<ILoggingEvent> said = new ListAppender<>();
  private final Logger logger = (Logger) LoggerFactory.getLogger(RdmaParts.class);
  private final Level level = logger.getLevel();

  private RdmaParts parts(RdmaConfig.Provider provider) {
    return new RdmaParts(
        new RdmaConfig(
            provider, new HostPort("127.0.0.1", 0), Optional.empty(), 8, 8, 8, 5000, 1 << 20, 0),
        kernel,
        NanoClock.system(),
        new SecureRandom(),
        metrics,
        teardown,
        (_, _) -> {
          throw new IOException("verbs: no device of 127.0.0.1");
        });
  }

  @BeforeEach
  void listen() {
    logger.setLevel(Level.INFO);
    said.start();
    logger.addAppender(said);
  }

  @AfterEach
  void stop() {
    logger.detachAppender(said);
    logger.setLevel(level);
    teardown.close();
  }

  /** What the log says at a level. */
  private List<String> said(Level at) {
    return said.list.stream()
        .filter(event -> event.getLevel() == at)
        .map(ILoggingEvent::getFormattedMessage)
        .toList();
  }

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
      assertThat(said(Level.INFO))
          .filteredOn(line -> line.startsWith("verbs: export files ("))
          .hasSize(2)
          .allMatch(line -> line.contains(": read ") && line.contains(", write "));
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
    assertThat(said(Level.ERROR))
        .containsExactly("verbs: export files is not reached by the device");
  }

  @Test
  void whyNoDeviceIsUsedIsInTheLogAndInTheListOfListeners() throws Exception {
    RdmaService service = parts.open(_ -> OptionalLong.empty(), List.of()).orElseThrow();

    String why = "verbs is not used: no device of 127.0.0.1";
    assertThat(said(Level.WARN)).containsExactly("one-sided access by iwarp alone; " + why);
    assertThat(said(Level.INFO))
        .singleElement()
        .asString()
        .startsWith("one-sided access by iwarp on ");
    assertThat(service.listeners()).extracting(RdmaService.Listening::note).containsExactly(why);
  }

  @Test
  void whereADeviceIsDemandedItsLackIsAnErrorThatSaysWhatToDo() {
    RdmaParts strict = parts(RdmaConfig.Provider.VERBS);
    assertThatThrownBy(() -> strict.open(_ -> OptionalLong.empty(), List.of()))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "verbs: no device of 127.0.0.1; mend that (selkie doctor says more), or set"
                + " rdma.provider to auto or iwarp");
    assertThat(said(Level.INFO)).as("nothing is served").isEmpty();
  }
}
