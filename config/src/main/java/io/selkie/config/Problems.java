package io.selkie.config;

import io.selkie.config.Node.Place;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Collects what is wrong with one source. Not thread-safe. */
public final class Problems {

  private final String source;
  private final List<ConfigProblem> found = new ArrayList<>();

  /** Nothing is wrong yet; {@code source} is what messages call the file. */
  public Problems(String source) {
    this.source = source;
  }

  /** Notes one: what is wrong at a place, and what to do; {@code key} is empty for the whole. */
  public void at(Place place, String key, String message, String remedy) {
    found.add(new ConfigProblem(source, place.line(), place.column(), key, message, remedy));
  }

  /** In the order of the file. */
  public List<ConfigProblem> inOrder() {
    return found.stream()
        .sorted(
            Comparator.comparingInt(ConfigProblem::line).thenComparingInt(ConfigProblem::column))
        .toList();
  }
}
