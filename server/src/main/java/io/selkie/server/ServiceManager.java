package io.selkie.server;

import io.selkie.config.time.Timers;
import io.selkie.posix.NotifySocket;
import io.selkie.posix.PosixException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The service manager that started this process, if it wants to hear of it (systemd, {@code
 * Type=notify}): told when the server is ready and when it stops, and again and again that it is
 * sound. Without one nothing is said. Safe for use by several threads.
 */
final class ServiceManager {

  private static final Logger LOG = LoggerFactory.getLogger(ServiceManager.class);

  private final Optional<NotifySocket> socket;
  private final long watchdogNanos;

  private ServiceManager(Optional<NotifySocket> socket, long watchdogNanos) {
    this.socket = socket;
    this.watchdogNanos = watchdogNanos;
  }

  /** The one that a process of these environment variables and this id has. */
  static ServiceManager of(Map<String, String> environment, long pid) {
    String address = environment.getOrDefault("NOTIFY_SOCKET", "");
    if (address.isEmpty()) {
      return new ServiceManager(Optional.empty(), 0);
    }
    try {
      return new ServiceManager(
          Optional.of(new NotifySocket(address)), watchdogNanos(environment, pid));
    } catch (PosixException e) {
      LOG.warn("the service manager is not told of this server: {}", e.getMessage());
      return new ServiceManager(Optional.empty(), 0);
    }
  }

  /** How long it waits for a sign of life; 0 when it does not. */
  private static long watchdogNanos(Map<String, String> environment, long pid) {
    try {
      long micros = Long.parseLong(environment.getOrDefault("WATCHDOG_USEC", "0"));
      long meant = Long.parseLong(environment.getOrDefault("WATCHDOG_PID", Long.toString(pid)));
      return meant == pid ? TimeUnit.MICROSECONDS.toNanos(micros) : 0;
    } catch (NumberFormatException e) {
      LOG.warn("the service manager's watchdog is not understood: {}", e.getMessage());
      return 0;
    }
  }

  /** Clients can come. */
  void ready(String status) {
    send("READY=1\nSTATUS=" + status);
  }

  /**
   * The server ends.
   *
   * @param atMost how long that may take: a service manager that would kill it sooner waits for so
   *     long (systemd 236), one that waits longer by itself does as ever. Who is killed then has
   *     nobody who keeps its leases.
   */
  void stopping(Duration atMost) {
    send(
        "STOPPING=1\nSTATUS=recalling layouts\nEXTEND_TIMEOUT_USEC="
            + TimeUnit.MILLISECONDS.toMicros(atMost.toMillis()));
  }

  /**
   * Gives a sign of life, twice in the time that the watchdog has, for as long as the server is
   * sound. When it is not, or the timers do not run, the service manager ends it and starts another
   * one: the kernel takes what a dead process held (S5).
   *
   * @param timers of the server: recalls hang on them
   */
  void watch(Timers timers, BooleanSupplier sound) {
    if (socket.isEmpty() || watchdogNanos <= 0) {
      return;
    }
    if (sound.getAsBoolean()) {
      sayAlive();
    } else {
      LOG.error("this server is not sound: the service manager's watchdog will restart it");
    }
    timers.schedule(watchdogNanos / 2, () -> watch(timers, sound));
  }

  /** On the thread of the timers, which waits for nobody. */
  private void sayAlive() {
    try {
      socket.orElseThrow().offer("WATCHDOG=1");
    } catch (PosixException e) {
      LOG.warn("the service manager did not hear that this server is sound: {}", e.getMessage());
    }
  }

  private void send(String message) {
    if (socket.isEmpty()) {
      return;
    }
    try {
      socket.get().send(message);
    } catch (PosixException e) {
      LOG.warn("the service manager did not hear '{}': {}", message, e.getMessage());
    }
  }
}
