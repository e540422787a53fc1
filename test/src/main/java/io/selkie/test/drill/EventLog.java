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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
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

  /** So many of the scenario are kept. */
  static final int EVENTS_MAX = 100_000;

  /** How many of those that were before are looked at again, to find the ones in between. */
  private static final int OVERLAP = 1000;

  private record Key(int life, long number) {}

  private final Path socket;
  private final long zeroNanos;
  private final Predicate<Happening> isWanted;
  private final int eventsMax;
  private final Consumer<Happening> listener;
  private final TreeMap<Key, Happening> events =
      new TreeMap<>(Comparator.comparingInt(Key::life).thenComparingLong(Key::number));
  private AdminClient following;
  private int life;
  private long before;
  private boolean closed;
  private boolean hasUntold;

  private EventLog(
      long zeroNanos,
      Path socket,
      Predicate<Happening> isWanted,
      int eventsMax,
      Consumer<Happening> listener) {
    this.socket = socket;
    this.isWanted = isWanted;
    this.eventsMax = eventsMax;
    this.listener = listener;
    this.zeroNanos = zeroNanos;
  }

  /**
   * Begins with what happens from now on.
   *
   * @param isWanted what of it is kept: others use a server that runs, too
   * @param eventsMax how many are
   * @param listener told of each once, on the thread that reads; must not block
   */
  static EventLog begin(
      NanoClock clock,
      InstantSource wall,
      Path socket,
      Predicate<Happening> isWanted,
      int eventsMax,
      Consumer<Happening> listener)
      throws IOException {
    EventLog log = new EventLog(zero(clock, wall), socket, isWanted, eventsMax, listener);
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
    if (!isWanted.test(event)) {
      return;
    }
    Key key = new Key(ofLife, event.number());
    synchronized (this) {
      if ((ofLife == life && event.number() <= before) || events.containsKey(key)) {
        return;
      }
      if (events.size() >= eventsMax) {
        hasUntold = true;
        return;
      }
      events.put(key, event);
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

  /** Whether there were more than are kept. */
  synchronized boolean hasUntold() {
    return hasUntold;
  }

  /**
   * Waits for one, until it comes or the log is closed.
   *
   * @return empty when the log was closed
   */
  synchronized Optional<Happening> await(Predicate<Happening> wanted) throws InterruptedException {
    while (!closed) {
      Optional<Happening> found = events.values().stream().filter(wanted).findFirst();
      if (found.isPresent()) {
        return found;
      }
      wait();
    }
    return Optional.empty();
  }

  /**
   * Waits until the end of each break that was seen was told, or for so long: whoever breaks a
   * lease goes on in the moment in which it is given up, and the server tells of that a moment
   * later.
   */
  synchronized void awaitReleases(NanoClock clock, long millis) throws InterruptedException {
    long end = clock.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    long left = millis;
    while (!closed && left > 0 && isAnyBreakOpen()) {
      wait(left);
      left = TimeUnit.NANOSECONDS.toMillis(end - clock.nanoTime());
    }
  }

  /** Of the server that runs now; with one that has ended all its breaks are over. */
  private boolean isAnyBreakOpen() {
    Set<Long> open = new HashSet<>();
    for (Happening event : events.values()) {
      if (event.life() == life && event.event().equals("break_seen")) {
        open.add(event.recall());
      } else if (event.life() == life && event.event().equals("seal_released")) {
        open.remove(event.recall());
      }
    }
    return !open.isEmpty();
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
