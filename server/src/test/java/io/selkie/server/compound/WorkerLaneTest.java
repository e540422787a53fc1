package io.selkie.server.compound;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: no client of a lane waits for another one's work, and nothing is lost. */
@Timeout(120)
class WorkerLaneTest {

  private static final int CLIENT_THREADS = 2;
  private static final int THREADS_MAX = 6;

  private final Semaphore spare = new Semaphore(100);
  private final WorkerLane lane =
      new WorkerLane("test-", 0, new WorkerLane.Size(CLIENT_THREADS, THREADS_MAX, 10), spare);
  private final CountDownLatch open = new CountDownLatch(1);
  private final Semaphore stuck = new Semaphore(0);

  @AfterEach
  void stop() {
    open.countDown();
    lane.shutdownNow();
  }

  private void hang() {
    stuck.release();
    try {
      open.await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitStuck(int count) throws InterruptedException {
    assertThat(stuck.tryAcquire(count, 60, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void clientThatHangsHasItsShareAndOthersGoOn() throws InterruptedException {
    for (int i = 0; i < 10; i++) {
      lane.execute(this::hang, 1, null);
    }
    awaitStuck(CLIENT_THREADS);
    for (int client = 2; client < 5; client++) {
      CountDownLatch done = new CountDownLatch(5);
      for (int i = 0; i < 5; i++) {
        lane.execute(done::countDown, client, null);
      }
      assertThat(done.await(60, TimeUnit.SECONDS)).as("client %d", client).isTrue();
    }
    assertThat(stuck.availablePermits()).isZero();
    open.countDown();
    awaitStuck(10 - CLIENT_THREADS);
  }

  @Test
  void severalThatHangDoNotStopTheNext() throws InterruptedException {
    for (int client = 1; client <= THREADS_MAX / CLIENT_THREADS - 1; client++) {
      for (int i = 0; i < 5; i++) {
        lane.execute(this::hang, client, null);
      }
    }
    awaitStuck(CLIENT_THREADS);
    CountDownLatch done = new CountDownLatch(1);
    lane.execute(done::countDown, 99, null);
    assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void thereAreNeverMoreThreadsThanAllowed() throws InterruptedException {
    for (int client = 1; client <= 20; client++) {
      lane.execute(this::hang, client, null);
    }
    awaitStuck(THREADS_MAX);
    assertThat(stuck.availablePermits()).isZero();
    assertThat(spare.availablePermits()).isGreaterThanOrEqualTo(100 - THREADS_MAX);
    open.countDown();
    awaitStuck(20 - THREADS_MAX);
  }

  @Test
  void oneIdleThreadIsNotCountedForTwo() throws InterruptedException {
    CountDownLatch first = new CountDownLatch(1);
    lane.execute(first::countDown, 1, null);
    assertThat(first.await(60, TimeUnit.SECONDS)).isTrue();
    for (int client = 1; client <= THREADS_MAX; client++) {
      lane.execute(this::hang, client, null);
    }
    awaitStuck(THREADS_MAX);
  }

  @Test
  void clientsTakeTurns() throws InterruptedException {
    WorkerLane one = new WorkerLane("one-", 0, new WorkerLane.Size(1, 1, 10), spare);
    CountDownLatch go = new CountDownLatch(1);
    LinkedBlockingQueue<Integer> order = new LinkedBlockingQueue<>();
    one.execute(
        () -> {
          try {
            go.await();
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        },
        9,
        null);
    for (int i = 0; i < 4; i++) {
      one.execute(() -> order.add(1), 1, null);
    }
    one.execute(() -> order.add(2), 2, null);
    go.countDown();
    List<Integer> seen = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      seen.add(order.poll(60, TimeUnit.SECONDS));
    }
    assertThat(seen.subList(0, 2)).contains(2);
    one.shutdown();
    assertThat(one.awaitEnd(TimeUnit.SECONDS.toNanos(60))).isTrue();
  }

  @Test
  void threadThatEndsByAnErrorIsReplaced() throws InterruptedException {
    AtomicInteger errors = new AtomicInteger();
    for (int i = 0; i < 20; i++) {
      lane.execute(
          () -> {
            Thread.currentThread().setUncaughtExceptionHandler((t, e) -> errors.incrementAndGet());
            throw new AssertionError("on purpose");
          },
          1,
          null);
    }
    CountDownLatch done = new CountDownLatch(1);
    lane.execute(done::countDown, 1, null);
    assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
    lane.shutdown();
    assertThat(lane.awaitEnd(TimeUnit.SECONDS.toNanos(60))).isTrue();
    assertThat(errors).hasValueGreaterThanOrEqualTo(19);
  }

  @Test
  void threadThatCannotBeHadLeavesNothingBehind() throws InterruptedException {
    AtomicBoolean none = new AtomicBoolean();
    WorkerLane poor =
        new WorkerLane(
            "poor-",
            0,
            new WorkerLane.Size(1, 3, 10),
            spare,
            work ->
                new Thread(work) {
                  @Override
                  public void start() {
                    if (none.get()) {
                      throw new OutOfMemoryError("unable to create native thread");
                    }
                    super.start();
                  }
                });
    AtomicInteger ran = new AtomicInteger();
    none.set(true);
    assertThatThrownBy(() -> poor.execute(ran::incrementAndGet, 1, null))
        .isInstanceOf(OutOfMemoryError.class);
    none.set(false);
    poor.execute(this::hang, 2, null);
    awaitStuck(1);
    none.set(true);
    // Waits for the thread that there is.
    poor.execute(ran::incrementAndGet, 3, null);
    assertThat(spare.availablePermits()).isEqualTo(100);
    open.countDown();
    poor.shutdown();
    assertThat(poor.awaitEnd(TimeUnit.SECONDS.toNanos(60))).isTrue();
    assertThat(ran).as("what was refused is not run").hasValue(1);
  }

  @Test
  void whatWaitsIsRunBeforeTheEndAndNothingNewIsTaken() throws InterruptedException {
    AtomicInteger ran = new AtomicInteger();
    for (int i = 0; i < CLIENT_THREADS; i++) {
      lane.execute(this::hang, 1, null);
    }
    awaitStuck(CLIENT_THREADS);
    for (int i = 0; i < 50; i++) {
      lane.execute(ran::incrementAndGet, 1, null);
    }
    lane.shutdown();
    assertThatThrownBy(() -> lane.execute(ran::incrementAndGet, 1, null))
        .isInstanceOf(RejectedExecutionException.class);
    assertThat(lane.awaitEnd(1)).isFalse();
    open.countDown();
    assertThat(lane.awaitEnd(TimeUnit.SECONDS.toNanos(60))).isTrue();
    assertThat(ran).hasValue(50);
  }

  @Test
  void flowIsUsedAgainButNotOneOfAnotherClientOrLane() {
    AtomicBoolean never = new AtomicBoolean();
    Flow first = lane.execute(() -> {}, 1, null);
    assertThat(lane.execute(() -> {}, 1, first)).isSameAs(first);
    assertThat(lane.execute(() -> {}, 2, first)).isNotSameAs(first);
    WorkerLane other = new WorkerLane("other-", 0, new WorkerLane.Size(1, 1, 1), spare);
    assertThat(other.execute(() -> never.set(false), 1, first)).isNotSameAs(first);
    other.shutdownNow();
  }

  @Test
  void admissionIsBounded() {
    Flow last = null;
    for (int client = 1; client <= 10; client++) {
      last = lane.admit(client, null);
      assertThat(last).isNotNull();
    }
    assertThat(lane.admit(11, null)).isNull();
    lane.leave(last);
    assertThat(lane.admit(11, null)).isNotNull();
  }

  @Test
  void fewClientsDoNotTakeAllPlaces() {
    int taken = 0;
    for (int client = 1; client <= 2; client++) {
      while (lane.admit(client, null) != null) {
        taken++;
      }
    }
    assertThat(taken).isLessThan(10);
    assertThat(lane.admit(3, null)).isNotNull();
    assertThat(lane.admittedCount()).isEqualTo(taken + 1);
  }

  @Test
  void whatASoleClientGaveBackItGetsAgain() {
    List<Flow> places = new ArrayList<>();
    for (Flow flow = lane.admit(1, null); flow != null; flow = lane.admit(1, flow)) {
      places.add(flow);
    }
    assertThat(places).hasSize(5);
    lane.leave(places.getFirst());
    assertThat(lane.admit(1, places.getLast())).isNotNull();
    assertThat(lane.admit(1, places.getLast())).isNull();
    places.forEach(lane::leave);
    assertThat(lane.admittedCount()).isZero();
  }

  @Test
  void inASmallLaneAClientHasPlacesForItsThreadsAllTheSame() {
    WorkerLane small = new WorkerLane("small-", 0, new WorkerLane.Size(3, 3, 4), spare);
    for (int i = 0; i < 3; i++) {
      assertThat(small.admit(1, null)).isNotNull();
    }
    assertThat(small.admit(1, null)).isNull();
    assertThat(small.admit(2, null)).isNotNull();
    assertThat(small.admit(3, null)).as("the bound").isNull();
  }

  @Test
  void whatWaitsOnEventLoopsTakesNobodysPlace() {
    for (int i = 0; i < 20; i++) {
      lane.admitSuspended();
    }
    assertThat(lane.admit(1, null)).isNotNull();
    assertThat(lane.admittedCount()).isEqualTo(21);
    lane.leave(null);
    assertThat(lane.admittedCount()).isEqualTo(20);
  }

  @Test
  void clientWithPlacesIsNotForgottenHoweverManyOthersCome() {
    WorkerLane large = new WorkerLane("large-", 0, new WorkerLane.Size(1, 1, 100_000), spare);
    Flow first = large.admit(0, null);
    for (int client = 1; client <= 5000; client++) {
      Flow flow = large.admit(client, null);
      if (client % 2 == 0) {
        large.leave(flow);
      }
    }
    assertThat(large.admit(0, null)).isSameAs(first);
    assertThat(first.admitted).hasValue(2);
  }

  @Test
  void whoIsPassedByHasAThreadAllTheSame() throws InterruptedException {
    CountDownLatch first = new CountDownLatch(1);
    lane.execute(
        () -> {
          stuck.release();
          try {
            first.await();
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        },
        2,
        null);
    awaitStuck(1);
    lane.execute(this::hang, 1, null);
    awaitStuck(1);
    // Both wait, the one that hangs first in turn.
    lane.execute(this::hang, 1, null);
    CountDownLatch done = new CountDownLatch(1);
    lane.execute(done::countDown, 2, null);
    first.countDown();
    awaitStuck(1);
    assertThat(done.await(20, TimeUnit.SECONDS)).isTrue();
  }
}
