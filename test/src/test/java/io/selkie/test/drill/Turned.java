package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.ConfigException;

/**
 * An expectation turned around: what is not so, and must be found not to be.
 *
 * @param expectation as a scenario would write it
 * @param found what its verdict must say
 */
record Turned(String expectation, String found) {

  /** Judges by it what was seen when a scenario was played. */
  void assertFoundOut(String scenario, Outcome outcome) throws ConfigException {
    String name = outcome.scenario().name();
    String head = scenario.substring(0, scenario.indexOf("\nexpect:"));
    Scenario wrong = ScenarioReader.read(name, name, head + "\nexpect:\n  - " + expectation + "\n");
    Verdict verdict = wrong.expectations().getFirst().judge(outcome.evidence());
    assertThat(verdict.held()).as("%s in\n%s", this, DrillFixture.report(outcome)).isFalse();
    assertThat(verdict.found()).as(verdict.text()).contains(found);
  }
}
