package io.selkie.config;

/**
 * What is said on standard error.
 *
 * @param level the least important level that is said
 * @param format lines for people, or one JSON object to a line
 * @param slowOperationMillis an NFS operation that takes longer is an event, and said; 0 for none
 */
public record LogConfig(
    @Setting(value = "info", live = true) Level level,
    @Setting("text") Format format,
    @Setting(value = "1000", max = 3_600_000) int slowOperationMillis) {

  /** How lines look. */
  public enum Format {
    /** For people. */
    TEXT,
    /** For programs. */
    JSON
  }

  /** Levels of importance. */
  public enum Level {
    /** Only what breaks the server. */
    ERROR,
    /** What someone should look at. */
    WARN,
    /** What the server does. */
    INFO,
    /** Each decision. */
    DEBUG,
    /** Each operation. */
    TRACE
  }
}
