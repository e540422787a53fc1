package io.selkie.server.http;

import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.ListKind;
import java.util.List;
import java.util.Set;

/**
 * One thing that can be asked or done below {@link #ROOT}; the program answers by it and the
 * OpenAPI document is written from it.
 *
 * @param shape of the answer
 * @param name below the root, and the command of the request
 * @param row what a row is: a record
 * @param end what ends a list, or is the answer: a record
 * @param texts that may be given, in the query or in the body
 * @param required of these
 * @param flags that may be given
 * @param confirmed whether the body has to say {@code "confirm":true}
 * @param doc what it is, in a line
 */
record ApiRoute(
    Shape shape,
    String name,
    Class<?> row,
    Class<?> end,
    List<String> texts,
    List<String> required,
    List<String> flags,
    boolean confirmed,
    String doc) {

  static final String ROOT = "/api/v1/";

  /** How it is asked, and what the answer looks like. */
  enum Shape {
    /** GET; one object. */
    OBJECT,
    /** GET; rows, then how many there were; with an id after the name only the row of that id. */
    LIST,
    /** POST; what came of it. */
    CHANGE
  }

  static ApiRoute object(String name, Class<?> end, List<String> texts, String doc) {
    return new ApiRoute(Shape.OBJECT, name, Void.class, end, texts, texts, List.of(), false, doc);
  }

  static ApiRoute list(ListKind kind, Class<?> row, Class<?> end, String doc) {
    return new ApiRoute(
        Shape.LIST, kind.command(), row, end, kind.filters(), List.of(), List.of(), false, doc);
  }

  static ApiRoute change(
      String name,
      Class<?> end,
      List<String> texts,
      List<String> required,
      List<String> flags,
      boolean confirmed,
      String doc) {
    return new ApiRoute(
        Shape.CHANGE, name, Void.class, end, texts, required, flags, confirmed, doc);
  }

  /** What a text may be, where that is known beforehand; none where it may be anything. */
  List<String> choices(String text) {
    return switch (text) {
      case "state" -> ListKind.of(name).map(ListKind::states).orElse(List.of());
      case "level" -> AdminService.LOG_LEVELS;
      case "action" -> AdminService.GRACE_ACTIONS;
      default -> List.of();
    };
  }

  /** Whether one row of it can be asked for. */
  boolean hasIds() {
    return shape == Shape.LIST && !List.of("log", "map", "events", "badblocks").contains(name);
  }

  /** Whether a disk is asked, which may hang and must take nothing else with it. */
  boolean waitsForDisk(Set<String> parameters) {
    return List.of("map", "file", "badblocks").contains(name) || parameters.contains("file");
  }

  String method() {
    return shape == Shape.CHANGE ? "POST" : "GET";
  }
}
