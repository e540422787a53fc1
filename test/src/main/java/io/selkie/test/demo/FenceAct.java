package io.selkie.test.demo;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.DirectUnavailableException;
import io.selkie.client.FallbackReason;
import io.selkie.client.RecallBehaviour;
import io.selkie.client.SelkieClient;
import io.selkie.server.metrics.Metric;
import io.selkie.test.support.OtherProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The same with a client that never answers: it is fenced, and its next access fails. */
final class FenceAct {

  private static final String NAME = "fenced";
  private static final List<String> ORDER =
      List.of(
          "truncate_started",
          "break_seen",
          "recall_sent",
          "fence_begun",
          "handle_invalidated",
          "seal_released",
          "truncate_done");

  private final Demo demo;
  private final DemoReport report;

  FenceAct(Demo demo) {
    this.demo = demo;
    this.report = demo.report();
  }

  void run() throws IOException, InterruptedException {
    report.act("fence", "The same with a client that never answers");
    byte[] left = new byte[Conflict.LEFT_BYTES];
    Arrays.fill(left, Conflict.FILLING);
    try (Conflict conflict = new Conflict(demo, NAME, RecallBehaviour.never())) {
      OtherProcess.Outcome truncated = conflict.truncate();
      List<Moment> moments = conflict.moments();
      report.timeline(moments, conflict.originNanos());
      double waited = (truncated.endedNanos() - conflict.originNanos()) / 1e3;
      report.figure("break_to_truncate_done_us", waited);
      report.check(
          "order",
          "each step happened in its order; the recall may be sent again",
          Moment.inOrder(moments, ORDER, Set.of("recall_sent")),
          String.join(", ", ORDER));
      report.check(
          "truncate_succeeded",
          "truncate ended well",
          truncated.succeeded(),
          "status " + truncated.status() + truncated.output());
      report.check(
          "fenced_at_deadline",
          "the fence came at the deadline of " + Demo.RECALL_TIMEOUT_MILLIS + " ms, not later",
          waited >= Demo.RECALL_TIMEOUT_MILLIS * 1e3 * 0.95
              && waited < Demo.RECALL_TIMEOUT_MILLIS * 1e3 + 1e6,
          String.format(Locale.ROOT, "%.1f ms from the break", waited / 1e3));
      nextAccessFails(conflict);
      report.check(
          "content_on_server_disk",
          "the server's disk holds what was written before, nothing after",
          Arrays.equals(left, Files.readAllBytes(demo.onDisk(NAME))),
          Files.size(demo.onDisk(NAME)) + " bytes");
    }
    othersGoOn(left);
  }

  private void nextAccessFails(Conflict conflict) throws IOException {
    long refusedBefore = refused();
    String found;
    boolean failed;
    try (Arena arena = Arena.ofConfined()) {
      conflict.file().write(arena.allocate(64).fill((byte) 'x'), 0);
      failed = false;
      found = "it went through";
    } catch (DirectUnavailableException e) {
      failed = e.reason() == FallbackReason.FENCED;
      found = e.getMessage();
    }
    report.check("next_access_fails", "the client's next one-sided access fails", failed, found);
    long refused = refused() - refusedBefore;
    report.check(
        "remote_access_error",
        "because the server's RDMA side refused the dead handle",
        refused >= 1,
        refused + " refused");
    report.check(
        "client_knows",
        "and the client knows that it was fenced",
        conflict.client().counters().get(Counter.FENCES) >= 1,
        conflict.client().counters().get(Counter.FENCES) + " fences");
  }

  private void othersGoOn(byte[] left) throws IOException {
    try (SelkieClient other = demo.connect(ClientOptions.defaults());
        DirectFile file = other.open(demo.path(NAME), DirectMode.REQUIRE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(left.length);
      long read = file.read(memory, 0);
      report.check(
          "others_go_on",
          "another client seals the file anew and reads it one-sided",
          read == left.length && Arrays.equals(left, memory.toArray(ValueLayout.JAVA_BYTE)),
          read + " bytes");
    }
  }

  private long refused() {
    return demo.server().metrics().values().get(Metric.DIRECT_REFUSED.id()) instanceof Number n
        ? n.longValue()
        : -1;
  }
}
