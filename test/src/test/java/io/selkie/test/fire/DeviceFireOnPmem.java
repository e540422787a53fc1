package io.selkie.test.fire;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: no byte of a client lands after its fence by a server of device DAX over an RDMA device.
 *
 * <p>Method: that of {@link FenceUnderFireTest}, with a whole server by {@code verbs} on soft RoCE,
 * and a device for the files: no file system of a stock kernel is reached there for writing. Most
 * of the clients are in this process, as a guest is slow to start others. Not a test by its name:
 * {@code DaxTest} runs it in the guest that has all that.
 */
@Timeout(900)
class DeviceFireOnPmem {

  private static final Path DEVICE = Path.of("/dev/dax3.0");
  private static final int SECONDS = 15;
  private static final int SECONDS_UNTIL_FOUND_OUT = 240;

  private static Fire.Outcome burn(int seconds, boolean broken) throws Exception {
    long seed = FireSeed.of("fencing under fire by verbs, of a device");
    try (ScratchDirectory scratch =
        ScratchDirectory.in(Path.of(System.getProperty("selkie.test.dir")), "fire-")) {
      Fire.Outcome outcome =
          Fire.burn(
              Fire.Plan.ofDevice(
                  DEVICE, System.getProperty("selkie.verbs.address"), seed, seconds, broken),
              scratch.path());
      System.out.println(outcome.story());
      return outcome;
    }
  }

  @Test
  void noByteLandsAfterItsFence() throws Exception {
    Fire.Outcome outcome = burn(SECONDS, false);
    assertThat(outcome.violations()).as(outcome.story()).isEmpty();
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isZero();
    assertThat(outcome.allHappened()).as(outcome.story()).isTrue();
  }

  @Test
  void fenceThatDoesNotWaitIsSeenByWritersAndOnTheDevice() throws Exception {
    Fire.Outcome outcome = burn(SECONDS_UNTIL_FOUND_OUT, true);
    assertThat(outcome.violations()).as(outcome.story()).isNotEmpty();
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isPositive();
  }
}
