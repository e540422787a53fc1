package io.selkie.test.bench;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.config.time.NanoClock;
import io.selkie.test.bench.BenchReport.Bound;
import io.selkie.test.bench.DataRounds.Way;
import io.selkie.test.support.MachineFacts;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDate;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Consumer;

/** Measures everything there is to measure at a target, one thing after the other. */
final class Bench {

  /** So often as many operations as in a round warm up, or are counted allocations of. */
  private static final int WARM_UPS = 8;

  private static final int COUNTED = 10;

  /** How much to do. */
  record Wishes(int rounds, int operations, int bulk, int inFlight, int recalls, int layouts) {

    /** A file that the bulk operations go once through. */
    long fileBytes() {
      return (long) bulk * DataRounds.LARGE_BYTES;
    }
  }

  private final NanoClock clock;
  private final Meter meter;
  private final Wishes wishes;
  private final BenchTarget target;
  private final Consumer<String> progress;

  Bench(NanoClock clock, Wishes wishes, BenchTarget target, Consumer<String> progress) {
    this.clock = clock;
    this.meter = new Meter(clock);
    this.wishes = wishes;
    this.target = target;
    this.progress = progress;
  }

  void run(BenchReport report) throws Exception {
    report.fact("date", LocalDate.now(java.time.ZoneOffset.UTC).toString());
    MachineFacts.collect(target.local().orElse(Path.of("").toAbsolutePath())).forEach(report::fact);
    try (Diagnostics diagnostics = new Diagnostics(target.diagnostics())) {
      data(report, diagnostics);
      new LayoutRounds(clock, wishes, target, progress).run(report);
    }
  }

  private void data(BenchReport report, Diagnostics diagnostics) throws Exception {
    ClientOptions options = ClientOptions.defaults();
    try (SelkieClient blocking = connect(options);
        SelkieClient spinning = connect(options.withBusyPollNanos(Long.MAX_VALUE))) {
      Map<Way, DataFile> files = new EnumMap<>(Way.class);
      files.put(Way.DIRECT, create(blocking, "direct", DirectMode.REQUIRE));
      files.put(Way.DIRECT_BUSY, create(spinning, "spinning", DirectMode.REQUIRE));
      files.put(Way.NFS, create(blocking, "nfs", DirectMode.NEVER));
      DataRounds.Amount amount =
          new DataRounds.Amount(
              wishes.rounds(),
              WARM_UPS * wishes.operations(),
              wishes.operations(),
              wishes.bulk(),
              wishes.inFlight());
      new DataRounds(meter, amount, files, target.diagnostics(), progress).run(report);
      allocations(report, diagnostics, files);
      require(report, "nfs bytes of direct files", spinning);
      for (DataFile file : files.values()) {
        file.close();
      }
    }
  }

  /** A client whose bytes were meant to go one-sided must not have moved any other way. */
  private static void require(BenchReport report, String what, SelkieClient direct)
      throws IOException {
    if (direct.counters().nfsBytes() != 0) {
      throw new IOException(what + ": " + direct.counters().nfsBytes() + " instead of 0");
    }
    report.raw("spinning_client", direct.counters().snapshot());
  }

  private void allocations(BenchReport report, Diagnostics diagnostics, Map<Way, DataFile> files)
      throws Exception {
    progress.accept("counting allocations");
    DataFile direct = files.get(Way.DIRECT);
    DataFile nfs = files.get(Way.NFS);
    Allocations allocations = new Allocations(diagnostics, COUNTED * wishes.operations());
    Map<String, Double> directRead = allocations.each(() -> direct.read(0));
    Map<String, Double> directWrite = allocations.each(() -> direct.write(0));
    Map<String, Double> nfsRead = allocations.each(() -> nfs.read(0));
    Map<String, Double> nfsWrite = allocations.each(() -> nfs.write(0));
    double perDirect = Math.max(directRead.get("total"), directWrite.get("total"));
    // Less than one byte is what timers and the like allocate meanwhile, not an operation.
    report.figure(
        "server_alloc_bytes_per_direct_op",
        "server allocation per direct operation, bytes",
        perDirect,
        Bound.BELOW,
        1);
    report.figure(
        "server_alloc_bytes_per_nfs_read",
        "server allocation per NFS READ, bytes",
        nfsRead.get("total"));
    report.figure(
        "server_alloc_bytes_per_nfs_write",
        "server allocation per NFS WRITE, bytes",
        nfsWrite.get("total"));
    report.raw(
        "allocations_bytes_per_operation_by_thread_group",
        Map.of(
            "direct_read", directRead,
            "direct_write", directWrite,
            "nfs_read", nfsRead,
            "nfs_write", nfsWrite));
  }

  private DataFile create(SelkieClient client, String name, DirectMode mode) throws IOException {
    DirectFile file =
        client.open(
            target.root() + name, mode, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    file.setSize(wishes.fileBytes());
    ClientFile data = new ClientFile(file, wishes.fileBytes(), mode == DirectMode.REQUIRE);
    data.bulkWrite(wishes.bulk(), DataRounds.LARGE_BYTES, 4);
    file.sync();
    if (mode == DirectMode.REQUIRE
        && client.counters().get(Counter.DIRECT_WRITE_BYTES) < wishes.fileBytes()) {
      throw new IOException(name + " was not written one-sided");
    }
    return data;
  }

  private SelkieClient connect(ClientOptions options) throws IOException {
    return SelkieClient.connect(target.nfs().getHostString(), target.nfs().getPort(), options);
  }
}
