package io.selkie.server.session;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/** The clients whose lease is over and who still hold something. Used under the table's lock. */
final class CourteousClients {

  private final Set<ClientRecord> oldestFirst = new LinkedHashSet<>();

  void add(ClientRecord record) {
    oldestFirst.add(record);
  }

  void remove(ClientRecord record) {
    oldestFirst.remove(record);
  }

  /** The one that is here longest, of those that match, or null. */
  ClientRecord oldest(Predicate<ClientRecord> which) {
    for (ClientRecord record : oldestFirst) {
      if (which.test(record)) {
        return record;
      }
    }
    return null;
  }

  List<ClientRecord> all() {
    return new ArrayList<>(oldestFirst);
  }

  int size() {
    return oldestFirst.size();
  }
}
