package io.selkie.server;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.ConsoleAppender;
import io.selkie.config.LogConfig;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is said on standard error, and how. */
public final class Logging {

  private Logging() {}

  /** Sets the least important level that is said, from now on. */
  public static void level(LogConfig.Level level) {
    level("", level);
  }

  /** From now on lines look like this. */
  public static void format(LogConfig.Format format) {
    if (format == LogConfig.Format.JSON
        && LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
      context
          .getLogger(Logger.ROOT_LOGGER_NAME)
          .iteratorForAppenders()
          .forEachRemaining(appender -> {
            if (appender instanceof ConsoleAppender<ILoggingEvent> console) {
              console.stop();
              console.setEncoder(json(context));
              console.start();
            }
          });
    }
  }

  private static JsonEncoder json(LoggerContext context) {
    JsonEncoder json = new JsonEncoder();
    json.setContext(context);
    json.setWithContext(false);
    json.setWithSequenceNumber(false);
    json.setWithNanoseconds(false);
    json.setWithArguments(false);
    json.setWithMessage(false);
    json.setWithFormattedMessage(true);
    json.start();
    return json;
  }

  /**
   * Tells of each error that is said from now on, on the thread that says it.
   *
   * @param action must be quick and say no error itself
   */
  public static void onError(Runnable action) {
    if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
      AppenderBase<ILoggingEvent> appender =
          new AppenderBase<>() {
            @Override
            protected void append(ILoggingEvent event) {
              if (event.getLevel().isGreaterOrEqual(Level.ERROR)) {
                action.run();
              }
            }
          };
      appender.setContext(context);
      appender.start();
      context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(appender);
    }
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
