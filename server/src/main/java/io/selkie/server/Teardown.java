package io.selkie.server;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Closes parts in the reverse order of their making; one that fails does not keep the others. */
final class Teardown implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Teardown.class);

  private final Deque<AutoCloseable> parts = new ArrayDeque<>();

  /** Takes a part to be closed before all those taken earlier; returns it. */
  synchronized <T extends AutoCloseable> T later(T part) {
    parts.push(part);
    return part;
  }

  @Override
  public void close() {
    while (true) {
      AutoCloseable part;
      synchronized (this) {
        part = parts.poll();
      }
      if (part == null) {
        return;
      }
      try {
        part.close();
      } catch (Exception e) {
        LOG.error("closing {}", part.getClass().getSimpleName(), e);
        if (e instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }
}
