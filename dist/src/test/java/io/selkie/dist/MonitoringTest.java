package io.selkie.dist;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.selkie.server.metrics.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Goal: dashboard and alerts ask for metrics that there are. */
class MonitoringTest {

  private static final Path SHARE =
      Path.of(System.getProperty("selkie.root"), "dist/src/root/usr/share/selkie");
  private static final Pattern NAME = Pattern.compile("\\bselkie_[a-z_]+");

  /** What the process as a whole tells of itself, beside the table of metrics. */
  private static final List<String> OF_THE_PROCESS =
      List.of(
          "selkie_build_info",
          "selkie_start_time_seconds",
          "selkie_heap_used_bytes",
          "selkie_heap_max_bytes",
          "selkie_process_cpu_seconds_total");

  /** As Prometheus sees them: times are in seconds, histograms have three series. */
  private static Set<String> exposed() {
    Set<String> names = new TreeSet<>(OF_THE_PROCESS);
    for (Metric metric : Metric.values()) {
      if (metric.kind() == Metric.Kind.HISTOGRAM) {
        String id = metric.id().replace("_nanos", "_seconds");
        names.addAll(List.of(id + "_bucket", id + "_sum", id + "_count"));
      } else {
        names.add(metric.id());
      }
    }
    return names;
  }

  private static Set<String> namesIn(JsonNode tree) {
    Set<String> names = new TreeSet<>();
    List<JsonNode> expressions = new ArrayList<>(tree.findValues("expr"));
    expressions.addAll(tree.findValues("query"));
    for (JsonNode expression : expressions) {
      NAME.matcher(expression.asText()).results().forEach(found -> names.add(found.group()));
    }
    return names;
  }

  @Test
  void dashboardAsksForMetricsThatThereAre() throws IOException {
    JsonNode dashboard = new ObjectMapper().readTree(SHARE.resolve("grafana/selkie.json").toFile());
    assertThat(namesIn(dashboard)).hasSizeGreaterThan(15).isSubsetOf(exposed());
  }

  @Test
  void alertsAskForMetricsThatThereAreAndSayWhatToDo() throws IOException {
    JsonNode rules =
        new ObjectMapper(new YAMLFactory())
            .readTree(SHARE.resolve("prometheus/selkie.rules.yml").toFile());
    assertThat(namesIn(rules)).hasSizeGreaterThan(5).isSubsetOf(exposed());
    Stream<JsonNode> alerts = rules.findValue("rules").valueStream();
    assertThat(alerts)
        .hasSizeGreaterThan(5)
        .allSatisfy(alert -> {
          assertThat(alert.path("annotations").path("description").asText()).isNotEmpty();
          assertThat(alert.path("labels").path("severity").asText()).isIn("critical", "warning");
        });
  }
}
