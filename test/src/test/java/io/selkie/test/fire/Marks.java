package io.selkie.test.fire;

import java.util.concurrent.atomic.AtomicInteger;

/** Numbers of marks, each given once. */
final class Marks {
  private final AtomicInteger last = new AtomicInteger();

  int next() {
    return last.incrementAndGet();
  }
}
