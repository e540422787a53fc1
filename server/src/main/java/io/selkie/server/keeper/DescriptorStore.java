package io.selkie.server.keeper;

import io.selkie.posix.NotifyReceiver;
import io.selkie.posix.NotifyReceiver.Message;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * The store of a keeper: descriptors by name, as systemd keeps them (sd_notify(3)). Messages that
 * it does not understand leave nothing behind. Used by one thread.
 */
final class DescriptorStore implements AutoCloseable {

  private final int capacity;
  private final IntConsumer closer;
  private final Map<String, Integer> byName = new LinkedHashMap<>();

  DescriptorStore(int capacity) {
    this(capacity, NotifyReceiver::close);
  }

  /** One whose descriptors are closed in another way. */
  DescriptorStore(int capacity, IntConsumer closer) {
    this.capacity = capacity;
    this.closer = closer;
  }

  /**
   * A message came.
   *
   * @return why it was not followed; empty when it was
   */
  Optional<String> on(Message message) {
    Map<String, String> values = new LinkedHashMap<>();
    for (String line : message.text().split("\n", -1)) {
      int equals = line.indexOf('=');
      if (equals > 0) {
        values.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    String name = values.getOrDefault("FDNAME", "");
    if (values.containsKey("FDSTORE") && message.descriptors().size() == 1) {
      if (KeptName.parse(name).isPresent()
          && byName.size() < capacity
          && !byName.containsKey(name)) {
        byName.put(name, message.descriptors().getFirst());
        return Optional.empty();
      }
      message.descriptors().forEach(closer::accept);
      return Optional.of("not kept: '" + name + "', " + byName.size() + " are");
    }
    // Of a barrier, too: that it is closed is the answer.
    message.descriptors().forEach(closer::accept);
    if (values.containsKey("FDSTOREREMOVE")) {
      Integer fd = byName.remove(name);
      if (fd == null) {
        return Optional.of("not there: '" + name + "'");
      }
      closer.accept(fd);
      return Optional.empty();
    }
    return values.containsKey("BARRIER")
        ? Optional.empty()
        : Optional.of("not understood: " + message.text());
  }

  int size() {
    return byName.size();
  }

  /** How long the longest of them is to be kept when its server is dead. */
  long holdMillis() {
    return byName.keySet().stream()
        .flatMap(name -> KeptName.parse(name).stream())
        .mapToLong(name -> name.hold().toMillis())
        .max()
        .orElse(0);
  }

  @Override
  public void close() {
    byName.values().forEach(closer::accept);
    byName.clear();
  }
}
