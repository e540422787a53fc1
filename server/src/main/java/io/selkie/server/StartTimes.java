package io.selkie.server;

import io.selkie.config.time.NanoClock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says what the way to a server that is ready has cost. For the thread that starts it. */
final class StartTimes {

  private static final Logger LOG = LoggerFactory.getLogger(StartTimes.class);

  /** Set by the launcher of an installed Selkie: the cache that the JVM was given, or nothing. */
  private static final String CACHE = "selkie.aot";

  private static final Path PROC = Path.of("/proc");

  private final NanoClock clock;
  private final long beganNanos;
  private final long beforeMillis;
  private long configuredNanos;

  /** The program has begun; what the JVM took until now is asked of the kernel. */
  StartTimes(NanoClock clock) {
    this.clock = clock;
    this.beganNanos = clock.nanoTime();
    this.beforeMillis = ProcessTimes.of(PROC).ageMillis();
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
            + " configuration, {} for the server; {} ms of processor time; {}",
        beforeMillis + millis(now - beganNanos),
        beforeMillis,
        millis(configuredNanos - beganNanos),
        millis(now - configuredNanos),
        ProcessTimes.of(PROC).processorMillis(),
        classes(System.getProperty(CACHE, "")));
  }

  /** A cache that does not suit this JVM or these jars is left aside by the JVM without a word. */
  private static String classes(String cache) {
    if (cache.isEmpty()) {
      return "classes were loaded without a cache";
    }
    try (Stream<String> mappings = Files.lines(PROC.resolve("self/maps"))) {
      Path file = Path.of(cache);
      // The kernel tells the path without links.
      String real = " " + (Files.exists(file) ? file.toRealPath() : file.toAbsolutePath());
      if (mappings.anyMatch(line -> line.endsWith(real))) {
        return "classes come from the cache " + cache;
      }
    } catch (IOException | UncheckedIOException _) {
      return "whether classes come from the cache " + cache + " is not known";
    }
    return "classes were loaded without the cache "
        + cache
        + ", which is not of this JVM, these jars and flags; make it again";
  }

  private static long millis(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(nanos);
  }
}
