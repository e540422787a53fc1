package io.selkie.test.drill;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What must be so in every scenario, whatever it expects. */
final class Invariants {

  private Invariants() {}

  /** Looks at all of them. */
  static List<Verdict> judge(Evidence evidence) {
    return List.of(
        steps(evidence),
        answers(evidence),
        whole(evidence),
        alarms(evidence),
        order(evidence),
        inTime(evidence));
  }

  /** A server that ended by itself is none that did well so far. */
  private static Verdict answers(Evidence evidence) {
    ServerAtEnd server = evidence.server();
    return new Verdict(
        "the server answers at the end",
        server.silence().isEmpty() || server.isDown(),
        server.isDown() ? "the scenario has ended it" : server.silence().orElse("it does"));
  }

  /** What is not there cannot be judged. */
  private static Verdict whole(Evidence evidence) {
    boolean whole = !evidence.server().hasUntold();
    return new Verdict(
        "all that the server tells of the scenario is looked at",
        whole,
        whole
            ? evidence.events().size() + " events"
            : "there were more events than %d".formatted(EventLog.EVENTS_MAX));
  }

  private static Verdict steps(Evidence evidence) {
    return new Verdict(
        "all steps are done, in time",
        evidence.failure().isEmpty(),
        evidence
            .failure()
            .orElse("%.1f ms".formatted((evidence.endedNanos() - evidence.startedNanos()) / 1e6)));
  }

  private static Verdict alarms(Evidence evidence) {
    List<String> alarms =
        evidence.events().stream()
            .filter(event ->
                event.event().equals("audit_difference")
                    || event.event().equals("invalidation_failed"))
            .map(event -> event.event() + " of " + event.path())
            .toList();
    return new Verdict(
        "the server raises no alarm (S2, S3)",
        alarms.isEmpty(),
        alarms.isEmpty() ? "none" : String.join(", ", alarms));
  }

  /** A handle that dies when the file's seal is gone lived without it. */
  private static Verdict order(Evidence evidence) {
    Set<String> sealed = new HashSet<>();
    List<String> wrong = new ArrayList<>();
    int released = 0;
    for (Happening event : evidence.events()) {
      String file = event.life() + ":" + event.path();
      switch (event.event()) {
        case "sealed" -> sealed.add(file);
        case "seal_released" -> {
          sealed.remove(file);
          released++;
        }
        case "handle_invalidated" -> {
          if (!sealed.contains(file)) {
            wrong.add("event " + event.number() + " of " + event.path());
          }
        }
        default -> {
          // Says nothing about it.
        }
      }
    }
    return new Verdict(
        "each seal outlives its handles (S1)",
        wrong.isEmpty(),
        wrong.isEmpty()
            ? released + " seals given up"
            : "dead after the seal: " + String.join(", ", wrong));
  }

  private static Verdict inTime(Evidence evidence) {
    List<String> wrong = new ArrayList<>();
    double longest = 0;
    int breaks = 0;
    for (Happening seen : evidence.events("break_seen").toList()) {
      breaks++;
      Optional<Happening> released =
          evidence
              .events("seal_released")
              .filter(end -> end.life() == seen.life() && end.recall() == seen.recall())
              .findFirst();
      double millis = released.map(end -> (end.atNanos() - seen.atNanos()) / 1e6).orElse(0.0);
      longest = Math.max(longest, millis);
      if (released.isEmpty()
          // When it has ended, the kernel has given its leases up (S5).
          ? !evidence.server().hasEndedAfter(seen.atNanos())
          : millis >= evidence.kernelMillis()) {
        wrong.add("recall #" + seen.recall());
      }
    }
    return new Verdict(
        "each broken seal is given up before the kernel takes it (S4)",
        wrong.isEmpty(),
        wrong.isEmpty()
            ? "%d breaks, the longest took %.1f of %d ms"
                .formatted(breaks, longest, evidence.kernelMillis())
            : String.join(", ", wrong) + " was not");
  }
}
