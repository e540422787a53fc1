package io.selkie.test.drill;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What the drill saw and what the server told, in one order. */
final class Timeline {

  private Timeline() {}

  /** All of it, by time. */
  static List<Mark> of(Evidence evidence) {
    List<Mark> all = new ArrayList<>(evidence.marks());
    for (Happening event : evidence.events()) {
      all.add(mark(event, evidence));
    }
    return all.stream().sorted(Comparator.comparingLong(Mark::atNanos)).toList();
  }

  /** Local processes, the server, and the clients by name. */
  static List<String> lanes(Scenario scenario) {
    Set<String> lanes = new LinkedHashSet<>();
    lanes.add(Journal.LOCAL);
    lanes.add(Journal.SERVER);
    scenario.head().clients().forEach(client -> lanes.add(client.name()));
    return List.copyOf(lanes);
  }

  private static Mark mark(Happening event, Evidence evidence) {
    String client = evidence.clientIds().getOrDefault(event.client(), Journal.SERVER);
    String file = event.path().substring(event.path().lastIndexOf('/') + 1);
    String recall = event.recall() == 0 ? "" : " #" + event.recall();
    return switch (event.event()) {
      case "break_seen" ->
          mark(event, Journal.LOCAL, Journal.SERVER, "lease break of " + file + " seen" + recall);
      case "recall_sent" ->
          mark(event, Journal.SERVER, client, "CB_LAYOUTRECALL" + recall + " of " + file);
      case "recall_answered" ->
          mark(event, client, Journal.SERVER, "recall" + recall + " answered: " + event.detail());
      case "layout_returned" ->
          mark(event, client, Journal.SERVER, "LAYOUTRETURN of " + file + recall);
      case "fence_begun" ->
          mark(event, Journal.SERVER, client, client + " is fenced off " + file + recall);
      case "handle_invalidated" ->
          mark(
              event,
              Journal.SERVER,
              Journal.SERVER,
              "handle of " + client + " is dead, " + event.detail() + recall);
      case "seal_released" ->
          mark(
              event,
              Journal.SERVER,
              event.recall() == 0 ? Journal.SERVER : Journal.LOCAL,
              "seal of " + file + " given up" + recall);
      case "sealed" -> mark(event, Journal.SERVER, Journal.SERVER, file + " sealed");
      case "granted" ->
          mark(
              event, Journal.SERVER, client, "layout of " + file + ", " + event.bytes() + " bytes");
      default ->
          mark(
              event,
              Journal.SERVER,
              Journal.SERVER,
              event.event().replace('_', ' ') + " " + file + " " + event.detail() + recall);
    };
  }

  private static Mark mark(Happening event, String from, String to, String text) {
    return new Mark(event.atNanos(), from, to, event.event(), event.recall(), text);
  }
}
