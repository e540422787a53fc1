package io.selkie.test.bench;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.rpc.AuthSys;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.HdrHistogram.Histogram;

/**
 * One server under measurement, with its connections: each a client, a session and an open file of
 * its own, and a thread. Not safe for use by several threads.
 */
final class NfsContestant implements AutoCloseable {

  private static final long GRACE_SECONDS = 60;

  private final String name;
  private final OptionalLong pid;
  private final NanoClock clock;
  private final List<NfsLoadSession> sessions = new ArrayList<>();
  private final List<NfsLoadSession.OpenedFile> files = new ArrayList<>();
  private final List<NfsLoad> loads = new ArrayList<>();
  private final ExecutorService threads;

  /**
   * How a server is used.
   *
   * @param connections clients at a time
   * @param slots requests under way on each
   * @param fileBytes of each client's file
   */
  record Shape(int connections, int slots, long fileBytes) {}

  private Preparation preparation = () -> {};

  /** What is to be done to the server before it is this contestant's turn. */
  @FunctionalInterface
  interface Preparation {
    /** Once for each run. */
    void run() throws IOException;
  }

  private NfsContestant(String name, OptionalLong pid, NanoClock clock, int connections) {
    this.name = name;
    this.pid = pid;
    this.clock = clock;
    this.threads =
        Executors.newFixedThreadPool(
            connections, Thread.ofPlatform().name("load-" + name + "-", 0).daemon().factory());
  }

  /**
   * Connects to a server.
   *
   * @param pid the server's process if it is on this machine, for the processor time it takes
   * @param directory names from the server's root to a directory that can be written
   * @param credential of the user that asks
   */
  static NfsContestant connect(
      String name,
      InetSocketAddress address,
      OptionalLong pid,
      List<String> directory,
      AuthSys credential,
      Shape shape,
      NanoClock clock)
      throws IOException, InterruptedException {
    NfsContestant contestant = new NfsContestant(name, pid, clock, shape.connections());
    try {
      // On its own thread, so that a server that does not answer is noticed.
      contestant.await(
          contestant.threads.submit(() -> {
            contestant.connect(address, directory, credential, shape);
            return 0L;
          }),
          GRACE_SECONDS);
      return contestant;
    } catch (IOException | InterruptedException | RuntimeException e) {
      contestant.threads.shutdownNow();
      for (NfsLoadSession session : contestant.sessions) {
        session.abandon();
      }
      throw e;
    }
  }

  private void connect(
      InetSocketAddress address, List<String> directory, AuthSys credential, Shape shape)
      throws IOException {
    int dataMax = NfsWorkload.WRITE_1M.dataBytes();
    for (int i = 0; i < shape.connections(); i++) {
      NfsLoadSession session =
          NfsLoadSession.connect(
              address,
              "selkie-bench-%s-%d-%d".formatted(name, ProcessHandle.current().pid(), i),
              credential,
              shape.slots(),
              dataMax);
      sessions.add(session);
      NfsLoadSession.OpenedFile file = session.open(directory, "bench-data-" + i, "owner");
      files.add(file);
      loads.add(new NfsLoad(session, file, shape.fileBytes(), dataMax, clock, i + 1L));
    }
  }

  String name() {
    return name;
  }

  /** Does this before each run from now on. */
  NfsContestant prepared(Preparation before) {
    preparation = before;
    return this;
  }

  /** Writes all files full. */
  void fill() throws IOException, InterruptedException {
    for (NfsLoad load : loads) {
      await(
          threads.submit(() -> {
            load.fill();
            return 0L;
          }),
          GRACE_SECONDS);
    }
  }

  /**
   * What a while under load gave.
   *
   * @param cpuMicros processor time of the server for each operation; NaN when it cannot be known
   */
  record Outcome(double operationsPerSecond, double cpuMicros, Histogram latencies) {}

  /** Puts load on all connections for so long. */
  Outcome run(NfsWorkload workload, double seconds) throws IOException, InterruptedException {
    preparation.run();
    long nanos = (long) (seconds * 1e9);
    long until = clock.nanoTime() + nanos;
    List<Histogram> histograms = new ArrayList<>();
    List<Future<Long>> running = new ArrayList<>();
    double cpuBefore = cpuSeconds();
    for (NfsLoad load : loads) {
      Histogram histogram = Latency.histogram();
      histograms.add(histogram);
      running.add(threads.submit(() -> load.run(workload, until, histogram)));
    }
    long operations = 0;
    for (Future<Long> load : running) {
      operations += await(load, seconds + GRACE_SECONDS);
    }
    Histogram all = Latency.histogram();
    histograms.forEach(all::add);
    double cpu = cpuSeconds() - cpuBefore;
    return new Outcome(operations / seconds, cpu * 1e6 / all.getTotalCount(), all);
  }

  /** Processor time of the server so far, user's and kernel's together. */
  private double cpuSeconds() {
    return pid.isEmpty()
        ? Double.NaN
        : ProcessHandle.of(pid.getAsLong())
            .flatMap(process -> process.info().totalCpuDuration())
            .map(spent -> spent.toNanos() / 1e9)
            .orElse(Double.NaN);
  }

  private long await(Future<Long> work, double seconds) throws IOException, InterruptedException {
    try {
      return work.get((long) seconds, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new IOException(name + ": " + e.getCause().getMessage(), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException(name + " does not answer any more", e);
    }
  }

  @Override
  public void close() throws IOException {
    threads.shutdownNow();
    for (int i = 0; i < sessions.size(); i++) {
      try (NfsLoadSession session = sessions.get(i)) {
        if (i < files.size()) {
          session.close(files.get(i));
        }
      }
    }
  }
}
