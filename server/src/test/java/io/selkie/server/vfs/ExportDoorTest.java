package io.selkie.server.vfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: nobody is inside when it is said so, and nobody comes in afterwards. */
@Timeout(120)
class ExportDoorTest {

  private final ExportDoor door = new ExportDoor();

  @Test
  void lastOneWhoLeavesIsTheEvent() {
    assertThat(door.enter()).isTrue();
    assertThat(door.enter()).isTrue();
    CompletableFuture<Void> empty = door.close();
    assertThat(door.enter()).as("closed").isFalse();
    door.leave();
    assertThat(empty).isNotDone();
    assertThat(door.inside()).isEqualTo(1);
    assertThat(door.join()).as("who takes part while another one is inside").isTrue();
    door.leave();
    assertThat(empty).isNotDone();
    door.leave();
    assertThat(empty).isCompleted();
    assertThat(door.join()).isFalse();
    assertThat(door.close()).as("twice").isCompleted();
  }

  @Test
  void emptyOneIsClosedAtOnce() {
    assertThat(door.close()).isCompleted();
    assertThat(door.isClosed()).isTrue();
    assertThat(door.enter()).isFalse();
  }

  @Test
  void leavingWithoutHavingComeInIsAnError() {
    assertThatThrownBy(door::leave).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void nobodyIsInsideOnceItSaysSoHoweverManyComeAndGo() throws Exception {
    int threads = 4;
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      for (int round = 0; round < 200; round++) {
        ExportDoor contested = new ExportDoor();
        AtomicInteger inside = new AtomicInteger();
        AtomicBoolean over = new AtomicBoolean();
        CyclicBarrier start = new CyclicBarrier(threads + 1);
        List<Future<Boolean>> all = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
          all.add(
              pool.submit(() -> {
                start.await(60, TimeUnit.SECONDS);
                boolean right = true;
                while (contested.enter()) {
                  inside.incrementAndGet();
                  right &= !over.get();
                  inside.decrementAndGet();
                  contested.leave();
                }
                return right;
              }));
        }
        start.await(60, TimeUnit.SECONDS);
        contested.close().get(60, TimeUnit.SECONDS);
        assertThat(inside).hasValue(0);
        over.set(true);
        for (Future<Boolean> one : all) {
          assertThat(one.get(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(contested.inside()).isZero();
      }
    }
  }
}
