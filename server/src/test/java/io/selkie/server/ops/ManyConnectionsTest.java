package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.server.metrics.Metric;
import java.net.Socket;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: 5,000 connections cost little, whether they say nothing or each is a client with a session,
 * and nobody else notices them.
 */
@Tag("slow")
@Timeout(300)
class ManyConnectionsTest {

  private static final int CONNECTIONS = 5000;
  private static final int AT_WORK = 16;

  private static long usedHeapBytes() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  @Test
  void idleConnectionsAreCheap() throws Exception {
    String settings = "maxConnections: 6000, idleHandshakeMillis: 600000";
    List<Socket> idle = new ArrayList<>();
    try (RestartingServer server = new RestartingServer(settings)) {
      Files.write(server.export().resolve("file"), new byte[10]);
      FileCalls client = server.client("works");
      byte[] root = client.handleOf("data");
      long alone = Latencies.p99Nanos(() -> client.attributes(root));
      long before = usedHeapBytes();
      for (int i = 0; i < CONNECTIONS; i++) {
        idle.add(
            new Socket(
                server.server().nfsAddress().getAddress(), server.server().nfsAddress().getPort()));
      }
      // Accepted are they in order: when a later one is served, they are there.
      server.client("last").attributes(root);
      long perConnection = (usedHeapBytes() - before) / CONNECTIONS;
      long among = Latencies.p99Nanos(() -> client.attributes(root));
      System.out.printf(
          "%d idle connections: %d bytes of heap each, both ends; 99th percentile of a call %d us,"
              + " before %d%n",
          CONNECTIONS,
          perConnection,
          TimeUnit.NANOSECONDS.toMicros(among),
          TimeUnit.NANOSECONDS.toMicros(alone));
      assertThat(perConnection).isLessThan(32 * 1024);
      Latencies.assertBounded("a call among them", alone, among);
      assertThat(server.server().metrics().values().toString())
          .as(Metric.CONNECTIONS.toString())
          .contains(String.valueOf(CONNECTIONS + 2));
    } finally {
      for (Socket socket : idle) {
        socket.close();
      }
    }
  }

  /** With the default limits, but that all these hosts are one machine. */
  @Test
  void clientOnEachOfThemIsServed() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(AT_WORK);
    try (RestartingServer server = new RestartingServer("maxClientsPerHost: 8192")) {
      FileCalls client = server.client("works");
      byte[] root = client.handleOf("data");
      long alone = Latencies.p99Nanos(() -> client.attributes(root));
      long before = usedHeapBytes();
      List<Future<?>> working = new ArrayList<>();
      for (int i = 0; i < CONNECTIONS; i++) {
        String owner = "one of many " + i;
        working.add(
            threads.submit(() -> {
              server.client(owner).attributes(root);
              return null;
            }));
      }
      for (Future<?> one : working) {
        one.get(200, TimeUnit.SECONDS);
      }
      long perClient = (usedHeapBytes() - before) / CONNECTIONS;
      long among = Latencies.p99Nanos(() -> client.attributes(root));
      System.out.printf(
          "%d clients with a session each: %d bytes of heap each, both ends; 99th percentile of a"
              + " call %d us, before %d%n",
          CONNECTIONS,
          perClient,
          TimeUnit.NANOSECONDS.toMicros(among),
          TimeUnit.NANOSECONDS.toMicros(alone));
      assertThat(server.server().sessions().clients()).hasSize(CONNECTIONS + 1);
      assertThat(perClient).isLessThan(64 * 1024);
      Latencies.assertBounded("a call among them", alone, among);
    } finally {
      threads.shutdownNow();
    }
  }
}
