package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.ByteRange;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer;
import io.selkie.lease.Sealer.Refusal;
import io.selkie.lease.Sealer.SealOutcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class LeaseTimeGuardTest {

  private static final SealOutcome ASKED =
      new SealOutcome.Refused(new Refusal(Refusal.Reason.IN_USE, "asked the real one"));

  private final AtomicLong now = new AtomicLong();
  private final AtomicInteger kernelSeconds = new AtomicInteger(45);
  private final List<LeaseDeadlines> taken = new ArrayList<>();
  private final LeaseTimeGuard guard =
      new LeaseTimeGuard(
          kernelSeconds::get,
          seconds -> LeaseDeadlines.of(seconds, Duration.ofSeconds(10), Duration.ofSeconds(5)),
          45,
          now::get);
  private final Sealer sealer =
      guard.guarding(
          new Sealer() {
            @Override
            public SealOutcome seal(
                SealTarget target,
                Purpose purpose,
                ByteRange range,
                Preparation preparation,
                SealListener listener) {
              return ASKED;
            }

            @Override
            public LeaseOutcome hold(SealTarget target, SealListener listener) {
              throw new AssertionError("not asked for here");
            }

            @Override
            public SealOutcome extend(
                Seal seal, Purpose purpose, ByteRange range, Preparation preparation) {
              return ASKED;
            }
          });

  private SealOutcome seal() {
    now.addAndGet(LeaseTimeGuard.PACE_NANOS);
    return sealer.seal(null, Sealer.Purpose.READ, null, null);
  }

  @Test
  void nothingIsSealedWhileTheKernelsTimeIsTooShort() {
    assertThat(seal()).isSameAs(ASKED);
    guard.onChange(taken::add);
    kernelSeconds.set(10);
    assertThat(seal()).isNotSameAs(ASKED).isInstanceOf(SealOutcome.Refused.class);
    assertThat(sealer.extend(null, Sealer.Purpose.READ, null)).isNotSameAs(ASKED);
    assertThat(taken).isEmpty();
    kernelSeconds.set(45);
    assertThat(seal()).isSameAs(ASKED);
  }

  @Test
  void anotherTimeThatFitsIsTakenOver() {
    guard.onChange(taken::add);
    assertThat(seal()).isSameAs(ASKED);
    assertThat(taken).isEmpty();
    kernelSeconds.set(20);
    assertThat(seal()).isSameAs(ASKED);
    assertThat(taken)
        .singleElement()
        .satisfies(deadlines ->
            assertThat(deadlines.leaseBreakTimeNanos())
                .isEqualTo(Duration.ofSeconds(20).toNanos()));
  }
}
