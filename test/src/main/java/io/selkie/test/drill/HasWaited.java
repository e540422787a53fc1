package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/**
 * {@code waited}: how long a local process took, from its start to its end as seen from outside.
 * The server's own figure, from the break to the end of the seal, is told beside it.
 */
record HasWaited(
    @Setting(min = 1, max = 64) String step,
    @Setting(Setting.NOTHING) Optional<String> atLeast,
    @Setting(Setting.NOTHING) Optional<String> atMost)
    implements Expectation {

  /** What the server tells, as {@code selkie ctl events} calls it. */
  static final List<String> EVENTS =
      java.util.Arrays.stream(io.selkie.layout.LayoutEvents.Step.values())
          .map(event -> event.name().toLowerCase(java.util.Locale.ROOT))
          .toList();

  @Override
  public String text() {
    return step
        + " waits"
        + atLeast.map(span -> " at least " + Span.of(span)).orElse("")
        + (atLeast.isPresent() && atMost.isPresent() ? " and" : "")
        + atMost.map(span -> " at most " + Span.of(span)).orElse("");
  }

  @Override
  public Verdict judge(Evidence evidence) {
    Stage.LocalAct act = evidence.localActs().get(step);
    if (act == null) {
      return new Verdict(text(), false, step + " was never over");
    }
    long timeout = evidence.recallTimeoutMillis();
    double waited = act.millis();
    boolean held =
        atLeast.map(span -> waited >= Span.of(span).millis(timeout)).orElse(true)
            && atMost.map(span -> waited <= Span.of(span).millis(timeout)).orElse(true);
    return new Verdict(text(), held, "%.1f ms%s".formatted(waited, server(evidence, act)));
  }

  /** The break of that file that lies within the process's life, and its end. */
  private static String server(Evidence evidence, Stage.LocalAct act) {
    Optional<Happening> seen =
        evidence
            .events("break_seen")
            .filter(one ->
                one.isOf(act.fileName())
                    && one.atNanos() >= act.startedNanos()
                    && one.atNanos() <= act.endedNanos())
            .findFirst();
    if (seen.isEmpty()) {
      return ", no lease was broken meanwhile";
    }
    return evidence
        .events("seal_released")
        .filter(one -> one.recall() == seen.get().recall() && one.life() == seen.get().life())
        .findFirst()
        .map(end ->
            ", of which %.1f ms from the break to the end of the seal (recall #%d)"
                .formatted((end.atNanos() - seen.get().atNanos()) / 1e6, end.recall()))
        .orElse(", and the server's seal never ended (recall #" + seen.get().recall() + ")");
  }
}
