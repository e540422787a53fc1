package io.selkie.test.fire;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: no byte of a client lands after its fence by a server of files over an RDMA device.
 *
 * <p>Method: that of {@link FenceUnderFireTest}, by {@code verbs} on soft RoCE, with a kernel that
 * still lets a device write to files (before 6.5), and a server that makes use of that as no other
 * does ({@link PinnedFiles}). Not a test by its name: {@link VerbsFireTest} runs it in a guest.
 */
@Timeout(1200)
class FilesFireOnDevice {

  private static final int SECONDS = 60;
  private static final int SECONDS_UNTIL_FOUND_OUT = 240;

  private static Fire.Outcome burn(int seconds, boolean broken) throws Exception {
    long seed = FireSeed.of("fencing under fire by verbs, of files");
    try (ScratchDirectory scratch =
        ScratchDirectory.in(Path.of(System.getProperty("selkie.test.dir")), "fire-")) {
      Fire.Outcome outcome =
          Fire.burn(
              Fire.Plan.ofFilesOnDevice(
                  System.getProperty("selkie.verbs.address"), seed, seconds, broken),
              scratch.path());
      System.out.println(outcome.story());
      return outcome;
    }
  }

  @Test
  void noByteLandsAfterItsFence() throws Exception {
    Fire.Outcome outcome = burn(Integer.getInteger("selkie.fire.seconds", SECONDS), false);
    assertThat(outcome.violations()).as(outcome.story()).isEmpty();
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isZero();
    assertThat(outcome.allHappened()).as(outcome.story()).isTrue();
    assertThat(outcome.story()).as("each block of the image").contains("whole=true");
  }

  @Test
  void fenceThatDoesNotWaitIsSeenByWriters() throws Exception {
    Fire.Outcome outcome = burn(SECONDS_UNTIL_FOUND_OUT, true);
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isPositive();
  }
}
