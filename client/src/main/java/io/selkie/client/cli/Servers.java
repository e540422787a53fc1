package io.selkie.client.cli;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.FallbackReason;
import io.selkie.client.NfsUrl;
import io.selkie.client.SelkieClient;
import java.io.IOException;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** The servers that one command talks to, one client each. Used by one thread. */
final class Servers implements AutoCloseable {
  private final ClientOptions options;
  private final Map<String, SelkieClient> clients = new LinkedHashMap<>();

  Servers(ClientOptions options) {
    this.options = options;
  }

  SelkieClient of(NfsUrl url) throws IOException {
    SelkieClient client = clients.get(url.server());
    if (client == null) {
      client = SelkieClient.connect(url.host(), url.port(), options);
      clients.put(url.server(), client);
    }
    return client;
  }

  /** One line about what did not go one-sided, or null when all did. */
  String fallbackNote() {
    Map<FallbackReason, Long> reasons = new EnumMap<>(FallbackReason.class);
    long bytes = 0;
    for (SelkieClient client : clients.values()) {
      bytes += client.counters().nfsBytes();
      client.counters().fallbacks().forEach((reason, n) -> reasons.merge(reason, n, Long::sum));
    }
    reasons.remove(FallbackReason.MODE_NEVER);
    if (bytes == 0 || reasons.isEmpty()) {
      return null;
    }
    String why =
        reasons.entrySet().stream()
            .map(e -> e.getKey().text() + " (" + e.getValue() + " times)")
            .collect(Collectors.joining("; "));
    return bytes + " bytes went through NFS READ and WRITE, not one-sided: " + why;
  }

  /** Bytes that went one-sided and through the server, for --verbose. */
  String summary() {
    long direct = 0;
    long nfs = 0;
    long queuePairs = 0;
    for (SelkieClient client : clients.values()) {
      direct += client.counters().directBytes();
      nfs += client.counters().nfsBytes();
      queuePairs += client.counters().get(Counter.QUEUE_PAIRS);
    }
    return direct
        + " bytes one-sided over "
        + queuePairs
        + " queue pairs, "
        + nfs
        + " bytes through NFS READ and WRITE";
  }

  @Override
  public void close() throws IOException {
    IOException first = null;
    for (SelkieClient client : clients.values()) {
      try {
        client.close();
      } catch (IOException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    clients.clear();
    if (first != null) {
      throw first;
    }
  }
}
