package io.selkie.test.drill;

import java.util.ArrayList;
import java.util.List;

/**
 * A scenario that was played.
 *
 * @param verdicts those that every scenario has, and its own
 */
record Outcome(Scenario scenario, Evidence evidence, List<Verdict> verdicts) {

  /** Judges. */
  static Outcome of(Scenario scenario, Evidence evidence) {
    List<Verdict> verdicts = new ArrayList<>(Invariants.judge(evidence));
    scenario.expectations().forEach(expectation -> verdicts.add(expectation.judge(evidence)));
    return new Outcome(scenario, evidence, List.copyOf(verdicts));
  }

  /** Whether all was as it must be. */
  boolean passed() {
    return verdicts.stream().allMatch(Verdict::held);
  }

  long failed() {
    return verdicts.stream().filter(verdict -> !verdict.held()).count();
  }

  double seconds() {
    return (evidence.endedNanos() - evidence.startedNanos()) / 1e9;
  }
}
