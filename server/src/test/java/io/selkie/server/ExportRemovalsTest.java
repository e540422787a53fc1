package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.server.testing.TestTimers;
import io.selkie.server.vfs.Export;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what an administrator is told of an export that goes is what is known of it. */
class ExportRemovalsTest {

  private final List<Export> gone = new ArrayList<>();

  private ExportRemovals removals(ExportRemovals.Sweep sweep) {
    return new ExportRemovals(
        sweep,
        Duration.ofSeconds(60),
        new TestTimers(),
        ExportRemovalsTest::runToItsEnd,
        gone::add);
  }

  /** As a thread that ends by its failure. */
  private static void runToItsEnd(Runnable task) {
    try {
      task.run();
    } catch (IllegalStateException e) {
      assertThat(e).hasMessage("a defect");
    }
  }

  @Test
  void removalThatFailsIsNotTakenForNone(@TempDir Path directory) throws Exception {
    ExportRemovals removals =
        removals(
            new ExportRemovals.Sweep() {
              @Override
              public void sweep(Export export) {
                throw new IllegalStateException("a defect");
              }

              @Override
              public void retire(Export export) {
                throw new AssertionError("the sweep failed");
              }
            });
    try (Export export =
        Export.open(
            new LinuxKernel(), "data", directory.toString(), false, Export.HandleMode.NAME)) {
      CompletableFuture<Void> outcome = removals.begin(export);
      // As such, so that a reload says what is in force and not that nothing was changed.
      assertThat(outcome)
          .isCompletedExceptionally()
          .failsWithin(Duration.ZERO)
          .withThrowableThat()
          .withCauseInstanceOf(ExportBusyException.class)
          .withMessageContaining("served no more")
          .withMessageContaining("taking from clients what they have there")
          .withMessageContaining("a defect");
      assertThat(removals.isGoing(export)).as("its name cannot be served anew").isTrue();
      assertThat(gone).isEmpty();
    }
  }
}
