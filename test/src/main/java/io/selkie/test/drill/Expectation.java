package io.selkie.test.drill;

/** What must come of a scenario. */
interface Expectation {

  /** For people: what must be so. */
  String text();

  /** Looks at what happened. */
  Verdict judge(Evidence evidence);
}
