package io.selkie.test.drill;

import java.util.List;
import java.util.Optional;

/**
 * How the server stood when a scenario was over.
 *
 * @param endsNanos when the scenario had ended it, on the drill's clock
 * @param isDown whether the scenario had ended it last, and not started it again
 * @param silence why it could not be asked; empty when it answered
 * @param hasUntold whether it told more events than the drill keeps
 */
record ServerAtEnd(
    List<Long> endsNanos, boolean isDown, Optional<String> silence, boolean hasUntold) {

  /** Whether the scenario ended it behind a moment. */
  boolean hasEndedAfter(long atNanos) {
    return endsNanos.stream().anyMatch(end -> end > atNanos);
  }
}
