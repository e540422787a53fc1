package io.selkie.layout.block;

import io.selkie.lease.ScsiUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongSupplier;

/**
 * Which client has which key at which disk. A client has one key for each disk; a key that was
 * fenced is never good again, and for as long as its client may not have heard of that, it gets no
 * other: with a new one it would reach the disk, believing that it still has what it has lost.
 *
 * <p>Safe for use by several threads.
 */
final class ScsiKeys {

  private record Place(long clientId, ScsiUnit unit) {}

  private final LongSupplier numbers;
  private final ScsiKey.Means means;
  private final Map<Place, ScsiKey> byPlace = new HashMap<>();
  private final Map<Long, ScsiKey> byNumber = new HashMap<>();

  /**
   * None yet.
   *
   * @param numbers of keys, none of them twice; 0 when there are no more
   */
  ScsiKeys(LongSupplier numbers, ScsiKey.Means means) {
    this.numbers = numbers;
    this.means = means;
  }

  /** The client's key; empty while a fence of it is not long over, and when there are no more. */
  synchronized Optional<ScsiKey> of(long clientId, ScsiUnit unit) {
    var place = new Place(clientId, unit);
    ScsiKey key = byPlace.get(place);
    if (key == null) {
      long number = numbers.getAsLong();
      if (number == 0) {
        return Optional.empty();
      }
      key = new ScsiKey(unit, number, clientId, means);
      byPlace.put(place, key);
      byNumber.put(number, key);
    }
    return key.grant() ? Optional.of(key) : Optional.empty();
  }

  /** The key of a number, for the client that has it; empty when it may not be told of it. */
  Optional<ScsiKey> tell(long clientId, long number) {
    ScsiKey key;
    synchronized (this) {
      key = byNumber.get(number);
    }
    return Optional.ofNullable(key).filter(one -> one.clientId() == clientId).filter(ScsiKey::tell);
  }

  /**
   * Fences a client at a disk, whatever key it has there by now; it gets another in time.
   *
   * @return complete when the disk refuses it
   */
  CompletionStage<Void> fence(long clientId, ScsiUnit unit) {
    ScsiKey key;
    synchronized (this) {
      key = byPlace.get(new Place(clientId, unit));
    }
    if (key == null) {
      // Every key that it had is dead, or it would be known here.
      return CompletableFuture.completedStage(null);
    }
    boolean first = key.isGood();
    CompletionStage<Void> fenced = key.fence();
    if (first) {
      var _ = fenced.thenRun(() -> means.timers().schedule(means.expiryNanos(), () -> forget(key)));
    }
    return fenced;
  }

  /** Fences all of a client that is gone; what is left of it here goes with that. */
  void clientGone(long clientId) {
    List<ScsiKey> keys = new ArrayList<>();
    synchronized (this) {
      byPlace.values().stream().filter(key -> key.clientId() == clientId).forEach(keys::add);
    }
    for (ScsiKey key : keys) {
      var _ = key.fence().thenRun(() -> forget(key));
    }
  }

  /** Keys that are known. */
  synchronized int size() {
    return byNumber.size();
  }

  private synchronized void forget(ScsiKey key) {
    byNumber.remove(key.number(), key);
    byPlace.remove(new Place(key.clientId(), key.unit()), key);
  }
}
