package io.selkie.server.admin;

import io.selkie.layout.LayoutSurvey;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.session.SessionSurvey;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The lists, and what narrows each of them down: once, for the socket, HTTP, the command line and
 * what completes it. A filter that a list does not have, or a state that none of its rows can ever
 * be in, is refused: an empty list would be taken for an answer.
 */
public enum ListKind {
  /** What is served. */
  EXPORTS(Filters.NONE, List.of(State.READONLY, State.READWRITE)),
  /** Clients. */
  CLIENTS(Filters.OF_CLIENTS, SessionSurvey.CLIENT_STATES),
  /** Their sessions. */
  SESSIONS(Filters.OF_CLIENTS, List.of(State.CALLABLE, State.UNCALLABLE)),
  /** Layouts. */
  LAYOUTS(Filters.OF_FILES, LayoutSurvey.LAYOUT_STATES),
  /** Delegations. */
  DELEGATIONS(Filters.OF_FILES, LayoutSurvey.DELEGATION_STATES),
  /** Sealed files. */
  SEALS(Filters.OF_FILES, LayoutSurvey.SEAL_STATES),
  /** Opens. */
  OPENS(Filters.OF_FILES, List.of(State.OPEN, State.REVOKED)),
  /** Byte-range locks. */
  LOCKS(Filters.OF_FILES, List.of(State.HELD, State.WAITING)),
  /** Devices; the state of one is its kind. */
  DEVICES(Filters.NONE, List.of(State.RDMA, State.REACH, State.STORAGE)),
  /** A block map. */
  MAP(List.of("file"), List.of()),
  /** Events. */
  EVENTS(List.of("client", "file", "device"), List.of()),
  /** Recalls; the state of one is its outcome. */
  RECALLS(
      List.of("export", "file"), List.of(State.RUNNING, State.RETURNED, State.FENCED, State.OVER)),
  /** How long things take. */
  LATENCIES(Filters.NONE, List.of()),
  /** Bad blocks. */
  BADBLOCKS(Filters.NONE, List.of()),
  /** Loggers. */
  LOG(Filters.NONE, List.of());

  /** Words that rows are in the state of; those of enumerations are not repeated here. */
  static final class State {
    static final String READONLY = "readonly";
    static final String READWRITE = "readwrite";
    static final String CALLABLE = "callable";
    static final String UNCALLABLE = "uncallable";
    static final String OPEN = "open";
    static final String REVOKED = "revoked";
    static final String HELD = "held";
    static final String WAITING = "waiting";
    static final String RDMA = "rdma";
    static final String REACH = "reach";
    static final String STORAGE = "storage";
    static final String RUNNING = "running";
    static final String RETURNED = "returned";
    static final String FENCED = "fenced";
    static final String OVER = "over";

    private State() {}
  }

  /** What many lists have in common. */
  private static final class Filters {
    static final List<String> NONE = List.of();
    static final List<String> OF_CLIENTS = List.of("client");
    static final List<String> OF_FILES = List.of("client", "export", "file", "device");

    private Filters() {}
  }

  private static final Map<String, ListKind> BY_NAME =
      Stream.of(values()).collect(Collectors.toUnmodifiableMap(ListKind::command, kind -> kind));

  @SuppressWarnings("Immutable") // Made by List.of and toList, which cannot be changed.
  private final List<String> filters;

  @SuppressWarnings("Immutable") // As the above.
  private final List<String> states;

  ListKind(List<String> filters, List<String> states) {
    this.filters =
        states.isEmpty() ? filters : Stream.concat(filters.stream(), Stream.of("state")).toList();
    this.states = states;
  }

  /** The list of a command; empty when it is no list. */
  public static Optional<ListKind> of(String command) {
    return Optional.ofNullable(BY_NAME.get(command));
  }

  /** The word of requests that asks for it. */
  public String command() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The texts of a request by which it is narrowed down. */
  public List<String> filters() {
    return filters;
  }

  /** All states that a row can be in; none when its rows have no state. */
  public List<String> states() {
    return states;
  }

  /** Refuses what would leave out everything, or nothing, whatever is held. */
  void check(AdminRequest request) throws AdminException {
    for (Map.Entry<String, Optional<String>> filter : request.filters().entrySet()) {
      if (filter.getValue().isPresent() && !filters.contains(filter.getKey())) {
        throw new AdminException(
            Code.BAD_REQUEST,
            filters.isEmpty()
                ? "the list %s has no filter".formatted(command())
                : "the list %s is not narrowed down by %s; it is by %s"
                    .formatted(command(), filter.getKey(), String.join(", ", filters)));
      }
    }
    if (request.state().isPresent() && !states.contains(request.state().get())) {
      throw new AdminException(
          Code.BAD_REQUEST,
          "'%s' is no state in the list %s; there are %s"
              .formatted(request.state().get(), command(), String.join(", ", states)));
    }
  }
}
