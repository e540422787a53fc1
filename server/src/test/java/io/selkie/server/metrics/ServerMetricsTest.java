package io.selkie.server.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.layout.LayoutEvents.Event;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.RecallCause;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ServerMetricsTest {

  private static final FileIdentity FILE = new FileIdentity(1, 2, 3);

  private final ServerMetrics metrics = new ServerMetrics();

  @Test
  void operationsAreCountedByKindAndStatus() {
    metrics.operation(NfsOp4.OP_READ, NfsStat4.NFS4_OK);
    metrics.operation(NfsOp4.OP_READ, NfsStat4.NFS4_OK);
    metrics.operation(NfsOp4.OP_READ, NfsStat4.NFS4ERR_DELAY);
    metrics.operation(9999, NfsStat4.NFS4ERR_OP_ILLEGAL);
    assertThat(metrics.values())
        .containsEntry("selkie_nfs_operations_total{op=\"read\",status=\"nfs4_ok\"}", 2L)
        .containsEntry("selkie_nfs_operations_total{op=\"read\",status=\"nfs4err_delay\"}", 1L)
        .containsEntry(
            "selkie_nfs_operations_total{op=\"illegal\",status=\"nfs4err_op_illegal\"}", 1L);
  }

  @Test
  void everyStatusHasItsOwnPlace() {
    int[] all = {
      NfsStat4.NFS4_OK,
      NfsStat4.NFS4ERR_STALE,
      NfsStat4.NFS4ERR_BADHANDLE,
      NfsStat4.NFS4ERR_XATTR2BIG,
      NfsStat4.NFS4ERR_MOVED
    };
    for (int status : all) {
      metrics.operation(NfsOp4.OP_OPEN, status);
    }
    assertThat(metrics.values().keySet().stream().filter(name -> name.contains("\"open\"")))
        .hasSize(all.length);
  }

  @Test
  void recallThatIsReturnedIsTimedFromTheBreakToTheRelease() {
    events(
        event(0, Step.SEALED, 0, 0),
        event(0, Step.REGISTERED, 0, 4096),
        event(0, Step.GRANTED, 0, 4096),
        event(1_000, Step.BREAK_SEEN, 9, 0),
        event(2_000, Step.RECALL_SENT, 9, 0),
        event(9_000, Step.LAYOUT_RETURNED, 9, 0),
        event(10_000, Step.HANDLE_INVALIDATED, 9, 4096),
        event(11_000, Step.SEAL_RELEASED, 9, 0));
    assertThat(metrics.values())
        .containsEntry("selkie_recalls_total{cause=\"kernel_lease_break\"}", 1L)
        .containsEntry(
            "selkie_recall_outcomes_total{cause=\"kernel_lease_break\",outcome=\"returned\"}", 1L)
        .containsEntry("selkie_registered_bytes", 0L)
        .containsEntry("selkie_seals", 0L)
        .containsEntry("selkie_seals_taken_total", 1L)
        .containsEntry("selkie_layouts_returned_total", 1L);
    assertThat(distribution("selkie_recall_nanos"))
        .containsEntry("count", 1L)
        .containsEntry("max", 9_000L);
    assertThat(distribution("selkie_unseal_nanos")).containsEntry("max", 10_000L);
    assertThat(distribution("selkie_fence_nanos")).containsEntry("count", 0L);
    assertThat(metrics.table()).contains("selkie_recall_nanos").doesNotContain("fence");
  }

  @Test
  void fenceIsTimedFromItsBeginning() {
    events(
        event(0, Step.BREAK_SEEN, 5, 0),
        event(7_000, Step.FENCE_BEGUN, 5, 0),
        event(7_500, Step.HANDLE_INVALIDATED, 5, 10));
    assertThat(distribution("selkie_fence_nanos")).containsEntry("max", 500L);
    assertThat(metrics.values())
        .containsEntry(
            "selkie_recall_outcomes_total{cause=\"kernel_lease_break\",outcome=\"fenced\"}", 1L);
  }

  @Test
  void refusalsAreCountedByTheFirstWordOfTheirReason() {
    events(
        new Event(0, Step.REFUSED, 0, FILE, "a", 1, null, 0, "IN_USE: somebody has it open"),
        new Event(0, Step.REFUSED, 0, FILE, "a", 1, null, 0, null));
    assertThat(metrics.values())
        .containsEntry("selkie_layouts_refused_total{reason=\"in_use\"}", 1L)
        .containsEntry("selkie_layouts_refused_total{reason=\"unknown\"}", 1L);
  }

  @Test
  void listenersHearEventsUntilTheyAreRemovedAndTheRingKeepsTheLast() {
    List<Event> heard = new ArrayList<>();
    metrics.addListener(heard::add);
    for (int i = 0; i < 12_000; i++) {
      metrics.on(event(i, Step.GRANTED, 0, 0));
    }
    assertThat(heard).hasSize(12_000);
    assertThat(metrics.recentEvents())
        .hasSize(10_000)
        .first()
        .extracting(Event::atNanos)
        .isEqualTo(12_000L - 10_000);
  }

  @Test
  void kindsAndLabelsAreChecked() {
    assertThatThrownBy(() -> metrics.counter(Metric.LAYOUTS))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> metrics.counter(Metric.RECALLS))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @SuppressWarnings("unchecked")
  private Map<String, Object> distribution(String name) {
    return (Map<String, Object>) metrics.values().get(name);
  }

  private void events(Event... events) {
    for (Event event : events) {
      metrics.on(event);
    }
  }

  private static Event event(long atNanos, Step step, long recallId, long bytes) {
    RecallCause cause = recallId == 0 ? null : RecallCause.KERNEL_LEASE_BREAK;
    return new Event(atNanos, step, recallId, FILE, "dir/file", 7, cause, bytes, "");
  }
}
