package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.time.Duration;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Goal: the server starts only when recall and fence are over before the kernel acts (S4). */
class LeaseDeadlinesTest {

  @Test
  void defaultsFitWithRoomToSpare() throws LeaseDeadlineException {
    var deadlines = LeaseDeadlines.of(45, Duration.ofSeconds(20), Duration.ofSeconds(5));

    assertThat(deadlines.recallDeadline(7)).isEqualTo(7 + 20_000_000_000L);
    assertThat(deadlines.fenceDeadline(7)).isEqualTo(7 + 25_000_000_000L);
    assertThat(deadlines.kernelDeadline(7)).isEqualTo(7 + 45_000_000_000L);
    assertThat(deadlines.describe()).contains("20.0 s").contains("45.0 s");
  }

  @Test
  void refusalSaysWhatToChange() {
    var refusal =
        catchThrowableOfType(
            LeaseDeadlineException.class,
            () -> LeaseDeadlines.of(10, Duration.ofSeconds(20), Duration.ofMillis(1500)));

    assertThat(refusal.recallTimeoutMax()).isEqualTo(Duration.ofMillis(6500));
    assertThat(refusal.leaseBreakTimeSecondsMin()).isEqualTo(24);
    assertThat(refusal)
        .hasMessageContaining("sysctl -w fs.lease-break-time=24")
        .hasMessageContaining("at most 6500 ms");
  }

  @Test
  void whereNoRecallTimeoutFitsOnlyTheKernelCanChange() {
    var refusal =
        catchThrowableOfType(
            LeaseDeadlineException.class,
            () -> LeaseDeadlines.of(1, Duration.ofSeconds(20), Duration.ofSeconds(5)));

    assertThat(refusal.recallTimeoutMax()).isNegative();
    assertThat(refusal.getMessage()).doesNotContain("at most").contains("lease-break-time=27");
  }

  @Test
  void aKernelThatWaitsForEverTakesNothing() throws LeaseDeadlineException {
    var deadlines = LeaseDeadlines.of(0, Duration.ofHours(5), Duration.ofSeconds(5));

    assertThat(deadlines.kernelWaitsForEver()).isTrue();
    assertThat(deadlines.kernelDeadline(0)).isEqualTo(deadlines.fenceDeadline(0));
  }

  @Test
  void theRuleHoldsHoweverTheRecordIsMade() {
    assertThatThrownBy(() -> new LeaseDeadlines(10, 5, 5, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("S4");
  }

  @Property
  void whatIsAcceptedLeavesTheMarginAndWhatIsAdvisedIsAccepted(
      @ForAll @IntRange(min = 1, max = 120) int breakSeconds,
      @ForAll @IntRange(min = 1, max = 120_000) int recallMillis,
      @ForAll @IntRange(min = 1, max = 60_000) int fenceMillis)
      throws LeaseDeadlineException {
    Duration recall = Duration.ofMillis(recallMillis);
    Duration fence = Duration.ofMillis(fenceMillis);
    try {
      var deadlines = LeaseDeadlines.of(breakSeconds, recall, fence);
      assertThat(deadlines.kernelDeadline(0) - deadlines.fenceDeadline(0))
          .isGreaterThanOrEqualTo(LeaseDeadlines.MARGIN.toNanos());
    } catch (LeaseDeadlineException e) {
      assertThat(LeaseDeadlines.of((int) e.leaseBreakTimeSecondsMin(), recall, fence)).isNotNull();
      if (e.recallTimeoutMax().isPositive()) {
        assertThat(LeaseDeadlines.of(breakSeconds, e.recallTimeoutMax(), fence)).isNotNull();
      }
    }
  }
}
