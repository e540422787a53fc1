package io.selkie.lease;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.MapFlags;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A kernel that says of every file that it is in DAX state and grants MAP_SYNC, and counts calls by
 * name. Everything else is the real one's, so mappings are of the page cache.
 */
final class PretendedDax {
  private final Map<String, Integer> counts = new ConcurrentHashMap<>();

  /** On another kernel. */
  Kernel on(Kernel real) {
    return on(real, true);
  }

  /** The same that pretends nothing. */
  Kernel countingOnly(Kernel real) {
    return on(real, false);
  }

  private Kernel on(Kernel real, boolean pretend) {
    return (Kernel)
        Proxy.newProxyInstance(
            PretendedDax.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, method, arguments) -> {
              counts.merge(method.getName(), 1, Integer::sum);
              Object[] passed = arguments == null ? null : arguments.clone();
              if (pretend
                  && method.getName().equals("mmap")
                  && ((int) passed[4] & MapFlags.SYNC) != 0) {
                passed[4] = MapFlags.SHARED;
              }
              Object result;
              try {
                result = method.invoke(real, passed);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
              if (pretend
                  && method.getName().equals("statx")
                  && passed[4] instanceof FileStatus status) {
                status.attributes(status.attributes() | FileStatus.ATTRIBUTE_DAX);
                status.attributesMask(status.attributesMask() | FileStatus.ATTRIBUTE_DAX);
              }
              return result;
            });
  }

  /** How often a method of {@link Kernel} was called since {@link #forget}. */
  int count(String method) {
    return counts.getOrDefault(method, 0);
  }

  /** Begins to count anew. */
  void forget() {
    counts.clear();
  }
}
