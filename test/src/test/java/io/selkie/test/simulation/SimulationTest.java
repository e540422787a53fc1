package io.selkie.test.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.RecallCause;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: S1 to S4, no starving and no leak, whatever clients, peers, other processes and the order
 * of things do. Method: the real code among simulated surroundings, each run made from one seed.
 * {@code -Dselkie.sim.seed=N} repeats one run, {@code -Dselkie.sim.steps=N} makes it longer.
 */
class SimulationTest {

  private static final long STEPS_PER_SEED = 25_000;
  private static final long FIRST_SEED = 1;

  /** What has happened in all runs together, so that a run in which nothing happens is noticed. */
  private static final class Tally {
    final Map<Step, Integer> steps = new EnumMap<>(Step.class);
    final Map<RecallCause, Integer> causes = new EnumMap<>(RecallCause.class);
    long events;
    long delegations;
    long views;
    long landed;
    long sharedRegistered;
    long changes;

    void add(Simulation run) {
      run.checker.seen.forEach((step, count) -> steps.merge(step, count, Integer::sum));
      run.checker.causes.forEach((cause, count) -> causes.merge(cause, count, Integer::sum));
      events += run.world.steps();
      landed += run.checker.landed;
      sharedRegistered += run.checker.sharedRegistered;
      delegations += run.delegations.granted;
      views += run.delegations.views;
      changes += run.changesAllowed;
    }
  }

  private static Tally run(long seeds, long steps) {
    Tally tally = new Tally();
    Long only = Long.getLong("selkie.sim.seed");
    long first = only == null ? FIRST_SEED : only;
    long last = only == null ? FIRST_SEED + seeds - 1 : only;
    for (long seed = first; seed <= last; seed++) {
      tally.add(run(seed, Long.getLong("selkie.sim.steps", steps), Mutant.NONE));
    }
    return tally;
  }

  private static Simulation run(long seed, long steps, Mutant mutant) {
    Simulation simulation = new Simulation(seed, mutant);
    try {
      simulation.run(steps);
      return simulation;
    } catch (Checker.Violation violation) {
      throw violation;
    } catch (RuntimeException | Error e) {
      Checker.Violation violation = simulation.checker.violation("failed: " + e);
      violation.initCause(e);
      throw violation;
    }
  }

  @Test
  @Timeout(value = 900, unit = TimeUnit.SECONDS)
  void invariantsHoldForAMillionSteps() {
    Tally tally = run(40, STEPS_PER_SEED);
    if (Long.getLong("selkie.sim.seed") != null) {
      // One run repeated by hand: its invariants held, and it cannot reach what forty reach.
      return;
    }

    assertThat(tally.events).isGreaterThan(1_000_000);
    // The same in each run, but any change to what the code does, be it the order of two messages,
    // makes other runs of the same seeds: by one that left all rates as they were 50,601 accesses
    // landed became 49,096. So these leave some room.
    assertThat(tally.landed).isGreaterThan(40_000);
    assertThat(tally.sharedRegistered).isGreaterThan(1_000);
    assertThat(tally.changes).isGreaterThan(35_000);
    assertThat(tally.delegations).isGreaterThan(4_500);
    assertThat(tally.views).isGreaterThan(100);
    assertThat(tally.steps)
        .containsKeys(
            Step.SEALED,
            Step.GRANTED,
            Step.BREAK_SEEN,
            Step.RECALL_SENT,
            Step.RECALL_ANSWERED,
            Step.LAYOUT_RETURNED,
            Step.FENCE_BEGUN,
            Step.HANDLE_INVALIDATED,
            Step.SEAL_RELEASED,
            Step.REFUSED,
            Step.DELEGATED,
            Step.DELEGATION_RECALLED,
            Step.DELEGATION_RETURNED,
            Step.DELEGATION_REVOKED);
    assertThat(tally.causes)
        .containsKeys(
            RecallCause.KERNEL_LEASE_BREAK,
            RecallCause.TRUNCATE,
            RecallCause.PUNCH,
            RecallCause.REMAP,
            RecallCause.HOLE_FILL,
            RecallCause.ACCESS_CHANGE,
            RecallCause.CONFLICTING_OPEN,
            RecallCause.REOPEN,
            RecallCause.ADMINISTRATIVE);
  }

  @Test
  @Tag("slow")
  @Timeout(value = 20, unit = TimeUnit.MINUTES)
  void invariantsHoldForTwentyMillionSteps() {
    assertThat(run(400, 2 * STEPS_PER_SEED).events).isGreaterThan(20_000_000);
  }

  @Test
  @Timeout(600)
  void oneSeedIsOneRun() {
    Simulation first = run(77, 5_000, Mutant.NONE);
    Simulation second = run(77, 5_000, Mutant.NONE);

    assertThat(second.world.nanoTime()).isEqualTo(first.world.nanoTime());
    assertThat(second.world.lastEvents()).isEqualTo(first.world.lastEvents());
    assertThat(second.checker.seen).isEqualTo(first.checker.seen);
  }

  @Test
  @Timeout(600)
  void auditorFencesWhatTheKernelMovedUnderASeal() {
    Simulation simulation = new Simulation(5, Mutant.NONE);
    simulation.kernelBreaksItsWord();
    simulation.run(STEPS_PER_SEED);

    assertThat(simulation.checker.seen.get(Step.AUDIT_DIFFERENCE)).isPositive();
  }

  @ParameterizedTest
  @EnumSource(value = Mutant.class, mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  @Timeout(600)
  void checkerCatchesEveryMutant(Mutant mutant) {
    assertThatThrownBy(
            () -> {
              for (long seed = 1; seed <= 40; seed++) {
                run(seed, STEPS_PER_SEED, mutant);
              }
            })
        .isInstanceOf(Checker.Violation.class)
        .hasMessageContaining("seed")
        .hasMessageContaining("The last events");
  }
}
