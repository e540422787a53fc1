package io.selkie.test.fire;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: when an invalidation is over, no byte of the region's lands any more (S3), with any
 * provider; and this test would see it.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
abstract class RegionFireContract {

  private final String provider;
  private final int seconds;
  private final int clients;

  RegionFireContract(String provider, int seconds, int clients) {
    this.provider = provider;
    this.seconds = seconds;
    this.clients = clients;
  }

  /** An address that the provider can listen on. */
  abstract InetAddress address() throws Exception;

  private RegionFire.Outcome burn(boolean broken) throws Exception {
    long seed = FireSeed.of("regions under fire by " + provider);
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    try (ScratchDirectory scratch = ScratchDirectory.in(base, "regions-")) {
      RegionFire.Outcome outcome =
          RegionFire.burn(
              new RegionFire.Plan(provider, address(), seed, seconds, clients, 3, broken),
              scratch.path());
      System.out.println(outcome.story());
      return outcome;
    }
  }

  @Test
  void noByteLandsWhenAnInvalidationIsOver() throws Exception {
    RegionFire.Outcome outcome = burn(false);
    assertThat(outcome.violations()).as(outcome.story()).isEmpty();
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isZero();
    assertThat(outcome.queuePairsBroken()).as("fences in the middle of writes").isPositive();
    assertThat(outcome.kills()).as(outcome.story()).isPositive();
  }

  @Test
  void invalidationThatIsNotWaitedForIsSeenByWritersAndInMemory() throws Exception {
    RegionFire.Outcome outcome = burn(true);
    assertThat(outcome.violations()).as(outcome.story()).isNotEmpty();
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isPositive();
  }
}
