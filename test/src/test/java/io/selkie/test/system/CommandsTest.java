package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.Ended;
import io.selkie.test.support.ScratchDirectory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Goal: the commands do, in a process of their own, what they promise to people and programs. */
class CommandsTest {

  private static final int TIMEOUT_SECONDS = 100;

  @Test
  void demoHoldsEveryStepAndTellsItToPrograms() throws Exception {
    Ended demo = run("demo", "--json");
    JsonNode json = new ObjectMapper().readTree(demo.out());

    assertThat(demo.status()).as(demo.out() + demo.err()).isZero();
    assertThat(json.path("ok").asBoolean()).isTrue();
    for (String act : List.of("server", "copy_in", "copy_out", "recall", "fence")) {
      assertThat(json.path(act).path("ok").asBoolean()).as(act).isTrue();
      assertThat(json.path(act).path("steps")).as(act).isNotEmpty();
    }
    assertThat(json.path("copy_in").path("bytes").asLong()).isGreaterThanOrEqualTo(100L << 20);
    assertThat(eventsOf(json.path("recall")))
        .containsSubsequence(
            "truncate_started",
            "break_seen",
            "recall_sent",
            "layout_returned",
            "handle_invalidated",
            "seal_released",
            "truncate_done");
    assertThat(eventsOf(json.path("fence")))
        .containsSubsequence(
            "break_seen", "recall_sent", "fence_begun", "handle_invalidated", "seal_released");
    assertThat(json.path("server_metrics").path("selkie_direct_refused_total").asLong())
        .isPositive();
    assertThat(demo.err()).as("nothing but the result is said").isEmpty();
  }

  private static List<String> eventsOf(JsonNode act) {
    List<String> events = new ArrayList<>();
    act.path("timeline").forEach(moment -> events.add(moment.path("event").asText()));
    return events;
  }

  @Test
  void demoFailsWhenItHasNoPlaceToRun() throws Exception {
    Ended demo = run("demo", "--dir", "/dev/shm");

    assertThat(demo.status()).isNotZero();
    assertThat(demo.err()).contains("/dev/shm").contains("--dir");
  }

  @Test
  @Tag("slow")
  void benchTellsEveryFigureThatWasPromised() throws Exception {
    Ended bench =
        run(
            "bench",
            "--json",
            "--rounds=2",
            "--operations=200",
            "--bulk=8",
            "--recalls=10",
            "--layouts=100");
    assertThat(bench.status()).as(bench.out() + bench.err()).isZero();
    JsonNode json = new ObjectMapper().readTree(bench.out());

    for (String key :
        List.of(
            "direct_read_4k_vs_echo_p50",
            "direct_write_4k_vs_echo_p50",
            "direct_read_4k_busy_vs_echo_p50",
            "direct_read_1m_vs_echo",
            "direct_write_1m_vs_echo",
            "nfs_read_4k_vs_echo_p50",
            "layoutget_per_s",
            "recall_p50_us",
            "recall_p99_us",
            "server_alloc_bytes_per_direct_op",
            "server_alloc_bytes_per_nfs_read",
            "heap_mib_per_10k_layouts")) {
      assertThat(json.path(key).isNumber()).as(key).isTrue();
      assertThat(json.path(key).asDouble()).as(key).isGreaterThanOrEqualTo(0);
    }
    assertThat(json.path("direct_read_1m_vs_echo").asDouble()).isPositive();
    assertThat(json.path("targets").path("recall_p50_us").path("target").asDouble())
        .isEqualTo(1000);
    assertThat(json.path("not_measured")).isEmpty();
    assertThat(json.path("raw").path("data").path("direct_read_4k").path("operations").asLong())
        .isEqualTo(400);
  }

  private static Ended run(String... arguments) throws Exception {
    String parent = System.getProperty("selkie.test.dir", "target");
    try (ScratchDirectory scratch =
        ScratchDirectory.in(Path.of(parent).toAbsolutePath(), "commands-")) {
      List<String> flags = List.of("-Djava.io.tmpdir=" + scratch.path(), "-Xmx512m");
      List<String> command =
          ChildJvm.command(
              ChildJvm.classPath(), flags, "io.selkie.server.Main", List.of(arguments));
      return Ended.of(command, TIMEOUT_SECONDS);
    }
  }
}
