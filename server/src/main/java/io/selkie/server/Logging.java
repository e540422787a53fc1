package io.selkie.server;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import io.selkie.config.LogConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The level of what is said on standard error. */
public final class Logging {

  private Logging() {}

  /** Sets the least important level that is said, from now on. */
  public static void level(LogConfig.Level level) {
    if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
      context.getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.valueOf(level.name()));
    }
  }
}
