package io.selkie.test.drill;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;

/**
 * One event of the server, as its administrators see it.
 *
 * @param life counts the server's starts during a scenario: numbers begin again with each
 * @param number in the order of that life
 * @param atNanos on the drill's clock
 * @param event as {@code selkie ctl events} calls it
 * @param recall 0 for none
 * @param client its id, in hexadecimal digits; empty for none
 * @param path below the export; empty for none
 */
record Happening(
    int life,
    long number,
    long atNanos,
    String event,
    long recall,
    String client,
    String path,
    String cause,
    long bytes,
    String detail) {

  /**
   * Reads a row.
   *
   * @param zeroNanos what the drill's clock would have shown at the beginning of 1970
   */
  static Happening of(JsonNode row, int life, long zeroNanos) {
    Instant at = Instant.parse(row.path("at").asText());
    return new Happening(
        life,
        row.path("number").asLong(),
        zeroNanos + at.getEpochSecond() * 1_000_000_000L + at.getNano(),
        row.path("event").asText(),
        row.path("recall").asLong(),
        row.path("client").asText(""),
        row.path("path").asText(""),
        row.path("cause").asText(""),
        row.path("bytes").asLong(),
        row.path("detail").asText(""));
  }

  /** Whether it is of the file with this name, whatever directory that is in. */
  boolean isOf(String fileName) {
    return path.equals(fileName) || path.endsWith("/" + fileName);
  }
}
