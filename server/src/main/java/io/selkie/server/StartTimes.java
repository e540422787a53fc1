package io.selkie.server;

import io.selkie.config.time.NanoClock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says what the way to a server that is ready has cost. For the thread that starts it. */
final class StartTimes {

  private static final Logger LOG = LoggerFactory.getLogger(StartTimes.class);

  /** Set by the launcher of an installed Selkie: the cache that the JVM was given, or nothing. */
  private static final String CACHE = "selkie.aot";

  private final NanoClock clock;
  private final long beganNanos;
  private final long beforeMillis;
  private long configuredNanos;

  /** The program has begun; what the JVM took until now is asked of the kernel. */
  StartTimes(NanoClock clock) {
    this.clock = clock;
    this.beganNanos = clock.nanoTime();
    Instant now = new WallClock().instant();
    this.beforeMillis =
        ProcessHandle.current()
            .info()
            .startInstant()
            .map(start -> Math.max(0, Duration.between(start, now).toMillis()))
            .orElse(0L);
    this.configuredNanos = beganNanos;
  }

  /** The configuration is loaded. */
  void configured() {
    configuredNanos = clock.nanoTime();
  }

  /** Clients can come. */
  void ready() {
    long now = clock.nanoTime();
    LOG.info(
        "ready {} ms after the process began: {} for the JVM and the command line, {} for the"
            + " configuration, {} for the server; {}",
        beforeMillis + millis(now - beganNanos),
        beforeMillis,
        millis(configuredNanos - beganNanos),
        millis(now - configuredNanos),
        System.getProperty(CACHE, "").isEmpty()
            ? "classes were loaded without a cache"
            : "classes come from the cache " + System.getProperty(CACHE));
  }

  private static long millis(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(nanos);
  }
}
