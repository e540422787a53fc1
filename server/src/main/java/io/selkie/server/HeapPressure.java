package io.selkie.server;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryNotificationInfo;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.management.ListenerNotFoundException;
import javax.management.Notification;
import javax.management.NotificationEmitter;
import javax.management.NotificationListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The heap of this process: how full its old part is after a collection, which tells what is in use
 * and not what is garbage. The virtual machine says so by itself; nothing polls. The threshold is
 * one for the whole process and stays when this is closed. Safe for use by several threads.
 */
final class HeapPressure implements MemoryPressure, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HeapPressure.class);

  private final List<MemoryPoolMXBean> pools;
  private final NotificationEmitter emitter =
      (NotificationEmitter) ManagementFactory.getMemoryMXBean();
  private final NotificationListener hears = this::hear;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();

  private HeapPressure(List<MemoryPoolMXBean> pools) {
    this.pools = pools;
  }

  /**
   * Watches from now on.
   *
   * @param share of what there may be at most, from which on it is high; between 0 and 1
   */
  static HeapPressure watch(double share) {
    List<MemoryPoolMXBean> pools =
        ManagementFactory.getMemoryPoolMXBeans().stream().filter(HeapPressure::isOld).toList();
    for (MemoryPoolMXBean pool : pools) {
      long max = pool.getUsage().getMax();
      long most = max < 0 ? Runtime.getRuntime().maxMemory() : max;
      pool.setCollectionUsageThreshold(Math.max(1, (long) (most * share)));
    }
    if (pools.isEmpty()) {
      LOG.warn(
          "this collector does not tell how full the heap is: clients are asked to give layouts and"
              + " delegations back by their number alone");
    }
    HeapPressure pressure = new HeapPressure(pools);
    pressure.emitter.addNotificationListener(pressure.hears, null, null);
    return pressure;
  }

  /** What survives: the young parts are emptied by each collection and say nothing. */
  private static boolean isOld(MemoryPoolMXBean pool) {
    return pool.getType() == MemoryType.HEAP
        && pool.isCollectionUsageThresholdSupported()
        && !pool.getName().contains("Eden")
        && !pool.getName().contains("Survivor")
        && !pool.getName().contains("Young");
  }

  private void hear(Notification notification, Object handback) {
    if (notification
        .getType()
        .equals(MemoryNotificationInfo.MEMORY_COLLECTION_THRESHOLD_EXCEEDED)) {
      listeners.forEach(Runnable::run);
    }
  }

  @Override
  public boolean isHigh() {
    return pools.stream().anyMatch(MemoryPoolMXBean::isCollectionUsageThresholdExceeded);
  }

  @Override
  public void onHigh(Runnable listener) {
    listeners.add(listener);
  }

  /** Tells nobody any more. */
  @Override
  public void close() {
    listeners.clear();
    try {
      emitter.removeNotificationListener(hears);
    } catch (ListenerNotFoundException e) {
      LOG.debug("closed twice", e);
    }
  }
}
