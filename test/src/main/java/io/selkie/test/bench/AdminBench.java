package io.selkie.test.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.config.time.NanoClock;
import io.selkie.posix.PatientThreads;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.server.admin.AdminClient;
import io.selkie.server.admin.AdminException;
import io.selkie.server.admin.AdminRequest;
import io.selkie.test.bench.BenchReport.Bound;
import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.HdrHistogram.Histogram;

/**
 * Lists a server's layouts and asks how long that takes, and what those notice of it who read data
 * meanwhile. In each round each way has its turn, in an order that rotates.
 */
final class AdminBench {

  private static final long FILE_BYTES = 64L << 20;
  private static final int FIRST_SCRAPES = 60;
  private static final int MORE_SCRAPES = 400;
  private static final int LISTINGS_BEFORE = 3;
  private static final long LIST_SECONDS_MAX = 600;

  /** How much to do. */
  record Wishes(int layouts, int files, int clients, int rounds, double seconds) {}

  /** What else goes on while data is read. */
  enum Meanwhile {
    NOTHING("alone"),
    CTL("while listed by the socket"),
    HTTP("while listed by HTTP");

    private final String text;

    Meanwhile(String text) {
      this.text = text;
    }
  }

  private static final List<Meanwhile> WAYS = List.of(Meanwhile.values());

  /** Who reads 4 KiB at a time, one request after the other. */
  private interface Reader {
    Histogram read(double seconds) throws Exception;
  }

  private final NanoClock clock;
  private final ServerProcess server;
  private final Path socket;
  private final Wishes wishes;
  private final Consumer<String> progress;
  private final ExecutorService httpThreads =
      Executors.newSingleThreadExecutor(
          PatientThreads.of(Thread.ofPlatform().name("http").daemon().factory()));
  private final HttpClient http;
  private final byte[] sink = new byte[1 << 17];
  private URI layouts;
  private URI metrics;

  AdminBench(
      NanoClock clock,
      ServerProcess server,
      Path scratch,
      Wishes wishes,
      Consumer<String> progress) {
    this.clock = clock;
    this.server = server;
    this.socket = scratch.resolve("state").resolve("ctl.sock");
    this.wishes = wishes;
    this.progress = progress;
    // The client's own thread, which reads from the connection, is as patient as who makes it.
    this.http =
        CompletableFuture.supplyAsync(
                () -> HttpClient.newBuilder().executor(httpThreads).build(), httpThreads)
            .join();
  }

  void run(BenchReport report) throws Exception {
    String address = status().path("httpAddress").asText();
    layouts = URI.create("http://" + address + "/api/v1/layouts");
    metrics = URI.create("http://" + address + "/metrics");
    scrapes(report);
    try (LayoutFill fill = new LayoutFill();
        SelkieClient client =
            SelkieClient.connect(
                server.nfs().getHostString(), server.nfs().getPort(), ClientOptions.defaults());
        NfsContestant nfs =
            NfsContestant.connect(
                "selkie",
                server.nfs(),
                OptionalLong.empty(),
                List.of(server.exportName()),
                new AuthSys(),
                new NfsContestant.Shape(1, 1, FILE_BYTES),
                clock);
        ExecutorService lister =
            Executors.newSingleThreadExecutor(
                PatientThreads.of(Thread.ofPlatform().name("lister").daemon().factory()))) {
      nfs.fill();
      ClientFile direct = directFile(client);
      long before = clock.nanoTime();
      fill.take(server, wishes, progress);
      long filled = status().path("layouts").asLong();
      report.figure("layouts", "layouts held", (double) filled);
      report.figure("fill_s", "taking them, s", seconds(clock.nanoTime() - before));
      report.figure("resident_mib", "server, resident, MiB", server.residentKib() / 1024.0);
      Map<String, Reader> readers = new LinkedHashMap<>();
      readers.put("nfs_read_4k", duration -> nfs.run(NfsWorkload.READ_4K, duration).latencies());
      readers.put("direct_read_4k", duration -> direct(direct, duration));
      new Rounds(readers, lister, filled).run(report);
      direct.close();
    }
  }

  // ---------------------------------------------------------------- scrapes

  private void scrapes(BenchReport report) throws Exception {
    double first = scrape(FIRST_SCRAPES);
    double second = scrape(MORE_SCRAPES);
    double warm = scrape(MORE_SCRAPES);
    report.figure(
        "scrape_first_cpu_ms",
        "a scrape of the metrics, the first " + FIRST_SCRAPES + ", processor time, ms",
        first,
        Bound.BELOW,
        10);
    report.figure("scrape_next_cpu_ms", "the next " + MORE_SCRAPES + ", ms", second);
    report.figure(
        "scrape_warm_cpu_ms",
        "a scrape once warm, processor time, ms (at 1 Hz: tenths of a percent)",
        warm,
        Bound.BELOW,
        10);
  }

  /** Milliseconds of processor time each; one connection each, as a scraper's after a pause. */
  private double scrape(int times) throws Exception {
    double before = cpuSeconds();
    HttpRequest request =
        HttpRequest.newBuilder(metrics).header("Accept", "text/plain").GET().build();
    for (int i = 0; i < times; i++) {
      HttpResponse<byte[]> answer = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
      if (answer.statusCode() != 200) {
        throw new IOException("/metrics answered " + answer.statusCode());
      }
    }
    return (cpuSeconds() - before) * 1e3 / times;
  }

  private double cpuSeconds() {
    return ProcessHandle.of(server.pid())
        .flatMap(process -> process.info().totalCpuDuration())
        .map(spent -> spent.toNanos() / 1e9)
        .orElse(Double.NaN);
  }

  // ---------------------------------------------------------------- readers

  private ClientFile directFile(SelkieClient client) throws IOException {
    DirectFile file =
        client.open(
            "/" + server.exportName() + "/direct",
            DirectMode.REQUIRE,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE);
    file.setSize(FILE_BYTES);
    ClientFile data = new ClientFile(file, FILE_BYTES, true);
    data.bulkWrite((int) (FILE_BYTES / DataRounds.LARGE_BYTES), DataRounds.LARGE_BYTES, 4);
    return data;
  }

  private Histogram direct(ClientFile file, double duration) throws IOException {
    Histogram histogram = Latency.histogram();
    long before = clock.nanoTime();
    long until = before + (long) (duration * 1e9);
    long offset = 0;
    while (before - until < 0) {
      file.read(offset);
      long after = clock.nanoTime();
      Latency.record(histogram, after - before);
      before = after;
      offset = (offset + 7 * DataRounds.SMALL_BYTES) % (FILE_BYTES - DataRounds.SMALL_BYTES);
    }
    return histogram;
  }

  // ---------------------------------------------------------------- lists

  private JsonNode status() throws IOException, AdminException {
    try (AdminClient client = AdminClient.connect(socket)) {
      return client.ask(AdminRequest.of("status"), new Rows());
    }
  }

  /** Reads and drops them. */
  private static final class Rows implements AdminClient.Reader {
    @Override
    public void row(byte[] json, int offset, int length) {}

    @Override
    public void progress(String text) {}
  }

  /** Lists by the socket, as {@code ctl layouts --json} does; how many rows. */
  private long ctl(Map<String, String> filter) throws IOException, AdminException {
    try (AdminClient client = AdminClient.connect(socket)) {
      JsonNode end = client.ask(AdminRequest.of("layouts", filter, List.of(), 0), new Rows());
      return end.path("rows").asLong();
    }
  }

  /** Lists by HTTP; how many rows. */
  private long http() throws IOException, InterruptedException {
    HttpResponse<InputStream> answer =
        http.send(
            HttpRequest.newBuilder(layouts).GET().build(),
            HttpResponse.BodyHandlers.ofInputStream());
    byte[] tail = new byte[128];
    try (InputStream in = answer.body()) {
      int read;
      while ((read = in.read(sink)) >= 0) {
        int kept = Math.min(read, tail.length);
        System.arraycopy(tail, kept, tail, 0, tail.length - kept);
        System.arraycopy(sink, read - kept, tail, tail.length - kept, kept);
      }
    }
    String end = new String(tail, StandardCharsets.UTF_8);
    int at = end.indexOf("\"done\":{\"rows\":");
    if (answer.statusCode() != 200 || at < 0) {
      throw new IOException("the list did not come to its end: " + end);
    }
    return Long.parseLong(end.substring(at + 15, end.indexOf(',', at)));
  }

  private static double seconds(long nanos) {
    return nanos / 1e9;
  }

  // ---------------------------------------------------------------- rounds

  /** All that is measured with the layouts held. */
  private final class Rounds {
    private final Map<String, Reader> readers;
    private final ExecutorService lister;
    private final long rows;
    private final Map<String, EnumMap<Meanwhile, Latency>> latencies = new LinkedHashMap<>();
    private final Map<String, EnumMap<Meanwhile, Series>> p999 = new LinkedHashMap<>();
    private final Map<String, Series> times = new LinkedHashMap<>();
    private String client;

    Rounds(Map<String, Reader> readers, ExecutorService lister, long rows) {
      this.readers = readers;
      this.lister = lister;
      this.rows = rows;
    }

    void run(BenchReport report) throws Exception {
      progress.accept("warming up");
      for (int i = 0; i < LISTINGS_BEFORE; i++) {
        list(Meanwhile.CTL);
        list(Meanwhile.HTTP);
      }
      for (Reader reader : readers.values()) {
        reader.read(wishes.seconds());
      }
      client = firstClient();
      for (int round = 0; round < wishes.rounds(); round++) {
        round(round);
      }
      tell(report);
    }

    private void round(int round) throws Exception {
      times("ctl_s").add(list(Meanwhile.CTL));
      times("http_s").add(list(Meanwhile.HTTP));
      times("file_s").add(filtered("file", fileOf(round), wishes.layouts() / wishes.files()));
      times("client_s").add(filtered("client", client, wishes.layouts() / wishes.clients()));
      StringBuilder line = new StringBuilder();
      for (Map.Entry<String, Reader> reader : readers.entrySet()) {
        for (int i = 0; i < WAYS.size(); i++) {
          Meanwhile meanwhile = WAYS.get((i + round) % WAYS.size());
          Histogram found = read(reader.getValue(), meanwhile);
          String key = reader.getKey();
          latencies
              .computeIfAbsent(key, _ -> new EnumMap<>(Meanwhile.class))
              .computeIfAbsent(meanwhile, _ -> new Latency())
              .add(found);
          p999.computeIfAbsent(key, _ -> new EnumMap<>(Meanwhile.class))
              .computeIfAbsent(meanwhile, _ -> new Series(key))
              .add(found.getValueAtPercentile(99.9) / 1e3);
          line.append(
              String.format(
                  Locale.ROOT,
                  "  %s %s p50 %,.0f p99 %,.0f µs",
                  key,
                  meanwhile,
                  found.getValueAtPercentile(50) / 1e3,
                  found.getValueAtPercentile(99) / 1e3));
        }
      }
      progress.accept("round " + (round + 1) + ":" + line);
    }

    private String fileOf(int round) {
      return server.export().resolve(LayoutFill.name(round % wishes.files())).toString();
    }

    private double filtered(String filter, String value, long wanted) throws Exception {
      long before = clock.nanoTime();
      long found = ctl(Map.of(filter, value));
      if (found != wanted) {
        throw new IOException(found + " rows of " + filter + " " + value + ", not " + wanted);
      }
      return seconds(clock.nanoTime() - before);
    }

    /** Of those who hold layouts. */
    private String firstClient() throws IOException, AdminException {
      AtomicReference<String> found = new AtomicReference<>("");
      try (AdminClient asking = AdminClient.connect(socket)) {
        asking.ask(
            AdminRequest.of("layouts", Map.of("file", fileOf(0)), List.of(), 1),
            new AdminClient.Reader() {
              @Override
              public void row(byte[] json, int offset, int length) throws IOException {
                found.set(
                    new ObjectMapper().readTree(json, offset, length).path("client").asText());
              }

              @Override
              public void progress(String text) {}
            });
      }
      return found.get();
    }

    /** Seconds of one list. */
    private double list(Meanwhile way) throws Exception {
      long before = clock.nanoTime();
      long found = way == Meanwhile.CTL ? ctl(Map.of()) : http();
      if (found < rows) {
        throw new IOException(found + " rows of " + rows);
      }
      return seconds(clock.nanoTime() - before);
    }

    private Histogram read(Reader reader, Meanwhile meanwhile) throws Exception {
      AtomicBoolean over = new AtomicBoolean(meanwhile == Meanwhile.NOTHING);
      Callable<Void> lists =
          () -> {
            while (!over.get()) {
              times((meanwhile == Meanwhile.CTL ? "ctl" : "http") + "_busy_s").add(list(meanwhile));
            }
            return null;
          };
      Future<Void> listing = lister.submit(lists);
      Histogram found;
      try {
        found = reader.read(wishes.seconds());
      } finally {
        over.set(true);
      }
      listing.get(LIST_SECONDS_MAX, TimeUnit.SECONDS);
      return found;
    }

    private Series times(String key) {
      return times.computeIfAbsent(key, Series::new);
    }

    private void tell(BenchReport report) {
      time(report, "ctl_s", "listed by the socket, s", true);
      time(report, "http_s", "listed by HTTP, s", true);
      time(report, "ctl_busy_s", "listed by the socket while data is read, s", true);
      time(report, "http_busy_s", "listed by HTTP while data is read, s", true);
      time(report, "file_s", "listed of one file by the socket, s", false);
      time(report, "client_s", "listed of one client by the socket, s", false);
      Map<String, Object> raw = new LinkedHashMap<>();
      latencies.forEach((key, each) -> {
        Latency alone = each.get(Meanwhile.NOTHING);
        each.forEach((meanwhile, latency) -> {
          String name = key + "_" + meanwhile.name().toLowerCase(Locale.ROOT);
          String text = key + " " + meanwhile.text;
          report.figure(name + "_p50_us", text + ", p50, µs", latency.p50().median());
          report.figure(name + "_p99_us", text + ", p99, µs", latency.p99().median());
          report.figure(
              name + "_p999_us", text + ", p99.9, µs", p999.get(key).get(meanwhile).median());
          if (meanwhile != Meanwhile.NOTHING) {
            report.figure(
                name + "_p99_ratio",
                text + ", p99 × alone",
                Series.ratio(latency.p99(), alone.p99()),
                Bound.AT_MOST,
                1.1);
          }
          raw.put(name, latency.toJson());
        });
      });
      times.forEach((key, series) -> raw.put(key, series.toJson()));
      report.raw("admin", raw);
    }

    private void time(BenchReport report, String key, String text, boolean bounded) {
      Series series = times(key);
      if (bounded) {
        report.figure("list_" + key, text, series.median(), Bound.BELOW, 2);
      } else {
        report.figure("list_" + key, text, series.median());
      }
    }
  }
}
