package io.selkie.test.bench;

import io.selkie.test.support.Terminal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * All that a run has found: the figures that count, each with the target it has to reach if there
 * is one, the raw numbers beneath them, and what was left out and why.
 */
final class BenchReport {

  /** What a figure has to be. */
  enum Bound {
    /** No more than the target. */
    AT_MOST("≤"),
    /** Less than the target. */
    BELOW("<"),
    /** No less than the target. */
    AT_LEAST("≥");

    private final String sign;

    Bound(String sign) {
      this.sign = sign;
    }

    boolean isMet(double value, double target) {
      return switch (this) {
        case AT_MOST -> value <= target;
        case BELOW -> value < target;
        case AT_LEAST -> value >= target;
      };
    }
  }

  /**
   * One figure.
   *
   * @param key stable name for programs
   * @param text for people
   * @param value the figure
   * @param bound null when there is no target
   * @param target meaningless without a bound
   */
  record Figure(String key, String text, double value, Bound bound, double target) {

    boolean met() {
      return bound == null || bound.isMet(value, target);
    }
  }

  private final List<Figure> figures = new ArrayList<>();
  private final Map<String, Object> raw = new LinkedHashMap<>();
  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final Map<String, String> leftOut = new LinkedHashMap<>();

  void fact(String name, Object value) {
    facts.put(name, value);
  }

  void raw(String name, Object value) {
    raw.put(name, value);
  }

  void figure(String key, String text, double value) {
    figures.add(new Figure(key, text, value, null, 0));
  }

  void figure(String key, String text, double value, Bound bound, double target) {
    figures.add(new Figure(key, text, value, bound, target));
  }

  /** Says that something was not measured, and why: never a silent gap. */
  void leaveOut(String what, String why) {
    leftOut.put(what, why);
  }

  List<Figure> figures() {
    return List.copyOf(figures);
  }

  /** Figures that miss their target. */
  List<Figure> missed() {
    return figures.stream().filter(figure -> !figure.met()).toList();
  }

  /** For programs: the figures on top by their keys, then targets, facts and raw numbers. */
  Map<String, Object> toJson() {
    Map<String, Object> json = new LinkedHashMap<>();
    figures.forEach(figure -> json.put(figure.key(), figure.value()));
    Map<String, Object> targets = new LinkedHashMap<>();
    for (Figure figure : figures) {
      if (figure.bound() != null) {
        Map<String, Object> target = new LinkedHashMap<>();
        target.put("bound", figure.bound().name().toLowerCase(Locale.ROOT));
        target.put("target", figure.target());
        target.put("met", figure.met());
        targets.put(figure.key(), target);
      }
    }
    json.put("targets", targets);
    json.put("not_measured", leftOut);
    json.put("facts", facts);
    json.put("raw", raw);
    return json;
  }

  /** For people. */
  void print(Terminal terminal) {
    terminal.heading("Figures (medians over the rounds)");
    for (Figure figure : figures) {
      String target =
          figure.bound() == null ? "" : figure.bound().sign + " " + number(figure.target());
      terminal.line(
          String.format(
              Locale.ROOT,
              "  %-56s %12s  %-9s %s",
              figure.text(),
              number(figure.value()),
              target,
              figure.bound() == null ? "" : terminal.mark(figure.met())));
    }
    leftOut.forEach((what, why) ->
        terminal.line(String.format(Locale.ROOT, "  %-56s not measured: %s", what, why)));
    terminal.heading("Machine");
    facts.forEach(
        (name, value) -> terminal.line(String.format(Locale.ROOT, "  %-24s %s", name, value)));
  }

  /** For docs/BENCHMARKS.md. */
  String toMarkdown() {
    StringBuilder text = new StringBuilder();
    facts.forEach((name, value) -> text.append("- %s: %s%n".formatted(name, value)));
    text.append(
        String.format("%n| figure | value | target | met |%n| --- | ---: | ---: | --- |%n"));
    for (Figure figure : figures) {
      boolean bound = figure.bound() != null;
      text.append(
          String.format(
              "| %s | %s | %s | %s |%n",
              figure.text(),
              number(figure.value()),
              bound ? figure.bound().sign + " " + number(figure.target()) : "",
              !bound ? "" : figure.met() ? "yes" : "no"));
    }
    leftOut.forEach(
        (what, why) -> text.append(String.format("| %s | not measured: %s | | |%n", what, why)));
    return text.toString();
  }

  private static String number(double value) {
    double size = Math.abs(value);
    if (value == Math.rint(value) && size < 1e15) {
      return String.format(Locale.ROOT, "%,.0f", value);
    }
    return String.format(Locale.ROOT, size < 10 ? "%.2f" : size < 1000 ? "%.1f" : "%,.0f", value);
  }
}
