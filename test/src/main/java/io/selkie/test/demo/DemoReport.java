package io.selkie.test.demo;

import io.selkie.test.demo.Checklist.Check;
import io.selkie.test.support.Terminal;
import io.selkie.test.support.Terminal.Tone;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the demonstration did and found, for people while it runs and for programs at its end. */
final class DemoReport {

  /** One act: what was done, what has to hold, what happened when. */
  private static final class Act {
    private final String name;
    private final Map<String, Object> figures = new LinkedHashMap<>();
    private final Checklist checks = new Checklist();
    private List<Moment> moments = List.of();
    private long originNanos;

    Act(String name) {
      this.name = name;
    }
  }

  private static final int TEXT_COLUMNS = 58;

  private final Terminal terminal;
  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final List<Act> acts = new ArrayList<>();
  private Map<String, Object> serverMetrics = Map.of();
  private Map<String, Long> clientCounters = Map.of();

  /**
   * Makes one.
   *
   * @param terminal where people follow it, or null when only a program will look
   */
  DemoReport(Terminal terminal) {
    this.terminal = terminal;
  }

  void fact(String name, Object value) {
    facts.put(name, value);
  }

  void fact(String name, Object value, String line) {
    fact(name, value);
    say("  " + line);
  }

  void act(String name, String heading) {
    acts.add(new Act(name));
    if (terminal != null) {
      terminal.heading(heading);
    }
  }

  private Act current() {
    return acts.getLast();
  }

  void figure(String name, Object value) {
    current().figures.put(name, value);
  }

  void say(String line) {
    if (terminal != null) {
      terminal.line(line);
    }
  }

  void check(String name, String text, boolean held, String found) {
    tell(current().checks.check(name, text, held, found));
  }

  void equal(String name, String text, Object expected, Object actual) {
    tell(current().checks.equal(name, text, expected, actual));
  }

  private void tell(Check check) {
    if (terminal != null) {
      String found = check.held() ? check.found() : terminal.tint(Tone.BAD, check.found());
      terminal.line(
          String.format(
              Locale.ROOT,
              "  %s %-" + TEXT_COLUMNS + "s %s",
              terminal.mark(check.held()),
              check.text(),
              found));
    }
  }

  /** Shows what happened, with times from {@code originNanos} on. */
  void timeline(List<Moment> moments, long originNanos) {
    Act act = current();
    act.moments = moments.stream().sorted(Comparator.comparingLong(Moment::atNanos)).toList();
    act.originNanos = originNanos;
    SequencePicture.draw(act.moments, originNanos).forEach(line -> say("  " + line));
  }

  /** What a client counted. */
  void clientCounters(Map<String, Long> counters) {
    clientCounters = counters;
  }

  /** What the server counted. */
  void serverMetrics(Map<String, Object> values, String table) {
    serverMetrics = values;
    if (terminal != null) {
      terminal.heading("The server's metrics");
      table.lines().forEach(line -> terminal.line("  " + line));
    }
  }

  /** It could not go on: never a success. */
  void broke(Exception failure) {
    act("failure", "It could not go on");
    check("finished", "the demonstration was finished", false, String.valueOf(failure));
  }

  /** Whether everything held, and each act had something to hold. */
  boolean allHeld() {
    return !acts.isEmpty() && acts.stream().allMatch(act -> act.checks.allHeld());
  }

  /** The last line. */
  void conclude(double seconds) {
    facts.put("seconds", seconds);
    if (terminal == null) {
      return;
    }
    long all = acts.stream().mapToLong(act -> act.checks.all().size()).sum();
    long failed =
        acts.stream().flatMap(act -> act.checks.all().stream()).filter(c -> !c.held()).count();
    terminal.gap();
    terminal.line(
        String.format(
            Locale.ROOT,
            "%s %s",
            terminal.mark(allHeld()),
            failed == 0
                ? String.format(Locale.ROOT, "all %d steps held, in %.1f s", all, seconds)
                : String.format(Locale.ROOT, "%d of %d steps did not hold", failed, all)));
  }

  Map<String, Object> toJson() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("ok", allHeld());
    json.put("facts", facts);
    for (Act act : acts) {
      Map<String, Object> one = new LinkedHashMap<>(act.figures);
      one.put("ok", act.checks.allHeld());
      one.put("steps", act.checks.toJson());
      if (!act.moments.isEmpty()) {
        one.put("timeline", act.moments.stream().map(m -> moment(m, act.originNanos)).toList());
      }
      json.put(act.name, one);
    }
    json.put("server_metrics", serverMetrics);
    json.put("client_counters", clientCounters);
    return json;
  }

  private static Map<String, Object> moment(Moment moment, long originNanos) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("us", (moment.atNanos() - originNanos) / 1e3);
    json.put("event", moment.event());
    json.put("from", moment.from().name().toLowerCase(Locale.ROOT));
    json.put("to", moment.to().name().toLowerCase(Locale.ROOT));
    json.put("text", moment.text());
    return json;
  }
}
