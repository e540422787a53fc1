package io.selkie.test.fire;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: not one byte lands after its fence (S3), whatever clients do.
 *
 * <p>Method: clients in processes of their own flood files through several queue pairs each, most
 * of them without a thought of giving anything back; others open, cut, recall and fence these files
 * and kill the clients, all at random. A writer knows when a write must not be placed any more;
 * whoever has a file to himself looks at each of its words; and at the end each block of the file
 * system's image is looked at. {@code -Dselkie.seed} repeats what was drawn, {@code
 * -Dselkie.fire.seconds} makes it longer or shorter.
 */
@Tag("slow")
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class FenceUnderFireTest {

  private static final int SECONDS = 60;
  private static final int SECONDS_UNTIL_FOUND_OUT = 300;

  private static Fire.Outcome burn(String provider, int seconds, boolean broken) throws Exception {
    long seed = FireSeed.of("fencing under fire by " + provider);
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    try (ScratchDirectory scratch = ScratchDirectory.in(base, "fire-")) {
      Fire.Outcome outcome =
          Fire.burn(Fire.Plan.of(provider, seed, seconds, broken), scratch.path());
      System.out.println(outcome.story());
      return outcome;
    }
  }

  @Test
  void noByteLandsAfterItsFence() throws Exception {
    Fire.Outcome outcome = burn("iwarp", Integer.getInteger("selkie.fire.seconds", SECONDS), false);
    assertThat(outcome.violations()).as(outcome.story()).isEmpty();
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isZero();
    assertThat(outcome.allHappened()).as(outcome.story()).isTrue();
    // Who may not mount has no image; root must have looked at each block of it.
    boolean root = System.getProperty("user.name").equals("root");
    assertThat(outcome.story()).contains("whole=" + root);
  }

  @Test
  void fenceThatDoesNotWaitIsSeenByWritersAndInTheFiles() throws Exception {
    Fire.Outcome outcome = burn("iwarp", SECONDS_UNTIL_FOUND_OUT, true);
    assertThat(outcome.violations()).as(outcome.story()).isNotEmpty();
    assertThat(outcome.placedAfterTheEnd()).as(outcome.story()).isPositive();
  }
}
