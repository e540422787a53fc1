package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Goal: a signal that comes too late for its waiter does not end the process (this one). */
class LateSignalTest {

  @Test
  void threadMayEndWithASignalPending() throws InterruptedException {
    var kernel = new LinuxKernel();
    int signal = kernel.firstRealTimeSignal();
    var sent = new AtomicInteger(-1);
    Thread waiter =
        Thread.ofPlatform()
            .start(() -> {
              if (kernel.blockSignals(signal) == 0) {
                sent.set(kernel.signalThread(kernel.gettid(), signal));
              }
            });
    waiter.join();
    assertThat(sent.get()).isZero();
  }
}
