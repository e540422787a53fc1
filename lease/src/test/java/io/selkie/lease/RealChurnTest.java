package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealListener;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: with many threads sealing, using and releasing at once, descriptors used again all the time
 * and another process breaking what it can, every break reaches the seal it is for, and nothing is
 * touched after it is gone.
 */
@Timeout(120)
class RealChurnTest {
  private static final int THREADS = 4;
  private static final int ROUNDS = 300;

  /** A listener that knows which seal it is for. */
  private static final class Expecting implements SealListener {
    final AtomicReference<Seal> told = new AtomicReference<>();
    final AtomicInteger times = new AtomicInteger();
    final CountDownLatch first = new CountDownLatch(1);

    @Override
    public void onBreak(Seal seal, BreakCause cause, long seenAtNanos, long deadlineNanos) {
      told.set(seal);
      times.incrementAndGet();
      first.countDown();
    }
  }

  @Test
  void breaksReachTheirSealsHoweverDescriptorsAreReused() throws Exception {
    try (var rig = new RealRig();
        ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      Process opener =
          rig.start(
              "sh",
              "-c",
              "while true; do for f in churn*; do (exec 3< $f) 2> /dev/null; done; done");
      List<Future<Integer>> done = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        Path file = rig.file("churn" + i, 4096);
        Callable<Integer> work = () -> churn(rig, file);
        done.add(threads.submit(work));
      }
      int breaks = 0;
      for (Future<Integer> one : done) {
        breaks += one.get(100, TimeUnit.SECONDS);
      }
      opener.destroyForcibly();
      assertThat(breaks).isPositive();
      System.out.println("breaks told in the churn: " + breaks);
      assertThat(rig.runtime.keeper().size()).isZero();
      assertThat(rig.runtime.auditor().watched()).isZero();
    }
  }

  private static int churn(RealRig rig, Path file) throws InterruptedException {
    int breaks = 0;
    for (int round = 0; round < ROUNDS; round++) {
      try (var target = new RealTarget(rig.kernel, file, true)) {
        var listener = new Expecting();
        SealOutcome outcome =
            rig.runtime.sealer().seal(target, Purpose.READ_WRITE, new ByteRange(0, 4096), listener);
        if (outcome instanceof Sealed(Seal seal, BlockMap map)) {
          if (seal.addHandle(map)) {
            seal.removeHandle(map);
          }
          if (round % 10 == 0) {
            assertThat(listener.first.await(RealRig.WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
          }
          seal.release();
          assertThat(seal.state()).isEqualTo(SealState.RELEASED);
          assertThat(listener.told.get()).isIn(null, seal);
          assertThat(listener.times.get()).isLessThanOrEqualTo(1);
          breaks += listener.times.get();
        } else {
          assertThat(listener.times.get()).isZero();
        }
        assertThat(target.references()).isEqualTo(1);
      }
    }
    return breaks;
  }

  @Test
  void releaseMayComeInTheMiddleOfAnything() throws Exception {
    try (var rig = new RealRig();
        ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      Path file = rig.file("busy.bin", 1 << 16);
      for (int round = 0; round < 40; round++) {
        var target = new RealTarget(rig.kernel, file, true);
        Seal seal = rig.sealed(target, Purpose.READ).seal();
        ByteRange range = new ByteRange(0, 1 << 16);
        List<Future<?>> work =
            List.of(
                threads.submit(() -> untilEnd(seal, () -> seal.flush(range))),
                threads.submit(() -> untilEnd(seal, () -> rig.runtime.auditor().auditNow(seal))),
                threads.submit(() ->
                    untilEnd(
                        seal, () -> rig.runtime.sealer().extend(seal, Purpose.READ_WRITE, range))));
        seal.flush(range);

        seal.release();

        for (Future<?> one : work) {
          one.get(RealRig.WAIT_SECONDS, TimeUnit.SECONDS);
        }
        assertThat(target.references()).isEqualTo(1);
        target.close();
      }
      assertThat(rig.runtime.keeper().size()).isZero();
    }
  }

  private static void untilEnd(Seal seal, Runnable action) {
    do {
      action.run();
    } while (!seal.state().isEnd());
  }
}
