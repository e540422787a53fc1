package io.selkie.config;

/**
 * What is said on standard error.
 *
 * @param level the least important level that is said
 */
public record LogConfig(@Setting(value = "info", live = true) Level level) {

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
