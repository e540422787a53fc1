package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.ConfigDifference.Change;
import io.selkie.config.ConfigDifference.ExportAdded;
import io.selkie.config.ConfigDifference.ExportRemoved;
import io.selkie.config.ConfigDifference.ValueChanged;
import io.selkie.config.ConfigSource;
import io.selkie.config.LogConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.lease.LeaseDeadlineException;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.http.Renewal;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a configuration file that changed is in force as a whole, or not at all. */
@Timeout(600)
class LiveConfigTest {

  @TempDir Path dir;

  private Path file;
  private ConfigSource source;

  @BeforeEach
  void directories() throws IOException {
    for (String name : List.of("one", "two", "three")) {
      Files.createDirectory(dir.resolve(name));
    }
    file = dir.resolve("selkie.yaml");
    source = new ConfigSource(Optional.of(file), OnLoopback.withStateIn(dir.resolve("state")));
  }

  private void write(String rest, String... exports) throws IOException {
    StringBuilder text = new StringBuilder("exports:\n");
    for (String export : exports) {
      text.append("  - path: ").append(dir.resolve(export)).append('\n');
    }
    Files.writeString(file, text + rest);
  }

  private SelkieServer server() throws Exception {
    return SelkieServer.start(source.load(), source, new LinuxKernel());
  }

  private static ReloadOutcome reload(SelkieServer server) throws Exception {
    return server.reload(false).toCompletableFuture().get(300, TimeUnit.SECONDS);
  }

  private static List<Change> applied(ReloadOutcome outcome) {
    assertThat(outcome).isInstanceOf(ReloadOutcome.Applied.class);
    return ((ReloadOutcome.Applied) outcome).changes();
  }

  @Test
  void exportsAndTimesAreWhatTheFileSaysAfterAReload() throws Exception {
    write("", "one", "two");
    try (SelkieServer server = server()) {
      write("layout:\n  recallTimeoutMillis: 3000\n  auditIntervalMillis: 500\n", "two", "three");

      List<Change> changes = applied(reload(server));

      assertThat(changes)
          .hasAtLeastOneElementOfType(ExportAdded.class)
          .hasAtLeastOneElementOfType(ExportRemoved.class)
          .hasAtLeastOneElementOfType(ValueChanged.class)
          .hasSize(4);
      assertThat(server.exports()).containsOnlyKeys("two", "three");
      assertThat(server.config().layout().recallTimeoutMillis()).isEqualTo(3000);
      assertThat(reload(server)).isInstanceOf(ReloadOutcome.Unchanged.class);
    }
  }

  @Test
  void dryRunSaysWhatWouldChangeAndChangesNothing() throws Exception {
    write("", "one");
    try (SelkieServer server = server()) {
      write("log:\n  level: warn\n", "one", "two");
      ReloadOutcome outcome = server.reload(true).toCompletableFuture().get(300, TimeUnit.SECONDS);

      assertThat(outcome).isInstanceOf(ReloadOutcome.Planned.class);
      assertThat(((ReloadOutcome.Planned) outcome).changes())
          .extracting(Change::describe)
          .containsExactlyInAnyOrder(
              "export two added: " + dir.resolve("two").toRealPath(),
              "log.level changed: INFO to WARN");
      assertThat(server.exports()).containsOnlyKeys("one");
      assertThat(server.config().log().level()).isEqualTo(LogConfig.Level.INFO);
    }
  }

  @Test
  void fileWithMistakesIsRefusedWholeWithTheirPlaces() throws Exception {
    write("", "one");
    try (SelkieServer server = server()) {
      write("layuot: {}\nsessions:\n  maxSlots: 0\n", "two");
      ReloadOutcome outcome = reload(server);

      assertThat(outcome).isInstanceOf(ReloadOutcome.Invalid.class);
      assertThat(((ReloadOutcome.Invalid) outcome).problems())
          .extracting(Object::toString)
          .hasSize(2)
          .allSatisfy(problem -> assertThat(problem).startsWith(file + ":"));
      assertThat(server.exports()).containsOnlyKeys("one");
    }
  }

  @Test
  void fileThatIsGoneChangesNothing() throws Exception {
    write("", "one");
    try (SelkieServer server = server()) {
      Files.delete(file);
      assertThat(reload(server)).isInstanceOf(ReloadOutcome.Invalid.class);
      assertThat(server.exports()).containsOnlyKeys("one");
    }
  }

  @Test
  void whatNeedsARestartKeepsTheRestOut() throws Exception {
    write("", "one");
    try (SelkieServer server = server()) {
      write("sessions:\n  maxSlots: 32\n", "one", "two");
      ReloadOutcome outcome = reload(server);

      assertThat(outcome).isInstanceOf(ReloadOutcome.NeedsRestart.class);
      assertThat(((ReloadOutcome.NeedsRestart) outcome).changes())
          .filteredOn(change -> !change.live())
          .extracting(Change::describe)
          .containsExactly("sessions.maxSlots changed: 64 to 32 (needs a restart)");
      assertThat(server.exports()).containsOnlyKeys("one");
    }
  }

  @Test
  void timesThatTheKernelWouldNotWaitForAreRefused() throws Exception {
    write("", "one");
    try (SelkieServer server = server()) {
      write("layout:\n  recallTimeoutMillis: 3600000\n", "one", "two");
      ReloadOutcome outcome = reload(server);

      assertThat(outcome).isInstanceOf(ReloadOutcome.Invalid.class);
      assertThat(((ReloadOutcome.Invalid) outcome).problems().getFirst().message())
          .contains("lease-break-time");
      assertThat(server.exports()).containsOnlyKeys("one");
    }
  }

  @Test
  void serverIsNotLeftWithNothingToServe() throws Exception {
    write("", "one");
    try (SelkieServer server = server()) {
      Files.writeString(file, "exports: []\n");
      assertThat(reload(server)).isInstanceOf(ReloadOutcome.Failed.class);
      assertThat(server.exports()).containsOnlyKeys("one");
    }
  }

  @Test
  void serverWithoutAFileSaysSo() throws Exception {
    write("", "one");
    SelkieConfig config = source.load();
    try (SelkieServer server = SelkieServer.start(config, new LinuxKernel())) {
      assertThat(reload(server)).isInstanceOf(ReloadOutcome.NoFile.class);
    }
  }

  /** Whose exports become something else, and the kernel's time too while they do. */
  private static final class Played implements LiveConfig.Followers {
    private final Throwable failure;
    private final List<LeaseDeadlines> taken = new ArrayList<>();
    private int leaseBreakSeconds = 45;

    Played(Throwable failure) {
      this.failure = failure;
    }

    @Override
    public LeaseDeadlines deadlines(SelkieConfig to) throws IOException {
      return of(leaseBreakSeconds);
    }

    static LeaseDeadlines of(int leaseBreakSeconds) throws IOException {
      try {
        return LeaseDeadlines.of(leaseBreakSeconds, Duration.ofSeconds(10), Duration.ofSeconds(5));
      } catch (LeaseDeadlineException e) {
        throw new IOException(e);
      }
    }

    @Override
    public Renewal renewal() {
      return Renewal.NONE;
    }

    @Override
    public CompletionStage<Void> exports(SelkieConfig to) {
      leaseBreakSeconds = 90;
      return failure == null
          ? CompletableFuture.completedFuture(null)
          : CompletableFuture.failedFuture(failure);
    }

    @Override
    public void values(SelkieConfig to, LeaseDeadlines deadlines) {
      taken.add(deadlines);
    }
  }

  private ReloadOutcome reload(Played played) throws Exception {
    write("", "one");
    SelkieConfig config = source.load();
    LiveConfig live = new LiveConfig(source, () -> config, played, Runnable::run);
    write("log:\n  level: warn\n", "one", "two");
    return live.reload(false).get(300, TimeUnit.SECONDS);
  }

  @Test
  void valuesStayAsTheyAreWhenTheExportsCannotBeHad() throws Exception {
    Played played = new Played(new IOException("no such device"));
    ReloadOutcome outcome = reload(played);
    assertThat(outcome).isInstanceOf(ReloadOutcome.Failed.class);
    assertThat(((ReloadOutcome.Failed) outcome).reason()).isEqualTo("no such device");
    assertThat(played.taken).isEmpty();
  }

  @Test
  void valuesAreTakenOverWhenAnExportThatGoesCannotBeLeft() throws Exception {
    try (Export export =
        Export.open(
            new LinuxKernel(),
            "one",
            dir.resolve("one").toString(),
            false,
            Export.HandleMode.NAME)) {
      ExportBusyException busy = new ExportBusyException(export, "what had begun in it");
      Played played = new Played(busy);
      ReloadOutcome outcome = reload(played);
      assertThat(outcome).isInstanceOf(ReloadOutcome.AppliedBut.class);
      assertThat(((ReloadOutcome.AppliedBut) outcome).reason()).isEqualTo(busy.getMessage());
      assertThat(played.taken).hasSize(1);
    }
  }

  @Test
  void timesAreThoseOfTheKernelWhenTheExportsAreThere() throws Exception {
    Played played = new Played(null);
    assertThat(reload(played)).isInstanceOf(ReloadOutcome.Applied.class);
    assertThat(Played.of(90)).isNotEqualTo(Played.of(45));
    assertThat(played.taken).containsExactly(Played.of(90));
  }

  @Test
  void watchTellsOfAFileThatIsWrittenAndOfOneThatIsPutInItsPlace() throws Exception {
    write("", "one");
    try (SystemTimers timers = new SystemTimers("watch-test")) {
      CountDownLatch written = new CountDownLatch(1);
      try (ConfigWatch _ = new ConfigWatch(file, timers, written::countDown)) {
        write("", "two");
        assertThat(written.await(300, TimeUnit.SECONDS)).isTrue();
      }
      CountDownLatch replaced = new CountDownLatch(1);
      try (ConfigWatch _ = new ConfigWatch(file, timers, replaced::countDown)) {
        Path next = dir.resolve("selkie.yaml.new");
        Files.writeString(next, "exports: []\n");
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
        assertThat(replaced.await(300, TimeUnit.SECONDS)).isTrue();
      }
    }
  }
}
