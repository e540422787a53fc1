package io.selkie.test.drill;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.config.time.NanoClock;
import io.selkie.server.admin.AdminClient;
import io.selkie.server.admin.AdminException;
import io.selkie.server.admin.AdminRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The server's events from some moment on. They come as they happen; {@link #catchUp} makes sure
 * that none is missing. Safe for use by several threads.
 *
 * <p>The server tells times of day, the drill measures with a monotonic clock. The two are put
 * together once, at the beginning, by the tightest of some tries. What remains is the time between
 * two looks at a clock in the server: microseconds, more when the machine stalls just then.
 */
final class EventLog implements AutoCloseable {

  private static final int TRIES = 16;
  private static final int EVENTS_MAX = 100_000;

  /** How many of those that were before are looked at again, to find the ones in between. */
  private static final int OVERLAP = 1000;

  private record Key(int life, long number) {}

  private final NanoClock clock;
  private final Path socket;
  private final long zeroNanos;
  private final Consumer<Happening> listener;
  private final TreeMap<Key, Happening> events =
      new TreeMap<>(Comparator.comparingInt(Key::life).thenComparingLong(Key::number));
  private AdminClient following;
  private int life;
  private long before;
  private boolean closed;

  private EventLog(NanoClock clock, InstantSource wall, Path socket, Consumer<Happening> listener) {
    this.clock = clock;
    this.socket = socket;
    this.listener = listener;
    this.zeroNanos = zero(clock, wall);
  }

  /**
   * Begins with what happens from now on.
   *
   * @param listener told of each once, on the thread that reads; must not block
   */
  static EventLog begin(
      NanoClock clock, InstantSource wall, Path socket, Consumer<Happening> listener)
      throws IOException {
    EventLog log = new EventLog(clock, wall, socket, listener);
    log.follow(true);
    return log;
  }

  private static long zero(NanoClock clock, InstantSource wall) {
    long best = 0;
    long width = Long.MAX_VALUE;
    for (int i = 0; i < TRIES; i++) {
      long first = clock.nanoTime();
      Instant now = wall.instant();
      long last = clock.nanoTime();
      if (last - first < width) {
        width = last - first;
        best = first + width / 2 - now.getEpochSecond() * 1_000_000_000L - now.getNano();
      }
    }
    return best;
  }

  /** The server was started again: its numbers begin anew. */
  void serverStarted() throws IOException {
    synchronized (this) {
      life++;
      before = -1;
    }
    follow(false);
  }

  private void follow(boolean skipWhatWas) throws IOException {
    if (skipWhatWas) {
      List<JsonNode> last = new ArrayList<>();
      try (AdminClient client = AdminClient.connect(socket)) {
        var _ = Admin.ask(client, AdminRequest.of("events", Map.of(), List.of(), 1), last::add);
      } catch (AdminException e) {
        throw new IOException("events of the server at " + socket + ": " + e.getMessage(), e);
      }
      synchronized (this) {
        before = last.isEmpty() ? -1 : last.getLast().path("number").asLong();
      }
    }
    AdminClient client = AdminClient.connect(socket);
    int now;
    synchronized (this) {
      following = client;
      now = life;
    }
    Thread.ofPlatform().daemon().name("drill events").start(() -> read(client, now));
  }

  private void read(AdminClient client, int ofLife) {
    AdminRequest request =
        AdminRequest.of("events", Map.of("action", "follow"), List.of(), OVERLAP);
    try (client) {
      var _ = Admin.ask(client, request, row -> take(row, ofLife));
    } catch (IOException | AdminException _) {
      // The server ended or the drill did. What is missing then, catchUp brings or nobody can.
    }
  }

  private void take(JsonNode row, int ofLife) {
    Happening event = Happening.of(row, ofLife, zeroNanos);
    synchronized (this) {
      if (events.size() >= EVENTS_MAX
          || (ofLife == life && event.number() <= before)
          || events.putIfAbsent(new Key(ofLife, event.number()), event) != null) {
        return;
      }
      notifyAll();
    }
    listener.accept(event);
  }

  /** Asks for all that the server knows, so that nothing that has happened is missing. */
  void catchUp() throws IOException {
    int now;
    synchronized (this) {
      now = life;
    }
    for (JsonNode row : new Admin(socket).list("events", Map.of())) {
      take(row, now);
    }
  }

  /** All so far, in their order. */
  synchronized List<Happening> all() {
    return List.copyOf(events.values());
  }

  /**
   * Waits for one.
   *
   * @return empty when there was none until then
   */
  synchronized Optional<Happening> await(Predicate<Happening> wanted, long deadlineNanos)
      throws InterruptedException {
    while (!closed) {
      Optional<Happening> found = events.values().stream().filter(wanted).findFirst();
      long left = deadlineNanos - clock.nanoTime();
      if (found.isPresent() || left <= 0) {
        return found;
      }
      wait(Math.max(1, left / 1_000_000));
    }
    return Optional.empty();
  }

  @Override
  public void close() throws IOException {
    AdminClient client;
    synchronized (this) {
      closed = true;
      client = following;
      notifyAll();
    }
    client.close();
  }
}
