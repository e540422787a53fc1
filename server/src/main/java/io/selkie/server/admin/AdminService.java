package io.selkie.server.admin;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.LogConfig;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.AdminQueries.Listing;
import io.selkie.server.admin.Rows.Listed;
import io.selkie.server.admin.Rows.LoggerRow;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers administrators, however their questions come: by the Unix socket now. Safe for use by
 * several threads; works on the caller's, which may block.
 */
public final class AdminService {

  private static final Logger LOG = LoggerFactory.getLogger(AdminService.class);

  /** The words that a request may begin with. */
  public static final List<String> COMMANDS =
      List.of(
          "status",
          "exports",
          "clients",
          "sessions",
          "layouts",
          "delegations",
          "seals",
          "opens",
          "locks",
          "devices",
          "events",
          "map",
          "file",
          "recalls",
          "latencies",
          "badblocks",
          "recall",
          "fence",
          "expire",
          "drain",
          "reload",
          "log",
          "grace");

  /** What is said at least, from the most urgent on. */
  public static final List<String> LOG_LEVELS =
      Stream.of(LogConfig.Level.values())
          .map(level -> level.name().toLowerCase(Locale.ROOT))
          .toList();

  /** What can be done to the grace period. */
  public static final List<String> GRACE_ACTIONS = List.of("start", "end");

  private static final Set<String> CHANGES =
      Set.of("recall", "fence", "expire", "drain", "reload", "log", "grace");

  private final AdminParts parts;
  private final AdminQueries queries;
  private final AdminCommands commands;
  private final AdminEvents events;
  private final AdminDetails details;
  private final AdminFile file;

  /** Of a server. */
  public AdminService(AdminParts parts) {
    this.parts = parts;
    this.queries = new AdminQueries(parts);
    this.commands = new AdminCommands(parts, queries);
    this.events = new AdminEvents(parts);
    this.details = new AdminDetails(parts, queries);
    this.file = new AdminFile(queries, details);
  }

  /**
   * Answers a request.
   *
   * @param who asks, for the log
   * @param sink takes rows and progress as they come
   * @return the end of the answer, a record of {@link Rows}
   * @throws AdminException when it cannot be answered or done
   * @throws IOException when the sink cannot take it any more
   */
  public Object answer(AdminRequest request, String who, AdminSink sink)
      throws AdminException, IOException, InterruptedException {
    if (CHANGES.contains(request.command())) {
      LOG.info("administrator {}: {}", who, new String(request.json(), UTF_8));
    }
    Optional<ListKind> list = ListKind.of(request.command());
    if (list.isPresent()) {
      list.get().check(request);
    }
    return switch (request.command()) {
      case "status" -> queries.status();
      case "exports" -> list(queries.exports(), request, sink);
      case "clients" -> list(queries.clients(selection(request)), request, sink);
      case "sessions" -> list(queries.sessions(selection(request)), request, sink);
      case "layouts" -> list(queries.layouts(selection(request)), request, sink);
      case "delegations" -> list(queries.delegations(selection(request)), request, sink);
      case "seals" -> list(queries.seals(selection(request)), request, sink);
      case "opens" -> list(queries.opens(selection(request)), request, sink);
      case "locks" -> list(queries.locks(selection(request)), request, sink);
      case "devices" -> list(queries.devices(), request, sink);
      // Of the past: a device that is gone had events.
      case "events" -> events.answer(request, Selection.of(request, parts.control()), sink);
      case "map" -> details.map(request, selection(request), sink);
      case "file" -> file.answer(request, selection(request));
      case "recalls" -> list(details.recalls(selection(request)), request, sink);
      case "latencies" -> list(details.latencies(), request, sink);
      case "badblocks" -> list(queries.badBlocks(), request, sink);
      case "recall" -> commands.take(request, false);
      case "fence" -> commands.take(request, true);
      case "expire" -> commands.expire(request);
      case "drain" -> commands.drain(sink);
      case "reload" -> commands.reload(request.dryRun());
      case "log" -> request.level().isPresent() ? commands.logLevel(request) : loggers(sink);
      case "grace" -> commands.grace(request);
      default ->
          throw new AdminException(
              Code.BAD_REQUEST,
              "'%s' is no command; there are %s"
                  .formatted(request.command(), String.join(", ", COMMANDS)));
    };
  }

  /** What is to be done when the answer has gone out: a server that is drained stops. */
  public void answered(AdminRequest request) {
    if (request.command().equals("drain")) {
      parts.control().stop();
    }
  }

  /** Of what is there now. */
  private Selection selection(AdminRequest request) throws AdminException {
    return queries.selection(request);
  }

  private static <T> Listed list(Listing<T> listing, AdminRequest request, AdminSink sink)
      throws AdminException, IOException {
    long count = 0;
    Iterator<T> rows = listing.rows();
    while (rows.hasNext()) {
      T row = rows.next();
      if (request.state().isPresent()
          && !request.state().get().equals(listing.state().apply(row))) {
        continue;
      }
      if (request.id().isPresent() && !request.id().get().equals(listing.id().apply(row))) {
        continue;
      }
      if (request.limit() > 0 && count == request.limit()) {
        return new Listed(count, true);
      }
      sink.row(row);
      count++;
    }
    if (request.id().isPresent() && count == 0) {
      throw new AdminException(
          Code.NOT_FOUND,
          "there is none of '%s' among the %s".formatted(request.id().get(), request.command()));
    }
    return new Listed(count, false);
  }

  private Listed loggers(AdminSink sink) throws IOException {
    Map<String, String> levels = parts.control().logLevels();
    for (Map.Entry<String, String> level : levels.entrySet()) {
      sink.row(new LoggerRow(level.getKey(), level.getValue()));
    }
    return new Listed(levels.size(), false);
  }
}
