package io.selkie.layout.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.ScsiDesignator;
import io.selkie.lease.ScsiException;
import io.selkie.lease.ScsiUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Goal: a fence is done when the disk refuses the client, and nothing else is taken for that. */
class ScsiKeyTest {

  private static final long CLIENT = 5;
  private static final long IO = TimeUnit.SECONDS.toNanos(1);
  private static final long EXPIRY = TimeUnit.SECONDS.toNanos(2);

  /** A disk that does as it is told, or not. */
  private static final class Disk implements ScsiUnit {
    final Set<Long> registered = new LinkedHashSet<>();
    final List<Long> preempted = new ArrayList<>();
    boolean broken;
    boolean stubborn;
    boolean faulty;
    boolean silent;
    boolean aborts = true;

    @Override
    public boolean aborts() {
      return aborts;
    }

    @Override
    public ScsiDesignator designator() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Set<Long> keys() throws ScsiException {
      if (faulty) {
        throw new IllegalStateException("a fault of ours");
      }
      if (broken) {
        throw new ScsiException("no answer", false);
      }
      return Set.copyOf(registered);
    }

    @Override
    public void preempt(long key) throws ScsiException {
      if (!registered.contains(key)) {
        throw new ScsiException("nobody has it", true);
      }
      preempted.add(key);
      if (!stubborn) {
        registered.remove(key);
      }
      if (silent) {
        throw new ScsiException("no answer in time", false);
      }
    }

    @Override
    public String describe() {
      return "disk";
    }
  }

  private final Disk disk = new Disk();
  private final ArrayDeque<Runnable> handedOn = new ArrayDeque<>();
  private final ArrayDeque<Runnable> later = new ArrayDeque<>();
  private long waited;
  private long lastNumber = 100;
  private boolean usedUp;
  private int attemptsFailed;
  private int givenUp;
  private final ScsiKeys keys =
      new ScsiKeys(
          () -> usedUp ? 0 : ++lastNumber,
          new ScsiKey.Means(
              () -> waited,
              (delay, task) -> {
                later.add(() -> {
                  waited += delay;
                  task.run();
                });
                return () -> false;
              },
              _ -> handedOn::add,
              IO,
              EXPIRY,
              new FenceTrouble() {
                @Override
                public void attemptFailed() {
                  attemptsFailed++;
                }

                @Override
                public void gaveUp() {
                  givenUp++;
                }
              }));

  private ScsiKey told() {
    ScsiKey key = keys.of(CLIENT, disk).orElseThrow();
    assertThat(keys.tell(CLIENT, key.number())).contains(key);
    return key;
  }

  private void work() {
    while (!handedOn.isEmpty()) {
      handedOn.remove().run();
    }
  }

  private void tick() {
    later.remove().run();
    work();
  }

  private static boolean isDone(CompletionStage<Void> stage) {
    return stage.toCompletableFuture().isDone();
  }

  @Test
  void whoIsRegisteredIsOutAtOnce() {
    ScsiKey key = told();
    disk.registered.add(key.number());
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    assertThat(isDone(fence)).as("before the disk was told").isFalse();
    work();
    assertThat(isDone(fence)).isTrue();
    assertThat(disk.preempted).containsExactly(key.number());
    assertThat(waited).isZero();
    assertThat(keys.tell(CLIENT, key.number())).as("nobody is told of it any more").isEmpty();
  }

  @Test
  void whatMayBeUnderWayIsWaitedForWhereTheDiskDoesNotEndIt() {
    disk.aborts = false;
    ScsiKey key = told();
    disk.registered.add(key.number());
    waited = EXPIRY;
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    assertThat(disk.registered).as("it is shut out").isEmpty();
    assertThat(isDone(fence)).isFalse();
    tick();
    assertThat(isDone(fence)).isTrue();
    assertThat(waited).isEqualTo(EXPIRY + IO);
  }

  @Test
  void whatMayBeUnderWayIsWaitedForWhereTheDiskDidNotSayThatItEndedIt() {
    disk.silent = true;
    ScsiKey key = told();
    disk.registered.add(key.number());
    waited = EXPIRY;
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    assertThat(disk.registered).as("it is shut out").isEmpty();
    while (!isDone(fence)) {
      assertThat(waited).isLessThan(EXPIRY + IO);
      tick();
    }
    assertThat(waited).isEqualTo(EXPIRY + IO);
    assertThat(attemptsFailed).isOne();
    assertThat(givenUp).isZero();
  }

  @Test
  void whoWasNeverToldHasNothingToLose() {
    ScsiKey key = keys.of(CLIENT, disk).orElseThrow();
    assertThat(isDone(keys.fence(CLIENT, disk))).isTrue();
    assertThat(keys.tell(CLIENT, key.number())).as("and is not told any more").isEmpty();
  }

  @Test
  void whoHasNotRegisteredYetIsLookedForUntilItsCommandMustBeOver() {
    told();
    waited = IO / 4;
    assertThat(keys.of(CLIENT, disk)).as("and it is granted more").isPresent();
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    while (!isDone(fence)) {
      assertThat(waited).isLessThan(IO / 4 + IO);
      tick();
    }
    assertThat(waited).isEqualTo(IO / 4 + IO);
  }

  @Test
  void whoUnregisteredLongAfterItWasToldIsOutAtOnce() {
    told();
    waited = IO;
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    assertThat(isDone(fence)).isTrue();
    assertThat(disk.preempted).isEmpty();
  }

  @Test
  void whoRegistersLateIsOutThen() {
    ScsiKey key = told();
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    disk.registered.add(key.number());
    tick();
    assertThat(isDone(fence)).isTrue();
    assertThat(disk.registered).isEmpty();
    assertThat(waited).isLessThan(EXPIRY);
  }

  @Test
  void aDiskThatDoesNotAnswerOrDoesNotObeyIsAskedAgainUntilTheClientMustHaveStopped() {
    ScsiKey key = told();
    disk.registered.add(key.number());
    disk.broken = true;
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    disk.broken = false;
    disk.stubborn = true;
    tick();
    assertThat(isDone(fence)).as("the key is still there").isFalse();
    while (!isDone(fence)) {
      tick();
    }
    assertThat(waited).isEqualTo(EXPIRY);
    assertThat(attemptsFailed).as("each is told").isGreaterThan(2);
    assertThat(givenUp).isEqualTo(1);
  }

  @Test
  void whoWasFencedGetsAnotherKeyOnlyWhenItMustHaveHeardOfIt() {
    ScsiKey key = told();
    disk.registered.add(key.number());
    keys.fence(CLIENT, disk);
    assertThat(keys.of(CLIENT, disk)).as("while it is fenced").isEmpty();
    work();
    assertThat(keys.of(CLIENT, disk)).as("when it is fenced").isEmpty();
    assertThat(keys.of(CLIENT + 1, disk)).isPresent();
    tick();
    assertThat(waited).isEqualTo(EXPIRY);
    ScsiKey next = keys.of(CLIENT, disk).orElseThrow();
    assertThat(next.number()).isNotEqualTo(key.number());
  }

  /** What was granted under an old key is written under the new one, too. */
  @Test
  void theKeyThatTheClientHasByNowIsFenced() {
    ScsiKey key = told();
    disk.registered.add(key.number());
    keys.fence(CLIENT, disk);
    work();
    tick();
    ScsiKey next = told();
    disk.registered.add(next.number());
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    assertThat(isDone(fence)).isTrue();
    assertThat(disk.preempted).containsExactly(key.number(), next.number());
  }

  @Test
  void nothingIsLeftOfAClientThatIsGone() {
    ScsiKey key = told();
    disk.registered.add(key.number());
    keys.clientGone(CLIENT);
    work();
    assertThat(disk.registered).isEmpty();
    assertThat(keys.size()).isZero();
  }

  @Test
  void whatAClientAsksForWhileItIsFencedPutsTheFenceOffByNothing() {
    ScsiKey key = told();
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    assertThat(keys.of(CLIENT, disk)).isEmpty();
    work();
    while (!isDone(fence)) {
      assertThat(waited).isLessThan(IO);
      assertThat(keys.of(CLIENT, disk)).isEmpty();
      assertThat(keys.tell(CLIENT, key.number())).isEmpty();
      tick();
    }
    assertThat(waited).isEqualTo(IO);
  }

  @Test
  void nobodyIsToldOfAnothersKey() {
    ScsiKey key = keys.of(CLIENT, disk).orElseThrow();
    assertThat(keys.tell(CLIENT + 1, key.number())).isEmpty();
    assertThat(key.state()).isEqualTo(ScsiKeyState.SECRET);
  }

  @Test
  void aFenceThatFailsInWhateverWayComesToItsEnd() {
    ScsiKey key = told();
    disk.registered.add(key.number());
    disk.faulty = true;
    CompletionStage<Void> fence = keys.fence(CLIENT, disk);
    work();
    disk.faulty = false;
    assertThat(isDone(fence)).isFalse();
    tick();
    assertThat(isDone(fence)).isTrue();
    assertThat(disk.registered).isEmpty();
    assertThat(attemptsFailed).isEqualTo(1);
    assertThat(givenUp).isZero();
  }

  @Test
  void whenTheKeysAreUsedUpThereAreNoMoreAndThoseThatAreThereAreGood() {
    ScsiKey key = told();
    usedUp = true;
    assertThat(keys.of(CLIENT + 1, disk)).isEmpty();
    assertThat(keys.size()).isEqualTo(1);
    assertThat(keys.of(CLIENT, disk)).contains(key);
  }
}
