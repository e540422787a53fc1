package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.PatientThreads;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: threads that clients wait for are not made patient by an administrator who gives them their
 * first work. Method: all of a pool's threads are asked for what the kernel has of them.
 */
@Timeout(120)
class BlockingThreadsTest {

  private static final int THREADS = 4;
  private static final int NICE_AFTER_NAME = 16;

  @Test
  void threadsDoNotTakeAfterWhoBringsTheirFirstWork() throws Exception {
    try (BlockingThreads threads = new BlockingThreads("tested", THREADS)) {
      assertAsPatientAsThis(threads);
    }
  }

  @Test
  void threadsOfADiskDoNotTakeAfterWhoLetsItsFirstFileGo() throws Exception {
    try (Closings closings = new Closings()) {
      assertAsPatientAsThis(task -> closings.execute(new FileIdentity(7, 1, 0), task));
    }
  }

  private static void assertAsPatientAsThis(Executor threads) throws Exception {
    Priority own = Priority.now();
    Set<Priority> seen = ConcurrentHashMap.newKeySet();
    Set<Priority> patient = ConcurrentHashMap.newKeySet();
    // All at once, so that each thread has one.
    CyclicBarrier all = new CyclicBarrier(THREADS);
    CountDownLatch done = new CountDownLatch(THREADS);
    Thread administrator =
        PatientThreads.of(Thread.ofPlatform().daemon().factory())
            .newThread(() -> {
              patient.add(Priority.now());
              for (int i = 0; i < THREADS; i++) {
                threads.execute(() -> {
                  meet(all);
                  seen.add(Priority.now());
                  done.countDown();
                });
              }
            });
    administrator.start();
    assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
    assumeThat(patient).as("this machine lets threads be patient").doesNotContain(own);
    assertThat(seen).containsExactly(own);
  }

  private static void meet(CyclicBarrier all) {
    try {
      all.await(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** Of the present thread; a build may be nice itself, so there are two signs. */
  private record Priority(int nice, long sliceNanos) {
    static Priority now() {
      try {
        String stat = Files.readString(Path.of("/proc/thread-self/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return new Priority(Integer.parseInt(fields[NICE_AFTER_NAME]), PatientThreads.sliceNanos());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
