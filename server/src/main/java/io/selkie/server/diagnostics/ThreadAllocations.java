package io.selkie.server.diagnostics;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.SortedMap;
import java.util.TreeMap;

/** Bytes that the threads alive have allocated, by what their names have in common. */
final class ThreadAllocations {

  private ThreadAllocations() {}

  /** By group: {@code nfs-worker-3} counts for {@code nfs-worker}. */
  static SortedMap<String, Long> byGroup() {
    SortedMap<String, Long> groups = new TreeMap<>();
    if (!(ManagementFactory.getThreadMXBean() instanceof ThreadMXBean threads)
        || !threads.isThreadAllocatedMemorySupported()) {
      return groups;
    }
    long[] ids = threads.getAllThreadIds();
    long[] allocated = threads.getThreadAllocatedBytes(ids);
    ThreadInfo[] infos = threads.getThreadInfo(ids);
    for (int i = 0; i < ids.length; i++) {
      // A thread that ended in between has no information any more.
      if (infos[i] != null && allocated[i] >= 0) {
        groups.merge(group(infos[i].getThreadName()), allocated[i], Long::sum);
      }
    }
    return groups;
  }

  static String group(String name) {
    int end = name.length();
    while (end > 0 && !Character.isLetter(name.charAt(end - 1))) {
      end--;
    }
    return end == 0 ? name : name.substring(0, end);
  }
}
