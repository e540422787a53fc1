package io.selkie.server;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import io.selkie.config.LogConfig;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The level of what is said on standard error. */
public final class Logging {

  private Logging() {}

  /** Sets the least important level that is said, from now on. */
  public static void level(LogConfig.Level level) {
    level("", level);
  }

  /** The same for one logger and those below it; an empty name is all of them. */
  public static void level(String logger, LogConfig.Level level) {
    if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
      context
          .getLogger(logger.isEmpty() ? Logger.ROOT_LOGGER_NAME : logger)
          .setLevel(Level.valueOf(level.name()));
    }
  }

  /** The loggers that have a level of their own, and it. */
  public static Map<String, String> levels() {
    Map<String, String> levels = new TreeMap<>();
    if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
      for (ch.qos.logback.classic.Logger logger : context.getLoggerList()) {
        if (logger.getLevel() != null) {
          levels.put(logger.getName(), logger.getLevel().toString().toLowerCase(Locale.ROOT));
        }
      }
    }
    return levels;
  }
}
