package io.selkie.server.identity;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.NameService.UnavailableException;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/**
 * Answers of a name service, kept for a while: what is there, and also that something is not there.
 * The service is asked on threads of its own, once at a time about the same; while it is asked
 * again an old answer still counts, and if it cannot be asked the old answer goes on counting. Safe
 * for use by several threads.
 *
 * @param <K> what is asked about
 * @param <V> the answer
 */
final class Lookups<K, V> {

  static final int KEPT_MAX = 16_384;

  /** How many go at once when it is full, so that not each answer looks for old ones. */
  private static final int ROOM = 64;

  /** Asks; may block. */
  @FunctionalInterface
  interface Service<K, V> {
    Optional<V> ask(K key) throws UnavailableException;
  }

  private record Known<V>(Optional<V> answer, long untilNanos) {}

  private final Service<K, V> service;
  private final Executor threads;
  private final NanoClock clock;
  private final long keepNanos;
  private final ConcurrentHashMap<K, Known<V>> known = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<K, CompletableFuture<Optional<V>>> asking =
      new ConcurrentHashMap<>();

  /**
   * With nothing known.
   *
   * @param keepNanos how long an answer counts
   */
  Lookups(Service<K, V> service, Executor threads, NanoClock clock, long keepNanos) {
    this.service = service;
    this.threads = threads;
    this.clock = clock;
    this.keepNanos = keepNanos;
  }

  /** What is known now, null when nothing is; what is old is asked about in passing. */
  Optional<V> known(K key) {
    Known<V> now = known.get(key);
    if (now == null) {
      return null;
    }
    if (clock.nanoTime() - now.untilNanos > 0) {
      ask(key);
    }
    return now.answer;
  }

  /**
   * Asks, or joins who is asking already.
   *
   * @return completes with the answer, exceptionally with {@link UnavailableException}, or with
   *     RejectedExecutionException where too much is being asked already
   */
  CompletableFuture<Optional<V>> ask(K key) {
    CompletableFuture<Optional<V>> mine = new CompletableFuture<>();
    CompletableFuture<Optional<V>> other = asking.putIfAbsent(key, mine);
    if (other != null) {
      return other;
    }
    try {
      threads.execute(() -> ask(key, mine));
    } catch (RejectedExecutionException e) {
      asking.remove(key);
      mine.completeExceptionally(e);
    }
    return mine;
  }

  private void ask(K key, CompletableFuture<Optional<V>> mine) {
    try {
      Optional<V> answer = service.ask(key);
      keep(key, answer);
      asking.remove(key);
      mine.complete(answer);
    } catch (UnavailableException | RuntimeException e) {
      asking.remove(key);
      mine.completeExceptionally(e);
    }
  }

  private void keep(K key, Optional<V> answer) {
    long now = clock.nanoTime();
    if (known.size() >= KEPT_MAX && !known.containsKey(key)) {
      known.values().removeIf(old -> now - old.untilNanos > 0);
      makeRoom();
    }
    known.put(key, new Known<>(answer, now + keepNanos));
  }

  /**
   * Where all are young somebody asks about very many: a few go, whichever come first, so that the
   * others' answers stay. What is needed is asked about again.
   */
  private void makeRoom() {
    Iterator<K> keys = known.keySet().iterator();
    while (known.size() > KEPT_MAX - ROOM && keys.hasNext()) {
      keys.next();
      keys.remove();
    }
  }
}
