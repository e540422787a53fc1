package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.RecallFilter;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.server.vfs.Export;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: layouts are taken back while their file system cannot be trusted with them, in the manner
 * that its trouble asks for, and are there again afterwards; one that hangs keeps nobody.
 */
@Timeout(120)
class StorageWatchTest {

  private static final StorageWatch.Pace PACE =
      new StorageWatch.Pace(Duration.ofSeconds(3), Duration.ofSeconds(10));

  @TempDir Path folder;

  private final BlockingQueue<Integer> answers = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> taken = new LinkedBlockingQueue<>();

  /** The threads that ask, as they begin to. */
  private final BlockingQueue<Thread> asked = new LinkedBlockingQueue<>();

  private final BlockingQueue<Integer> answersBeside = new LinkedBlockingQueue<>();
  private final BlockingQueue<Thread> askedBeside = new LinkedBlockingQueue<>();
  private final List<Export> exports = new CopyOnWriteArrayList<>();
  private final SteppedTimers timers = new SteppedTimers();
  private Export export;
  private StorageWatch watch;
  private Thread asking;

  /** Time passes when the test says so. */
  private static final class SteppedTimers implements Timers {
    private record Due(long atNanos, Runnable task) {}

    private final Queue<Due> due = new PriorityQueue<>(Comparator.comparingLong(Due::atNanos));
    private long now;

    @Override
    public synchronized Timer schedule(long delayNanos, Runnable task) {
      Due mine = new Due(now + delayNanos, task);
      due.add(mine);
      return () -> due.remove(mine);
    }

    void pass(Duration time) {
      List<Runnable> tasks = new ArrayList<>();
      long until;
      synchronized (this) {
        until = now + time.toNanos();
      }
      while (true) {
        synchronized (this) {
          if (due.isEmpty() || due.peek().atNanos > until) {
            now = until;
            return;
          }
          now = due.peek().atNanos;
          tasks.add(due.poll().task());
        }
        tasks.removeLast().run();
      }
    }
  }

  @BeforeEach
  void start() throws Exception {
    LayoutArbiter arbiter =
        proxy(
            LayoutArbiter.class,
            (method, arguments) -> {
              RecallFilter filter = (RecallFilter) arguments[0];
              assertThat(filter.device()).hasValue(export.device());
              taken.add(method.getName());
              return CompletableFuture.completedFuture(null);
            });
    export = open("data", folder.toString(), asked, answers);
    exports.add(export);
    watch =
        new StorageWatch(
            () -> List.copyOf(exports),
            arbiter,
            timers,
            task -> Thread.ofPlatform().daemon().start(task),
            PACE,
            folder.resolve("none"));
    watch.start();
    nextQuestion();
  }

  /** An export on the file system of the folder, whatever path it is opened by. */
  private Export open(
      String name, String path, BlockingQueue<Thread> asking, BlockingQueue<Integer> answering)
      throws Exception {
    Kernel real = new LinuxKernel();
    Kernel kernel =
        proxy(
            Kernel.class,
            (method, arguments) -> {
              if (method.getName().equals("statx")) {
                arguments[0] = Kernel.AT_FDCWD;
                arguments[1] = Names.bytes(folder.toString());
                arguments[2] = 0;
              }
              if (!method.getName().equals("removeXattr")) {
                return method.invoke(real, arguments);
              }
              asking.add(Thread.currentThread());
              // As long as the test likes, as a frozen file system does.
              return answering.take();
            });
    return Export.open(kernel, name, path, false, Export.HandleMode.KERNEL);
  }

  /** Another mount, that comes before the first export among all. */
  private Export mountBeside() throws Exception {
    Export beside = open("beside", "/proc", askedBeside, answersBeside);
    assertThat(beside.device()).isEqualTo(export.device());
    assertThat(beside.mount()).isNotEqualTo(export.mount());
    exports.addFirst(beside);
    return beside;
  }

  private void answerBeside(Errno errno) throws Exception {
    timers.pass(PACE.interval());
    Thread asks = askedBeside.poll(60, TimeUnit.SECONDS);
    assertThat(asks).as("who asks through the other mount").isNotNull();
    answersBeside.add(errno.result());
    assertThat(asks.join(Duration.ofSeconds(60))).as("dealt with").isTrue();
  }

  private interface Call {
    Object of(java.lang.reflect.Method method, Object[] arguments) throws Exception;
  }

  private static <T> T proxy(Class<T> type, Call call) {
    return type.cast(
        Proxy.newProxyInstance(
            StorageWatchTest.class.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> call.of(method, arguments)));
  }

  @AfterEach
  void stop() {
    watch.close();
    answers.add(Errno.ENODATA.result());
    answersBeside.add(Errno.ENODATA.result());
    exports.forEach(Export::close);
  }

  private void nextQuestion() throws InterruptedException {
    asking = asked.poll(60, TimeUnit.SECONDS);
    assertThat(asking).as("who asks").isNotNull();
  }

  /** Answers, waits until that has been dealt with, and for the next question. */
  private void answer(Errno errno) throws InterruptedException {
    answers.add(errno.result());
    assertThat(asking.join(Duration.ofSeconds(60))).as("dealt with").isTrue();
    timers.pass(PACE.interval());
    nextQuestion();
  }

  private String nextTaken() throws InterruptedException {
    return taken.poll(60, TimeUnit.SECONDS);
  }

  @Test
  void whereAllIsWellNothingIsTaken() throws Exception {
    answer(Errno.ENODATA);
    answer(Errno.EOPNOTSUPP);
    assertThat(taken).isEmpty();
    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.NO);
  }

  @Test
  void silenceRecallsAndAnAnswerGivesThemBack() throws Exception {
    timers.pass(PACE.patience());
    assertThat(nextTaken()).isEqualTo("recall");
    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.FOR_NOW);
    assertThat(asked).as("one question at a time").isEmpty();

    answer(Errno.ENODATA);
    answer(Errno.ENODATA);

    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.NO);
  }

  @Test
  void whatBecameReadOnlyIsRecalledUntilItCanBeWritten() throws Exception {
    answer(Errno.ENODATA);
    answer(Errno.EROFS);
    assertThat(nextTaken()).isEqualTo("recall");
    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.FOR_NOW);

    answer(Errno.ENODATA);
    answer(Errno.ENODATA);

    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.NO);
  }

  @Test
  void whatHasShutDownIsFencedAtOnce() throws Exception {
    answer(Errno.EIO);
    assertThat(nextTaken()).isEqualTo("fence");
    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.FOR_GOOD);
  }

  @Test
  void readOnlyMountHidesNoTroubleOfTheOthers() throws Exception {
    Export beside = mountBeside();
    answerBeside(Errno.EROFS);
    assertThat(beside.layoutsWithheld()).as("so from its start").isEqualTo(Export.Withheld.NO);

    answer(Errno.EIO);

    assertThat(nextTaken()).isEqualTo("fence");
    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.FOR_GOOD);
    assertThat(beside.layoutsWithheld()).isEqualTo(Export.Withheld.FOR_GOOD);
  }

  @Test
  void mountThatBecomesReadOnlyWithholdsItsOwnLayoutsOnly() throws Exception {
    answer(Errno.ENODATA);
    Export beside = mountBeside();
    answerBeside(Errno.ENODATA);
    answerBeside(Errno.EROFS);

    assertThat(nextTaken()).isEqualTo("recall");
    assertThat(beside.layoutsWithheld()).isEqualTo(Export.Withheld.FOR_NOW);
    assertThat(export.layoutsWithheld()).isEqualTo(Export.Withheld.NO);
  }

  @Test
  void exportThatComesWhileItIsSilentGivesNone() throws Exception {
    timers.pass(PACE.patience());
    assertThat(nextTaken()).isEqualTo("recall");
    Export beside = mountBeside();

    timers.pass(PACE.interval());

    assertThat(beside.layoutsWithheld()).isEqualTo(Export.Withheld.FOR_NOW);
    assertThat(nextTaken()).as("what it gave before that").isEqualTo("recall");
  }

  @Test
  void anOldQuestionsTimeIsNotTheNextOnes() throws Exception {
    answer(Errno.ENODATA);
    answer(Errno.ENODATA);
    // The first one's patience would be over now; the one under way has most of its own left.
    timers.pass(PACE.patience().minus(PACE.interval()));
    assertThat(taken).isEmpty();
  }
}
