package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.server.SelkieServer;
import java.util.concurrent.TimeUnit;

/** The open file descriptions of a server. They are closed a moment after their last use. */
final class OpenDescriptions {

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);

  private OpenDescriptions() {}

  static long count(SelkieServer server) {
    return (Long) server.metrics().values().get("selkie_open_descriptions");
  }

  /** Waits until there are so many. */
  static void await(SelkieServer server, long count) {
    NanoClock clock = NanoClock.system();
    long end = clock.nanoTime() + PATIENCE_NANOS;
    while (count(server) != count && clock.nanoTime() - end < 0) {
      Thread.onSpinWait();
    }
    assertThat(count(server)).as("open file descriptions").isEqualTo(count);
  }
}
