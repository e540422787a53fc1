package io.selkie.server;

import io.selkie.config.ConfigDifference;
import io.selkie.config.ConfigDifference.Change;
import io.selkie.config.ConfigDifference.ValueChanged;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigProblem;
import io.selkie.config.ConfigSource;
import io.selkie.config.SelkieConfig;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.http.Renewal;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The configuration of a running server, and how it becomes another one: the file is validated
 * whole, compared with what is in force, and then all of it is applied or nothing is. Exports come
 * first, because they alone can fail; the rest is numbers. An export that goes and cannot be left
 * is no failure of the rest, but is told.
 *
 * <p>Safe for use by several threads; one reload is done after the other, on a thread of its own.
 */
final class LiveConfig {

  private static final Logger LOG = LoggerFactory.getLogger(LiveConfig.class);

  /** What follows the configuration. */
  interface Followers {
    /** Whether its deadlines fit (S4); changes nothing. */
    LeaseDeadlines deadlines(SelkieConfig config) throws IOException;

    /**
     * The secrets whose files may have changed though their keys have not; changes nothing.
     *
     * @throws IOException when they cannot be used
     */
    Renewal renewal() throws IOException;

    /**
     * Serves exactly the exports of a configuration; nothing changed when it fails, unless with an
     * {@link ExportBusyException}: then all else is as wanted.
     */
    CompletionStage<Void> exports(SelkieConfig config);

    /** Takes over what only has to be stored. */
    void values(SelkieConfig config, LeaseDeadlines deadlines);
  }

  private final ConfigSource source;
  private final Supplier<SelkieConfig> inForce;
  private final Followers followers;
  private final Executor thread;
  private final AtomicBoolean wanted = new AtomicBoolean();

  /**
   * Of a server.
   *
   * @param inForce the configuration that counts now
   * @param thread a single one, that may block
   */
  LiveConfig(
      ConfigSource source, Supplier<SelkieConfig> inForce, Followers followers, Executor thread) {
    this.source = source;
    this.inForce = inForce;
    this.followers = followers;
    this.thread = thread;
  }

  /** The file it is loaded from. */
  ConfigSource source() {
    return source;
  }

  /**
   * Loads the configuration again.
   *
   * @param dryRun only says what would change
   */
  CompletableFuture<ReloadOutcome> reload(boolean dryRun) {
    return CompletableFuture.supplyAsync(() -> now(dryRun), thread);
  }

  /**
   * The same for whoever does not wait for the outcome, which is logged: a signal, a file that
   * changed. Returns at once; what is asked for before the file was read again is asked for once.
   */
  void reloadSoon(String why) {
    if (wanted.compareAndSet(false, true)) {
      LOG.info("configuration is loaded again: {}", why);
      thread.execute(() -> {
        wanted.set(false);
        log(now(false));
      });
    }
  }

  private ReloadOutcome now(boolean dryRun) {
    if (source.file().isEmpty()) {
      return new ReloadOutcome.NoFile();
    }
    SelkieConfig to;
    try {
      to = source.load();
      var _ = followers.deadlines(to);
    } catch (ConfigException e) {
      return new ReloadOutcome.Invalid(e.problems());
    } catch (IOException e) {
      return new ReloadOutcome.Invalid(
          List.of(
              new ConfigProblem(
                  source.file().get().toString(),
                  0,
                  0,
                  "layout",
                  String.valueOf(e.getMessage()),
                  "mend the times, or the kernel's")));
    }
    Renewal renewal;
    try {
      renewal = followers.renewal();
    } catch (IOException e) {
      return new ReloadOutcome.Failed(List.of(), String.valueOf(e.getMessage()));
    }
    ConfigDifference difference = ConfigDifference.between(inForce.get(), to);
    List<Change> changes =
        Stream.concat(difference.changes().stream(), renewal.changes().stream()).toList();
    if (changes.isEmpty()) {
      return new ReloadOutcome.Unchanged();
    }
    if (to.exports().isEmpty()) {
      return new ReloadOutcome.Failed(changes, "there would be nothing left to serve");
    }
    if (!difference.isLive()) {
      return new ReloadOutcome.NeedsRestart(changes);
    }
    if (dryRun) {
      return new ReloadOutcome.Planned(changes);
    }
    Optional<String> busy = Optional.empty();
    if (!difference.changes().stream().allMatch(ValueChanged.class::isInstance)) {
      try {
        followers.exports(to).toCompletableFuture().join();
      } catch (CompletionException e) {
        String reason = String.valueOf(e.getCause().getMessage());
        if (!(e.getCause() instanceof ExportBusyException)) {
          LOG.error("exports stay as they are", e.getCause());
          return new ReloadOutcome.Failed(changes, reason);
        }
        busy = Optional.of(reason);
      }
    }
    return values(to, changes, busy, renewal);
  }

  /**
   * Takes over the numbers, the exports being there. The exports may have taken long, so the
   * deadlines are those of the kernel's time now.
   */
  private ReloadOutcome values(
      SelkieConfig to, List<Change> changes, Optional<String> busy, Renewal renewal) {
    try {
      followers.values(to, followers.deadlines(to));
      renewal.use().run();
    } catch (IOException e) {
      return new ReloadOutcome.AppliedBut(
          changes,
          "only the exports are in force, the rest is as it was: "
              + e.getMessage()
              + busy.map(reason -> "; " + reason).orElse(""));
    }
    changes.forEach(change -> LOG.info("configuration: {}", change.describe()));
    return busy.isPresent()
        ? new ReloadOutcome.AppliedBut(changes, busy.get())
        : new ReloadOutcome.Applied(changes);
  }

  private void log(ReloadOutcome outcome) {
    switch (outcome) {
      case ReloadOutcome.NoFile _ ->
          LOG.warn("not loaded again: the server was started without a configuration file");
      case ReloadOutcome.Invalid(List<ConfigProblem> problems) ->
          problems.forEach(problem -> LOG.error("configuration stays as it is: {}", problem));
      case ReloadOutcome.Unchanged _ -> LOG.info("configuration is as it was");
      case ReloadOutcome.NeedsRestart(List<Change> changes) ->
          changes.stream()
              .filter(change -> !change.live())
              .forEach(change -> LOG.error("configuration stays as it is: {}", change.describe()));
      case ReloadOutcome.Failed(List<Change> _, String reason) ->
          LOG.error("configuration stays as it is: {}", reason);
      case ReloadOutcome.AppliedBut(List<Change> _, String reason) ->
          LOG.error("configuration is applied, but {}", reason);
      case ReloadOutcome.Planned _, ReloadOutcome.Applied _ -> {}
    }
  }
}
