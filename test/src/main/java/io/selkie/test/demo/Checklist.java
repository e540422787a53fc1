package io.selkie.test.demo;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What has to hold, and whether it did. One thread uses it. */
final class Checklist {

  /**
   * One thing.
   *
   * @param name for programs: stable, in snake case
   * @param text for people
   * @param held whether it was so
   * @param found what was seen
   */
  record Check(String name, String text, boolean held, String found) {}

  private final List<Check> checks = new ArrayList<>();

  /** Notes one and returns it. */
  Check check(String name, String text, boolean held, String found) {
    Check check = new Check(name, text, held, found);
    checks.add(check);
    return check;
  }

  /** Notes that two values are the same. */
  Check equal(String name, String text, Object expected, Object actual) {
    boolean held = expected.equals(actual);
    return check(
        name, text, held, held ? String.valueOf(actual) : actual + " instead of " + expected);
  }

  List<Check> all() {
    return List.copyOf(checks);
  }

  /** Whether everything held and there was something to hold. */
  boolean allHeld() {
    return !checks.isEmpty() && checks.stream().allMatch(Check::held);
  }

  List<Map<String, Object>> toJson() {
    List<Map<String, Object>> json = new ArrayList<>();
    for (Check check : checks) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("name", check.name());
      one.put("held", check.held());
      one.put("text", check.text());
      one.put("found", check.found());
      json.add(one);
    }
    return json;
  }
}
