package io.selkie.test.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.bench.BenchReport.Bound;
import io.selkie.test.support.Json;
import io.selkie.test.support.Terminal;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class BenchReportTest {

  private final BenchReport report = new BenchReport();

  BenchReportTest() {
    report.fact("cpus", 2);
    report.figure("recall_p50_us", "recall p50, µs", 1200, Bound.AT_MOST, 1000);
    report.figure("direct_read_1m_vs_echo", "direct × echo", 0.7, Bound.AT_LEAST, 0.7);
    report.figure("layoutget_per_s", "layouts a second", 4321.4);
    report.leaveOut("heap_mib_per_10k_layouts", "only with a server of its own");
  }

  @Test
  void figuresStandOnTopOfTheJsonAndTargetsBesideThem() {
    assertThat(Json.write(report.toJson()))
        .contains("\"recall_p50_us\" : 1200.0")
        .contains("\"not_measured\" : {")
        .contains("\"met\" : false", "\"met\" : true");
    assertThat(report.missed()).extracting("key").containsExactly("recall_p50_us");
  }

  @Test
  void whatIsMissedOrNotMeasuredIsSaidToPeople() {
    StringWriter text = new StringWriter();
    report.print(new Terminal(new PrintWriter(text), false, true));

    assertThat(text.toString())
        .containsPattern("recall p50, µs +1,200 +≤ 1,000 +✗")
        .containsPattern("direct × echo +0.70 +≥ 0.70 +✓")
        .contains("not measured: only with a server of its own");
    assertThat(report.toMarkdown())
        .contains("| recall p50, µs | 1,200 | ≤ 1,000 | no |")
        .contains("- cpus: 2");
  }

  @Test
  void outputWithoutLineDrawingIsPlainAscii() {
    StringWriter text = new StringWriter();
    report.print(new Terminal(new PrintWriter(text), false, false));

    assertThat(text.toString().chars().allMatch(c -> c < 128)).isTrue();
    assertThat(text.toString()).contains("recall p50, us", "<= 1,000", "FAIL");
  }
}
