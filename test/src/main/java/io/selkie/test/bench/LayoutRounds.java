package io.selkie.test.bench;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.config.time.NanoClock;
import io.selkie.test.bench.BenchReport.Bound;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.HdrHistogram.Histogram;

/** How fast layouts are granted and recalled, and what they weigh. */
final class LayoutRounds {

  private static final int FILE_BYTES = 4096;
  private static final int THREADS = 8;
  private static final int RATE_FILES_MAX = 1000;
  private static final int RATE_ROUNDS = 5;
  private static final int RECALL_FILES = 16;
  private static final int RECALL_WARM_UPS = 100;
  private static final double LAYOUTS_UNIT = 10_000;

  private final NanoClock clock;
  private final Meter meter;
  private final Bench.Wishes wishes;
  private final BenchTarget target;
  private final Consumer<String> progress;

  LayoutRounds(
      NanoClock clock, Bench.Wishes wishes, BenchTarget target, Consumer<String> progress) {
    this.clock = clock;
    this.meter = new Meter(clock);
    this.wishes = wishes;
    this.target = target;
    this.progress = progress;
  }

  void run(BenchReport report) throws Exception {
    rate(report);
    recalls(report);
    heap(report);
  }

  // ---- rate ----

  private void rate(BenchReport report) throws Exception {
    progress.accept("layouts a second");
    if (target.local().isEmpty()) {
      report.leaveOut("layoutget_per_s", "needs --local-dir to make many files quickly");
      return;
    }
    List<String> names = makeFiles("rate", Math.clamp(wishes.layouts(), 16, RATE_FILES_MAX));
    Series rate = new Series("layoutget_per_s");
    try (SelkieClient client = connect()) {
      for (int round = 0; round <= RATE_ROUNDS; round++) {
        List<DirectFile> files = open(client, names);
        long before = client.counters().get(Counter.LAYOUTS_GRANTED);
        long nanos = meter.nanos(() -> readOneByteOfEach(files));
        long granted = client.counters().get(Counter.LAYOUTS_GRANTED) - before;
        // The first round warms up.
        if (round > 0) {
          rate.add(granted / (nanos / 1e9));
        }
        close(files);
      }
    }
    report.figure("layoutget_per_s", "layouts a second, each with its seal", rate.median());
    report.raw("layoutget_per_s", rate.toJson());
  }

  // ---- recall ----

  private void recalls(BenchReport report) throws Exception {
    if (wishes.recalls() == 0) {
      report.leaveOut("recall_p50_us", "--recalls 0");
      return;
    }
    if (target.local().isEmpty()) {
      report.leaveOut("recall_p50_us", "needs --local-dir: the breaker is a local process");
      return;
    }
    progress.accept("recalls");
    List<String> names = makeFiles("recall", RECALL_FILES);
    Histogram histogram = Latency.histogram();
    Series series = new Series("recall_us");
    try (SelkieClient client = connect();
        Arena arena = Arena.ofShared()) {
      List<DirectFile> files = open(client, names);
      MemorySegment page = arena.allocate(FILE_BYTES);
      for (int i = -RECALL_WARM_UPS; i < wishes.recalls(); i++) {
        int which = Math.floorMod(i, names.size());
        files.get(which).read(page, 0);
        long recallsBefore = client.counters().get(Counter.RECALLS);
        long nanos = breakOf(target.local().get().resolve(names.get(which)));
        if (client.counters().get(Counter.RECALLS) == recallsBefore) {
          throw new IOException("opening " + names.get(which) + " for writing recalled nothing");
        }
        if (i >= 0) {
          Latency.record(histogram, nanos);
          series.add(nanos / 1e3);
        }
      }
      close(files);
    }
    report.figure(
        "recall_p50_us",
        "recall, break to breaker going on, p50, µs",
        histogram.getValueAtPercentile(50) / 1e3,
        Bound.AT_MOST,
        1_000);
    report.figure(
        "recall_p99_us",
        "recall, break to breaker going on, p99, µs",
        histogram.getValueAtPercentile(99) / 1e3,
        Bound.AT_MOST,
        10_000);
    report.raw("recall_us", series.toJson());
  }

  /**
   * Opens the file for writing, as another process than the server, and gives the nanoseconds that
   * the open took: it blocks from the break until the server has given the seal up.
   */
  private long breakOf(Path file) throws IOException {
    long before = clock.nanoTime();
    try (FileChannel opened = FileChannel.open(file, StandardOpenOption.WRITE)) {
      long after = clock.nanoTime();
      if (!opened.isOpen()) {
        throw new IOException(file + " could not be opened");
      }
      return after - before;
    }
  }

  // ---- heap ----

  private void heap(BenchReport report) throws Exception {
    if (wishes.layouts() == 0) {
      report.leaveOut("heap_mib_per_10k_layouts", "--layouts 0");
      return;
    }
    if (target.pid().isEmpty() || target.local().isEmpty()) {
      report.leaveOut("heap_mib_per_10k_layouts", "only with a server of its own");
      return;
    }
    progress.accept(wishes.layouts() + " layouts held");
    long pid = target.pid().getAsLong();
    List<String> names = makeFiles("held", wishes.layouts());
    try (SelkieClient client = connect()) {
      long before = LiveHeap.bytes(pid);
      List<DirectFile> files = open(client, names);
      long opened = LiveHeap.bytes(pid);
      readOneByteOfEach(files);
      long held =
          client.counters().get(Counter.LAYOUTS_GRANTED)
              - client.counters().get(Counter.LAYOUTS_RETURNED);
      if (held < names.size()) {
        throw new IOException("only " + held + " layouts of " + names.size() + " are held");
      }
      long after = LiveHeap.bytes(pid);
      double scale = LAYOUTS_UNIT / names.size() / (1 << 20);
      report.figure(
          "heap_mib_per_10k_layouts",
          "server heap for 10,000 layouts held, MiB",
          (after - before) * scale,
          Bound.AT_MOST,
          64);
      report.figure(
          "heap_mib_per_10k_opens", "of which for 10,000 opens, MiB", (opened - before) * scale);
      report.raw(
          "heap_bytes",
          java.util.Map.of("before", before, "files_open", opened, "layouts_held", after));
      close(files);
    }
  }

  // ---- together ----

  private List<String> makeFiles(String prefix, int count) throws IOException {
    List<String> names = new ArrayList<>(count);
    byte[] content = new byte[FILE_BYTES];
    for (int i = 0; i < count; i++) {
      String name = prefix + "-" + i;
      Files.write(target.local().orElseThrow().resolve(name), content);
      names.add(name);
    }
    return names;
  }

  private List<DirectFile> open(SelkieClient client, List<String> names) throws Exception {
    List<DirectFile> files = new ArrayList<>();
    for (String name : names) {
      files.add(
          client.open(
              target.root() + name,
              DirectMode.REQUIRE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE));
    }
    return files;
  }

  private static void close(List<DirectFile> files) throws Exception {
    inParallel(files, DirectFile::close);
  }

  private static void readOneByteOfEach(List<DirectFile> files) throws Exception {
    try (Arena arena = Arena.ofShared()) {
      inParallel(files, file -> file.read(arena.allocate(1), 0));
    }
  }

  @FunctionalInterface
  private interface FileAction {
    void run(DirectFile file) throws IOException;
  }

  private static void inParallel(List<DirectFile> files, FileAction action) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> parts = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        int first = thread;
        parts.add(
            threads.submit(() -> {
              for (int i = first; i < files.size(); i += THREADS) {
                action.run(files.get(i));
              }
              return null;
            }));
      }
      for (Future<?> part : parts) {
        try {
          part.get();
        } catch (ExecutionException e) {
          throw e.getCause() instanceof IOException io ? io : e;
        }
      }
    }
  }

  private SelkieClient connect() throws IOException {
    return SelkieClient.connect(
        target.nfs().getHostString(), target.nfs().getPort(), ClientOptions.defaults());
  }
}
