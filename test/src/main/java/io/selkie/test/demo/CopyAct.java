package io.selkie.test.demo;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.DirectFile;
import io.selkie.client.SelkieClient;
import io.selkie.test.support.BulkCopy;
import io.selkie.test.support.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/** A real file in by one-sided writes and out by one-sided reads. */
final class CopyAct {

  private static final String NAME = "copy";

  private final Demo demo;
  private final DemoReport report;
  private final SelkieClient client;

  CopyAct(Demo demo, SelkieClient client) {
    this.demo = demo;
    this.report = demo.report();
    this.client = client;
  }

  void run() throws IOException {
    Path source = demo.source();
    long size = Files.size(source);
    String digest = Digests.sha256(source);
    in(source, size, digest);
    out(size, digest);
  }

  private void in(Path source, long size, String digest) throws IOException {
    report.act("copy_in", "Copy in: " + mebibytes(size) + " by one-sided writes");
    report.figure("file", source.toString());
    report.say("  from     " + source);
    long begun = demo.clock().nanoTime();
    try (DirectFile file =
        client.open(demo.path(NAME), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
      BulkCopy.toServer(source, file);
      file.sync();
    }
    rate(size, begun);
    report.equal(
        "sha256_on_server_disk",
        "SHA-256 of the server's file, read from its disk",
        digest,
        Digests.sha256(demo.onDisk(NAME)));
    report.equal(
        "client_direct_bytes",
        "bytes written one-sided, as the client counts",
        size,
        client.counters().get(Counter.DIRECT_WRITE_BYTES));
    nothingThroughNfs();
  }

  private void out(long size, String digest) throws IOException {
    report.act("copy_out", "Copy out: " + mebibytes(size) + " by one-sided reads");
    Path target = demo.aside("copied");
    long begun = demo.clock().nanoTime();
    try (DirectFile file = client.open(demo.path(NAME))) {
      BulkCopy.fromServer(file, size, target);
    }
    rate(size, begun);
    report.equal("sha256_of_copy", "SHA-256 of what came out", digest, Digests.sha256(target));
    report.equal(
        "client_direct_bytes",
        "bytes read one-sided, as the client counts",
        size,
        client.counters().get(Counter.DIRECT_READ_BYTES));
    nothingThroughNfs();
    Files.delete(target);
  }

  private void nothingThroughNfs() {
    report.equal(
        "client_nfs_bytes",
        "bytes through NFS READ and WRITE, as the client counts",
        0L,
        client.counters().nfsBytes());
    report.equal(
        "server_nfs_bytes",
        "bytes through NFS READ and WRITE, as the server counts",
        0L,
        demo.server().metrics().nfsReadBytes() + demo.server().metrics().nfsWrittenBytes());
  }

  private void rate(long size, long begunNanos) {
    double seconds = (demo.clock().nanoTime() - begunNanos) / 1e9;
    report.figure("bytes", size);
    report.figure("seconds", seconds);
    report.say(
        String.format(
            Locale.ROOT, "  took     %.2f s, %.0f MiB/s", seconds, size / seconds / (1 << 20)));
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1 << 20));
  }
}
