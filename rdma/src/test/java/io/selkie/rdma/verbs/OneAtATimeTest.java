package io.selkie.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: nothing waits for the next call because two threads met. */
@Timeout(300)
class OneAtATimeTest {

  private final Queue<String> waiting = new ConcurrentLinkedQueue<>();
  private final List<String> done = new ArrayList<>();
  private Runnable afterTheLastLook = () -> {};
  private final OneAtATime work = new OneAtATime(this::step, () -> !waiting.isEmpty());

  private boolean step() {
    String next = waiting.poll();
    if (next == null) {
      Runnable meanwhile = afterTheLastLook;
      afterTheLastLook = () -> {};
      meanwhile.run();
      return false;
    }
    done.add(next);
    return true;
  }

  @Test
  void doesWhatAnotherThreadBroughtAfterTheLastLook() {
    waiting.add("first");
    afterTheLastLook =
        () ->
            CompletableFuture.runAsync(
                    () -> {
                      waiting.add("second");
                      work.run();
                      assertThat(done).as("one at a time").containsExactly("first");
                    })
                .join();
    work.run();
    assertThat(done).containsExactly("first", "second");
  }

  @Test
  void goesOnAfterAFailure() {
    afterTheLastLook =
        () -> {
          throw new IllegalStateException("a listener failed");
        };
    assertThatThrownBy(work::run).isInstanceOf(IllegalStateException.class);
    waiting.add("next");
    work.run();
    assertThat(done).containsExactly("next");
  }
}
