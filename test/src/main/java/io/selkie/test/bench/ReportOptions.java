package io.selkie.test.bench;

import io.selkie.test.support.Json;
import io.selkie.test.support.Terminal;
import java.io.PrintWriter;
import picocli.CommandLine.Option;

/** How a report is shown: options that all benchmarks have. */
final class ReportOptions {

  @Option(names = "--json", description = "Everything as one JSON object on standard output.")
  private boolean json;

  @Option(names = "--markdown", description = "The figures as a table for docs/BENCHMARKS.md.")
  private boolean markdown;

  ReportOptions() {}

  /** Whether a program reads it. */
  boolean isJson() {
    return json;
  }

  /** Shows a report as was asked. */
  void show(BenchReport report, PrintWriter out) {
    if (json) {
      out.println(Json.write(report.toJson()));
    } else if (markdown) {
      out.print(report.toMarkdown());
    } else {
      report.print(Terminal.standard(out));
    }
    out.flush();
  }
}
