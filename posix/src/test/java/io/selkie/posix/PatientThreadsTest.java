package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: the kernel knows of a thread that is patient, and of no other. */
@Timeout(120)
class PatientThreadsTest {

  @Test
  void threadOfAPatientFactoryHasALongSlice() throws Exception {
    long before = PatientThreads.sliceNanos();
    assumeThat(before).as("this kernel has slices (6.12)").isPositive();
    CompletableFuture<Long> slice = new CompletableFuture<>();
    PatientThreads.of(Thread.ofPlatform().daemon().factory())
        .newThread(() -> slice.complete(PatientThreads.sliceNanos()))
        .start();
    assertThat(slice.get(60, TimeUnit.SECONDS))
        .isEqualTo(TimeUnit.MILLISECONDS.toNanos(100))
        .isGreaterThan(before);
    assertThat(PatientThreads.sliceNanos()).as("this thread is as it was").isEqualTo(before);
  }
}
