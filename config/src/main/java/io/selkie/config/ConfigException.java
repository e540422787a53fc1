package io.selkie.config;

import java.util.List;
import java.util.stream.Collectors;

/** A configuration cannot be used; all that is wrong with it, at once. */
public final class ConfigException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<ConfigProblem> problems;

  /** Takes the problems, in the order of the file; at least one. */
  public ConfigException(List<ConfigProblem> problems) {
    super(problems.stream().map(ConfigProblem::toString).collect(Collectors.joining("\n")));
    this.problems = List.copyOf(problems);
  }

  /** Everything that is wrong. */
  public List<ConfigProblem> problems() {
    return problems;
  }
}
