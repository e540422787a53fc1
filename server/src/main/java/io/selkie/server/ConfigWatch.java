package io.selkie.server;

import io.selkie.config.time.Timers;
import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when a file has changed, by the kernel's own events (inotify). The directory is watched,
 * not the file, because editors put a new file in the old one's place; and a writer is let finish:
 * what changes again within {@link #QUIET_MILLIS} is told once.
 */
final class ConfigWatch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ConfigWatch.class);

  /** How long nothing must have happened. */
  static final int QUIET_MILLIS = 300;

  private final Path name;
  private final WatchService service;
  private final Timers timers;
  private final Runnable changed;
  private final AtomicReference<Timers.Timer> quiet = new AtomicReference<>();

  /**
   * Watches from now on.
   *
   * @param changed run on a timer's thread; must not block
   */
  ConfigWatch(Path file, Timers timers, Runnable changed) throws IOException {
    Path absolute = file.toAbsolutePath();
    this.name = absolute.getFileName();
    this.timers = timers;
    this.changed = changed;
    this.service = absolute.getFileSystem().newWatchService();
    try {
      absolute
          .getParent()
          .register(
              service, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
    } catch (IOException | RuntimeException e) {
      service.close();
      throw e;
    }
    Thread.ofPlatform().name("config-watch").daemon().start(this::watch);
  }

  private void watch() {
    try {
      while (true) {
        WatchKey key = service.take();
        for (WatchEvent<?> event : key.pollEvents()) {
          if (event.kind().equals(StandardWatchEventKinds.OVERFLOW)
              || name.equals(event.context())) {
            restart();
          }
        }
        if (!key.reset()) {
          LOG.warn("the directory of {} is gone: its changes are not seen any more", name);
          return;
        }
      }
    } catch (ClosedWatchServiceException _) {
      // The end.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void restart() {
    Timers.Timer next = timers.schedule(TimeUnit.MILLISECONDS.toNanos(QUIET_MILLIS), changed);
    Timers.Timer last = quiet.getAndSet(next);
    if (last != null) {
      last.cancel();
    }
  }

  @Override
  public void close() throws IOException {
    service.close();
    Timers.Timer last = quiet.getAndSet(null);
    if (last != null) {
      last.cancel();
    }
  }
}
