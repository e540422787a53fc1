package io.selkie.server.state;

import java.util.LinkedHashMap;
import java.util.Map;

/** Ids of the last clients that went, remembered for requests of theirs that still run. */
final class GoneClients extends LinkedHashMap<Long, Boolean> {
  private static final int MAX = 4096;

  @Override
  protected boolean removeEldestEntry(Map.Entry<Long, Boolean> eldest) {
    return size() > MAX;
  }
}
