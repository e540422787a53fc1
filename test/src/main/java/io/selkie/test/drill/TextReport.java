package io.selkie.test.drill;

import io.selkie.test.support.Terminal;
import io.selkie.test.support.Terminal.Tone;
import java.util.List;
import java.util.Locale;

/** Tells people what happened and what must have. */
final class TextReport {

  private static final int LANE_COLUMNS = 10;

  private final Terminal terminal;
  private final boolean isShort;

  /**
   * Writes to a terminal.
   *
   * @param isShort whether only what must be so is told
   */
  TextReport(Terminal terminal, boolean isShort) {
    this.terminal = terminal;
    this.isShort = isShort;
  }

  /** One scenario. */
  void tell(Outcome outcome) {
    Scenario scenario = outcome.scenario();
    terminal.heading(scenario.name());
    terminal.line("  " + scenario.head().about().strip().replaceAll("\\s+", " "));
    if (!isShort || !outcome.passed()) {
      Evidence evidence = outcome.evidence();
      terminal.gap();
      for (Mark mark : Timeline.of(evidence)) {
        terminal.line(
            String.format(
                Locale.ROOT,
                "%12.3f ms  %-" + LANE_COLUMNS + "s %s",
                (mark.atNanos() - evidence.startedNanos()) / 1e6,
                mark.lane(),
                mark.text()));
      }
    }
    terminal.gap();
    outcome.verdicts().forEach(this::tell);
  }

  private void tell(Verdict verdict) {
    terminal.line("  %s  %s: %s".formatted(word(verdict.held()), verdict.text(), verdict.found()));
  }

  /** The last lines. */
  void conclude(List<Outcome> outcomes, List<NotPlayed> notPlayed) {
    terminal.gap();
    for (Outcome outcome : outcomes) {
      terminal.line(
          String.format(
              Locale.ROOT,
              "%s  %-24s %d of %d held, %.1f s",
              word(outcome.passed()),
              outcome.scenario().name(),
              outcome.verdicts().size() - outcome.failed(),
              outcome.verdicts().size(),
              outcome.seconds()));
    }
    for (NotPlayed scenario : notPlayed) {
      terminal.line(
          String.format(
              Locale.ROOT, "%s  %-24s %s", word(false), scenario.name(), scenario.reason()));
    }
  }

  private String word(boolean held) {
    return held ? terminal.tint(Tone.GOOD, "PASS") : terminal.tint(Tone.BAD, "FAIL");
  }
}
