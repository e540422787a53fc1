package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.BrowserPage;
import io.selkie.server.testing.Chromium;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;

/** A server with two exports, {@code pool} and {@code scratch}, for tests of the page it shows. */
final class ShownServer implements AutoCloseable {

  static final int MIB = 1 << 20;

  private static final int PIECE = 4096;

  /** So long that whoever gives back at once is never late, however slow the machine is. */
  private static final int RECALL_MILLIS = 30_000;

  private static final RecallFilter ALL =
      new RecallFilter(OptionalLong.empty(), Optional.empty(), OptionalLong.empty());

  /** A JavaScript expression: whether the page is drawn, and hears of what happens. */
  static final String LIVE =
      "document.body.dataset.state === 'live' && document.body.dataset.drawn > 1";

  private final TwoExports exports;
  private final List<Path> inPieces = new ArrayList<>();

  /**
   * Starts.
   *
   * @param http more keys of its section, each with a comma before it
   */
  ShownServer(String http) throws IOException {
    exports =
        new TwoExports(
            new LinuxKernel(),
            RECALL_MILLIS,
            "{enabled: false}\nhttp: {listen: '127.0.0.1:0'%s}".formatted(http),
            new String[] {"pool", "scratch"});
  }

  TwoExports exports() {
    return exports;
  }

  String origin() {
    return "http://127.0.0.1:%d/".formatted(exports.server().httpAddress().orElseThrow().getPort());
  }

  /** The page in a tab of its own, as soon as it is live. */
  BrowserPage shownBy(Chromium browser) throws Exception {
    BrowserPage page = browser.page();
    page.go(origin());
    page.until(LIVE);
    return page;
  }

  /** A file of 8 MiB: data, a hole, data, and a hole at the end. */
  void sparse(String export, String name) throws IOException {
    try (RandomAccessFile out =
        new RandomAccessFile(exports.of(export).resolve(name).toFile(), "rw")) {
      out.write(new byte[2 * MIB]);
      out.seek(5L * MIB);
      out.write(new byte[MIB]);
      out.setLength(8L * MIB);
      out.getFD().sync();
    }
  }

  /** A file of so many pieces of 4 KiB, one after the other: each second one is written. */
  void pieces(String export, String name, int count) throws IOException {
    Path file = exports.of(export).resolve(name);
    Kernel kernel = new LinuxKernel();
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            file.toString().getBytes(UTF_8),
            OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.CLOEXEC,
            0644,
            0);
    assertThat(fd).isNotNegative();
    assertThat(kernel.fallocate(fd, 0, 0, (long) count * PIECE)).isZero();
    assertThat(kernel.close(fd)).isZero();
    write(file, 0);
    inPieces.add(file);
  }

  /** Writes each second piece. */
  private static void write(Path file, int first) throws IOException {
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      byte[] piece = new byte[PIECE];
      for (long at = (long) first * PIECE; at < out.length(); at += 2 * PIECE) {
        out.seek(at);
        out.write(piece);
      }
      out.getFD().sync();
    }
  }

  static Opened open(FileCalls client, String export, String name) {
    return client.open(client.handleOf(export), name, BOTH, DENY_NONE);
  }

  static HeldLayout hold(FileCalls client, String export, String name, int mode) {
    Opened opened = open(client, export, name);
    return HeldLayout.get(client, opened.handle(), opened.stateid(), mode);
  }

  CompletionStage<Void> recall() {
    return exports.server().arbiter().recall(ALL, RecallCause.ADMINISTRATIVE);
  }

  CompletionStage<Void> fence() {
    return exports.server().arbiter().fence(ALL, RecallCause.ADMINISTRATIVE);
  }

  @Override
  public void close() throws IOException {
    for (Path file : inPieces) {
      // One piece again: to free each of thousands by itself takes a while where it means a
      // discard.
      write(file, 1);
    }
    exports.close();
  }
}
