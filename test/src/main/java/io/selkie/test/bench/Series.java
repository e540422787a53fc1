package io.selkie.test.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * One quantity measured once a round. The machine is shared and noisy, so what is compared was
 * measured in the same round, and what is told is the median over the rounds.
 */
final class Series {

  private final String name;
  private final List<Double> values = new ArrayList<>();

  Series(String name) {
    this.name = name;
  }

  String name() {
    return name;
  }

  void add(double value) {
    values.add(value);
  }

  boolean isEmpty() {
    return values.isEmpty();
  }

  /** The values in the order of the rounds. */
  List<Double> values() {
    return List.copyOf(values);
  }

  /** The median; of an even number of values the mean of the two in the middle. */
  double median() {
    return median(values.stream().mapToDouble(Double::doubleValue).toArray());
  }

  /** The median of the ratios of the rounds: numerator and denominator saw the same noise. */
  static double ratio(Series numerator, Series denominator) {
    int rounds = numerator.values.size();
    if (rounds == 0 || rounds != denominator.values.size()) {
      throw new IllegalStateException(
          numerator.name
              + " has "
              + rounds
              + " rounds, "
              + denominator.name
              + " has "
              + denominator.values.size());
    }
    double[] ratios = new double[rounds];
    for (int i = 0; i < rounds; i++) {
      ratios[i] = numerator.values.get(i) / denominator.values.get(i);
    }
    return median(ratios);
  }

  /** All there is, for programs. */
  Map<String, Object> toJson() {
    return Map.of("median", median(), "rounds", values());
  }

  private static double median(double[] all) {
    if (all.length == 0) {
      throw new IllegalStateException("nothing was measured");
    }
    Arrays.sort(all);
    int middle = all.length / 2;
    return all.length % 2 == 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
  }
}
