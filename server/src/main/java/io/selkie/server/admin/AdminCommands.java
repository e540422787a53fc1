package io.selkie.server.admin;

import io.selkie.config.ConfigDifference.Change;
import io.selkie.config.ConfigProblem;
import io.selkie.config.LogConfig;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.lease.FileIdentity;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.Rows.ChangeRow;
import io.selkie.server.admin.Rows.Done;
import io.selkie.server.admin.Rows.Reloaded;
import io.selkie.server.admin.Rows.Taken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What administrators do. Each waits until it is done, on its caller's thread. */
final class AdminCommands {

  /** What may come on top of a recall's deadline and its fence before one does not wait on. */
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final AdminParts parts;
  private final AdminQueries queries;
  private final long patienceNanos;

  AdminCommands(AdminParts parts, AdminQueries queries) {
    this(parts, queries, PATIENCE_NANOS);
  }

  /** The same with another patience, for tests. */
  AdminCommands(AdminParts parts, AdminQueries queries, long patienceNanos) {
    this.parts = parts;
    this.queries = queries;
    this.patienceNanos = patienceNanos;
  }

  // ---------------------------------------------------------------- layouts

  /** Asks for layouts and delegations back, or takes them without asking. */
  Taken take(AdminRequest request, boolean fence) throws AdminException, InterruptedException {
    Selection selection = queries.selection(request);
    if (request.state().isPresent() || request.id().isPresent()) {
      throw new AdminException(
          Code.BAD_REQUEST,
          "say what is meant by client, export, file or device, or that it is all");
    }
    if (selection.isEverything() != request.all()) {
      throw new AdminException(
          Code.BAD_REQUEST,
          request.all()
              ? "say either that all is meant, or what"
              : "say what is meant: a client, export, file or device, or all");
    }
    if (request.client().isPresent()) {
      requireClient(selection.client().getAsLong());
    }
    long layouts =
        selection.isEverything()
            ? parts.arbiter().layoutCount()
            : count(queries.layouts(selection).rows());
    long delegations = count(queries.delegations(selection).rows());
    long began = parts.clock().nanoTime();
    LayoutArbiter arbiter = parts.arbiter();
    List<CompletableFuture<Void>> stages = new ArrayList<>();
    for (RecallFilter filter : filters(selection)) {
      CompletionStage<Void> stage =
          fence
              ? arbiter.fence(filter, RecallCause.ADMINISTRATIVE)
              : arbiter.recall(filter, RecallCause.ADMINISTRATIVE);
      stages.add(stage.toCompletableFuture());
    }
    CompletableFuture<Void> all = CompletableFuture.allOf(stages.toArray(CompletableFuture[]::new));
    boolean complete = request.noWait() ? all.isDone() : await(all);
    return new Taken(
        fence ? "fence" : "recall",
        layouts,
        delegations,
        complete,
        TimeUnit.NANOSECONDS.toMillis(parts.clock().nanoTime() - began));
  }

  private List<RecallFilter> filters(Selection selection) {
    if (!selection.namesFiles()) {
      return List.of(new RecallFilter(selection.client(), Optional.empty(), selection.device()));
    }
    List<RecallFilter> filters = new ArrayList<>();
    for (FileIdentity file : queries.heldFiles(selection)) {
      filters.add(new RecallFilter(selection.client(), Optional.of(file), OptionalLong.empty()));
    }
    return filters;
  }

  private static long count(Iterator<?> rows) {
    long count = 0;
    while (rows.hasNext()) {
      rows.next();
      count++;
    }
    return count;
  }

  /** Whether it is over; a recall has a deadline and a fence a budget, so it is before long. */
  private boolean await(CompletableFuture<Void> stage) throws AdminException, InterruptedException {
    try {
      stage.get(waitNanos(), TimeUnit.NANOSECONDS);
      return true;
    } catch (TimeoutException _) {
      return false;
    } catch (ExecutionException e) {
      throw new AdminException(Code.FAILED, "it failed: " + e.getCause());
    }
  }

  private long waitNanos() {
    ServerControl.Facts facts = parts.control().facts();
    return TimeUnit.MILLISECONDS.toNanos(
            (long) facts.recallTimeoutMillis() + 2L * facts.fenceBudgetMillis())
        + patienceNanos;
  }

  // ---------------------------------------------------------------- clients

  private void requireClient(long id) throws AdminException {
    if (parts.sessions().survey().clients().stream().noneMatch(view -> view.clientId() == id)) {
      throw noClient(id);
    }
  }

  private static AdminException noClient(long id) {
    return new AdminException(
        Code.NOT_FOUND, "there is no client %016x; see the list of clients".formatted(id));
  }

  /** Ends a client as if its lease were over: fenced first, then everything else goes. */
  Done expire(AdminRequest request) throws AdminException, InterruptedException {
    if (request.client().isEmpty()) {
      throw new AdminException(Code.BAD_REQUEST, "say which client");
    }
    long id = Selection.clientId(request.client().get());
    requireClient(id);
    boolean fenced =
        await(
            parts
                .arbiter()
                .fence(
                    new RecallFilter(OptionalLong.of(id), Optional.empty(), OptionalLong.empty()),
                    RecallCause.ADMINISTRATIVE)
                .toCompletableFuture());
    if (!parts.sessions().revoke(id)) {
      throw noClient(id);
    }
    return new Done(
        "expire",
        "client %016x is gone%s"
            .formatted(id, fenced ? "" : "; some of its accesses are still being broken off"));
  }

  // ---------------------------------------------------------------- the server

  Done drain(AdminSink sink) throws AdminException, IOException, InterruptedException {
    long layouts = parts.arbiter().layoutCount();
    int delegations = parts.arbiter().delegations().delegationCount();
    sink.progress(
        "nothing is granted any more; %d layouts and %d delegations are recalled"
            .formatted(layouts, delegations));
    if (!await(parts.control().drain().toCompletableFuture())) {
      throw new AdminException(
          Code.FAILED,
          "not everything came back or could be fenced; the server goes on without granting."
              + " See its log, then stop it");
    }
    return new Done("drain", "nothing is held any more; the server stops");
  }

  Reloaded reload(boolean dryRun) throws AdminException, InterruptedException {
    ReloadOutcome outcome;
    try {
      outcome =
          parts
              .control()
              .reload(dryRun)
              .toCompletableFuture()
              .get(waitNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      throw new AdminException(
          Code.FAILED,
          "the configuration is still being loaded, which goes on: an export's disk does not"
              + " answer, or another reload comes first. See the server's log for what comes of"
              + " it");
    } catch (ExecutionException e) {
      throw new AdminException(Code.FAILED, "loading failed: " + e.getCause());
    }
    return switch (outcome) {
      case ReloadOutcome.NoFile _ ->
          throw new AdminException(
              Code.REFUSED, "the server was started without a configuration file");
      case ReloadOutcome.Invalid(List<ConfigProblem> problems) ->
          throw new AdminException(
              Code.REFUSED,
              "the configuration has mistakes; nothing was changed",
              problems.stream().map(ConfigProblem::toString).toList());
      case ReloadOutcome.NeedsRestart(List<Change> changes) ->
          throw new AdminException(
              Code.REFUSED,
              "some of it needs a restart, so nothing was changed",
              changes.stream().map(Change::describe).toList());
      case ReloadOutcome.Failed(List<Change> changes, String reason) ->
          throw new AdminException(
              Code.FAILED,
              reason + "; nothing was changed",
              changes.stream().map(Change::describe).toList());
      case ReloadOutcome.AppliedBut(List<Change> changes, String reason) ->
          throw new AdminException(
              Code.FAILED,
              "applied, but " + reason,
              changes.stream().map(Change::describe).toList());
      case ReloadOutcome.Unchanged _ -> new Reloaded("unchanged", false, List.of());
      case ReloadOutcome.Planned(List<Change> changes) ->
          new Reloaded("planned", false, rows(changes));
      case ReloadOutcome.Applied(List<Change> changes) ->
          new Reloaded("applied", true, rows(changes));
    };
  }

  private static List<ChangeRow> rows(List<Change> changes) {
    return changes.stream().map(each -> new ChangeRow(each.describe(), each.live())).toList();
  }

  Done logLevel(AdminRequest request) throws AdminException {
    String text = request.level().orElse("");
    if (!AdminService.LOG_LEVELS.contains(text)) {
      throw new AdminException(
          Code.BAD_REQUEST,
          "'%s' is no level; there are %s"
              .formatted(text, String.join(", ", AdminService.LOG_LEVELS)));
    }
    LogConfig.Level level = LogConfig.Level.valueOf(text.toUpperCase(Locale.ROOT));
    String logger = request.name().orElse("");
    parts.control().logLevel(logger, level);
    return new Done("log", (logger.isEmpty() ? "everything" : logger) + " is logged at " + text);
  }

  Done grace(AdminRequest request) throws AdminException {
    String action = request.action().orElse("");
    boolean done =
        switch (action) {
          case "start" -> parts.recovery().start();
          case "end" -> parts.recovery().end();
          default ->
              throw new AdminException(
                  Code.BAD_REQUEST, "'" + action + "' is neither start nor end");
        };
    if (!done) {
      throw new AdminException(
          Code.REFUSED,
          action.equals("start") ? "there is a grace period already" : "there is no grace period");
    }
    return new Done(
        "grace",
        action.equals("start") ? "a grace period has begun" : "the grace period has been ended");
  }
}
