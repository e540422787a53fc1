package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: the virtual machine tells by itself that its heap is full after a collection. */
@Timeout(120)
class HeapPressureTest {

  private final Map<MemoryPoolMXBean, Long> before = new LinkedHashMap<>();

  @BeforeEach
  void remember() {
    ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(MemoryPoolMXBean::isCollectionUsageThresholdSupported)
        .forEach(pool -> before.put(pool, pool.getCollectionUsageThreshold()));
  }

  @AfterEach
  void restore() {
    before.forEach(MemoryPoolMXBean::setCollectionUsageThreshold);
  }

  @Test
  void moreThanTheShareInUseAfterACollectionIsTold() throws Exception {
    Semaphore told = new Semaphore(0);
    try (HeapPressure pressure = HeapPressure.watch(1e-9)) {
      pressure.onHigh(told::release);
      boolean heard = false;
      for (int i = 0; i < 20 && !heard; i++) {
        System.gc();
        heard = told.tryAcquire(5, TimeUnit.SECONDS);
      }
      assertThat(heard).isTrue();
      assertThat(pressure.isHigh()).isTrue();
    }
  }

  @Test
  void lessThanTheShareIsNot() {
    try (HeapPressure pressure = HeapPressure.watch(0.999)) {
      System.gc();
      assertThat(pressure.isHigh()).isFalse();
    }
  }
}
