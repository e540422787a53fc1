package io.selkie.test.demo;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.RecallBehaviour;
import io.selkie.test.support.OtherProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Another process truncates a file whose layout a client holds, and the client answers. */
final class RecallAct {

  private static final String NAME = "recalled";
  private static final List<String> ORDER =
      List.of(
          "truncate_started",
          "break_seen",
          "recall_sent",
          "layout_returned",
          "handle_invalidated",
          "seal_released",
          "truncate_done");

  private final Demo demo;
  private final DemoReport report;

  RecallAct(Demo demo) {
    this.demo = demo;
    this.report = demo.report();
  }

  void run() throws IOException, InterruptedException {
    report.act("recall", "Another process truncates a file whose layout a client holds");
    try (Conflict conflict = new Conflict(demo, NAME, RecallBehaviour.answer())) {
      OtherProcess.Outcome truncated = conflict.truncate();
      List<Moment> moments = conflict.moments();
      report.timeline(moments, conflict.originNanos());
      double waited = (truncated.endedNanos() - conflict.originNanos()) / 1e3;
      report.figure("break_to_truncate_done_us", waited);
      report.check(
          "order",
          "each step happened once and in its order",
          Moment.inOrder(moments, ORDER),
          String.join(", ", ORDER));
      report.check(
          "truncate_succeeded",
          "truncate ended well",
          truncated.succeeded(),
          "status " + truncated.status() + truncated.output());
      report.check(
          "no_fence",
          "nobody had to be fenced, and truncate waited for no deadline",
          conflict.client().counters().get(Counter.FENCES) == 0
              && waited < Demo.RECALL_TIMEOUT_MILLIS * 1e3,
          String.format(Locale.ROOT, "%.0f µs from the break", waited));
      byte[] left = new byte[Conflict.LEFT_BYTES];
      Arrays.fill(left, Conflict.FILLING);
      report.check(
          "content_on_server_disk",
          "the server's disk holds what was written, up to the cut",
          Arrays.equals(left, Files.readAllBytes(demo.onDisk(NAME))),
          Files.size(demo.onDisk(NAME)) + " bytes");
      report.check(
          "client_goes_on",
          "the client gets a new layout and reads one-sided what is left",
          Arrays.equals(left, conflict.read(Conflict.FILE_BYTES))
              && conflict.client().counters().nfsBytes() == 0,
          conflict.client().counters().get(Counter.LAYOUTS_GRANTED) + " layouts so far");
    }
  }
}
