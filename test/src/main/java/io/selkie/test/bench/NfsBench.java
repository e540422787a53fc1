package io.selkie.test.bench;

import io.selkie.test.bench.BenchReport.Bound;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import org.HdrHistogram.Histogram;

/**
 * Loads servers in turn and compares their rates. Within a round each workload is run on one server
 * right after the other, and who is first changes from round to round, so what else the machine
 * does hits all of them alike.
 */
final class NfsBench {

  /**
   * How much to do.
   *
   * @param targetRatio to the other contestants' rates; empty for each workload's own
   */
  record Wishes(
      int rounds,
      double seconds,
      double warmUpSeconds,
      List<NfsWorkload> workloads,
      OptionalDouble targetRatio) {}

  /** One server's figures of one workload. */
  private static final class Figures {
    final Series rates;
    final Latency latency = new Latency();
    final Series p999 = new Series("p999_us");
    final Series cpu = new Series("cpu_us");

    Figures(String name) {
      rates = new Series(name);
    }
  }

  private final List<NfsContestant> contestants;
  private final Wishes wishes;
  private final Consumer<String> progress;
  private final Map<NfsWorkload, List<Figures>> figures = new EnumMap<>(NfsWorkload.class);

  /**
   * Makes one.
   *
   * @param contestants the first one is compared with each of the others
   */
  NfsBench(List<NfsContestant> contestants, Wishes wishes, Consumer<String> progress) {
    this.contestants = List.copyOf(contestants);
    this.wishes = wishes;
    this.progress = progress;
    for (NfsWorkload workload : wishes.workloads()) {
      figures.put(workload, contestants.stream().map(c -> new Figures(c.name())).toList());
    }
  }

  void run(BenchReport report) throws IOException, InterruptedException {
    contestants.getFirst().fill();
    for (NfsWorkload workload : wishes.workloads()) {
      for (NfsContestant contestant : contestants) {
        progress.accept("warming up: " + workload.text() + ", " + contestant.name());
        contestant.run(workload, wishes.warmUpSeconds());
      }
    }
    for (int round = 0; round < wishes.rounds(); round++) {
      for (NfsWorkload workload : wishes.workloads()) {
        round(round, workload);
      }
    }
    wishes.workloads().forEach(workload -> tell(workload, report));
  }

  private void round(int round, NfsWorkload workload) throws IOException, InterruptedException {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < contestants.size(); i++) {
      int index = (i + round) % contestants.size();
      NfsContestant contestant = contestants.get(index);
      NfsContestant.Outcome outcome = contestant.run(workload, wishes.seconds());
      Figures of = figures.get(workload).get(index);
      of.rates.add(outcome.operationsPerSecond());
      of.cpu.add(outcome.cpuMicros());
      of.latency.add(outcome.latencies());
      Histogram all = outcome.latencies();
      of.p999.add(all.getValueAtPercentile(99.9) / 1e3);
      line.append(
          String.format(
              Locale.ROOT,
              "  %s %,.0f/s cpu %,.1f p50 %,.0f p99.9 %,.0f µs",
              contestant.name(),
              outcome.operationsPerSecond(),
              outcome.cpuMicros(),
              all.getValueAtPercentile(50) / 1e3,
              all.getValueAtPercentile(99.9) / 1e3));
    }
    progress.accept("round %d, %s:%s".formatted(round + 1, workload.text(), line));
  }

  private void tell(NfsWorkload workload, BenchReport report) {
    List<Figures> all = figures.get(workload);
    Map<String, Object> raw = new LinkedHashMap<>();
    for (int i = 0; i < all.size(); i++) {
      Figures of = all.get(i);
      String key = workload.key() + "_" + contestants.get(i).name();
      String text = workload.text() + ", " + contestants.get(i).name();
      report.figure(key + "_per_s", text + ", operations/s " + spread(of.rates), of.rates.median());
      report.figure(key + "_p50_us", text + ", p50, µs", of.latency.p50().median());
      report.figure(key + "_p999_us", text + ", p99.9, µs " + spread(of.p999), of.p999.median());
      if (!Double.isNaN(of.cpu.median())) {
        report.figure(
            key + "_cpu_us", text + ", server's CPU, µs " + spread(of.cpu), of.cpu.median());
      }
      Map<String, Object> values = new LinkedHashMap<>(of.latency.toJson());
      values.put("cpu_us", of.cpu.toJson());
      values.put("operations_per_s", of.rates.toJson());
      values.put("p999_us", of.p999.toJson());
      raw.put(contestants.get(i).name(), values);
    }
    for (int i = 1; i < all.size(); i++) {
      Series ratios = ratios(all.getFirst().rates, all.get(i).rates);
      String other = contestants.get(i).name();
      report.figure(
          workload.key() + "_vs_" + other,
          workload.text() + " × " + other + " " + spread(ratios),
          ratios.median(),
          Bound.AT_LEAST,
          wishes.targetRatio().orElse(workload.targetRatio()));
      Series cpu = ratios(all.getFirst().cpu, all.get(i).cpu);
      if (wishes.targetRatio().isPresent() && !Double.isNaN(cpu.median())) {
        report.figure(
            workload.key() + "_cpu_vs_" + other,
            workload.text() + ", server's CPU × " + other + " " + spread(cpu),
            cpu.median(),
            Bound.AT_MOST,
            1 / wishes.targetRatio().getAsDouble());
      }
      raw.put("ratio_to_" + other, ratios.toJson());
    }
    report.raw(workload.key(), raw);
  }

  private static Series ratios(Series numerator, Series denominator) {
    Series ratios = new Series("ratio");
    for (int i = 0; i < numerator.values().size(); i++) {
      ratios.add(numerator.values().get(i) / denominator.values().get(i));
    }
    return ratios;
  }

  /** Lowest and highest round. */
  private static String spread(Series series) {
    List<Double> sorted = new ArrayList<>(series.values());
    sorted.sort(null);
    double low = sorted.getFirst();
    String format = low < 100 ? "(%.2f to %.2f)" : "(%,.0f to %,.0f)";
    return String.format(Locale.ROOT, format, low, sorted.getLast());
  }
}
