package io.selkie.server.admin;

import io.selkie.config.ConfigDifference.Change;
import io.selkie.config.ConfigProblem;
import java.util.List;

/** What came of loading the configuration again. */
public sealed interface ReloadOutcome {

  /** The server was not configured by a file. */
  record NoFile() implements ReloadOutcome {}

  /** The file cannot be used; nothing changed. */
  record Invalid(List<ConfigProblem> problems) implements ReloadOutcome {}

  /** It says what is so already. */
  record Unchanged() implements ReloadOutcome {}

  /** What would change; nothing did, because that was all that was asked. */
  record Planned(List<Change> changes) implements ReloadOutcome {}

  /** Some of it cannot be changed while the server runs, so none of it was. */
  record NeedsRestart(List<Change> changes) implements ReloadOutcome {}

  /** All of it is in force. */
  record Applied(List<Change> changes) implements ReloadOutcome {}

  /** All of it is in force but for one thing, which needs an administrator. */
  record AppliedBut(List<Change> changes, String reason) implements ReloadOutcome {}

  /** It could not be brought about; nothing changed. */
  record Failed(List<Change> changes, String reason) implements ReloadOutcome {}
}
