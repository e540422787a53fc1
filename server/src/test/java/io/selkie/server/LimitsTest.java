package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigLoader;
import io.selkie.config.SelkieConfig;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LimitsTest {

  @Test
  void lostRecallCanBeSentAgainBeforeItsDeadline() throws ConfigException {
    for (int recall : new int[] {600, 10_000, 3_600_000}) {
      String yaml = "layout: {recallTimeoutMillis: " + recall + "}";
      SelkieConfig config = ConfigLoader.parse("test", yaml, CommandLineSettings.NONE);
      assertThat(Limits.sessions(config).callbackTimeout())
          .isPositive()
          .isLessThanOrEqualTo(Duration.ofMillis(recall / 3))
          .isLessThanOrEqualTo(Duration.ofSeconds(10));
    }
  }
}
