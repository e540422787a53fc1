package io.selkie.test.drill;

import io.selkie.test.support.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The same for programs; names stay as they are. */
final class JsonReport {

  private JsonReport() {}

  /** One object for all scenarios. */
  static String of(List<Outcome> outcomes, List<NotPlayed> notPlayed, long seed) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("ok", notPlayed.isEmpty() && outcomes.stream().allMatch(Outcome::passed));
    json.put("seed", seed);
    json.put("scenarios", outcomes.stream().map(JsonReport::scenario).toList());
    json.put("notPlayed", notPlayed);
    return Json.write(json);
  }

  private static Map<String, Object> scenario(Outcome outcome) {
    Evidence evidence = outcome.evidence();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", outcome.scenario().name());
    json.put("ok", outcome.passed());
    json.put("seconds", outcome.seconds());
    json.put("recallTimeoutMillis", evidence.recallTimeoutMillis());
    json.put(
        "recalls",
        evidence.events().stream()
            .map(Happening::recall)
            .filter(id -> id != 0)
            .distinct()
            .toList());
    json.put("expectations", outcome.verdicts());
    json.put("accesses", evidence.accesses());
    json.put("layoutsLeft", evidence.layoutsLeft());
    List<Map<String, Object>> marks = new ArrayList<>();
    for (Mark mark : Timeline.of(evidence)) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("millis", (mark.atNanos() - evidence.startedNanos()) / 1e6);
      one.put("event", mark.event());
      one.put("from", mark.lane());
      one.put("to", mark.to());
      one.put("recall", mark.recall() == 0 ? null : mark.recall());
      one.put("text", mark.text());
      marks.add(one);
    }
    json.put("timeline", marks);
    return json;
  }
}
