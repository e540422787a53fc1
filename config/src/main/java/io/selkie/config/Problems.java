package io.selkie.config;

import io.selkie.config.Node.Place;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Collects what is wrong with one source. */
final class Problems {

  private final String source;
  private final List<ConfigProblem> found = new ArrayList<>();

  Problems(String source) {
    this.source = source;
  }

  void at(Place place, String key, String message, String remedy) {
    found.add(new ConfigProblem(source, place.line(), place.column(), key, message, remedy));
  }

  /** In the order of the file. */
  List<ConfigProblem> inOrder() {
    return found.stream()
        .sorted(
            Comparator.comparingInt(ConfigProblem::line).thenComparingInt(ConfigProblem::column))
        .toList();
  }
}
