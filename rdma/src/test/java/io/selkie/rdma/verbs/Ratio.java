package io.selkie.rdma.verbs;

import java.util.Arrays;

/**
 * What came of a comparison.
 *
 * @param unit of both
 * @param ours median of what is ours
 * @param theirs median of the program in C
 * @param ratio median of the ratios of each round, ours to theirs
 */
public record Ratio(String what, String unit, double ours, double theirs, double ratio) {

  /** Stands above what {@link #toString} gives. */
  public static final String HEAD =
      "%-32s %10s %10s %-6s %6s".formatted("", "selkie", "C", "", "ratio");

  private static final int TRIES = 3;

  /** Takes one measurement. */
  @FunctionalInterface
  public interface Measure {

    /** In the unit of the comparison. */
    double take() throws Exception;
  }

  /**
   * Measures both in turn, several times. What counts is the median of the ratios, because a
   * machine that others use is not the same for long.
   */
  public static Ratio compare(String what, String unit, int rounds, Measure ours, Measure theirs)
      throws Exception {
    double[] ourTimes = new double[rounds];
    double[] theirTimes = new double[rounds];
    double[] ratios = new double[rounds];
    for (int round = 0; round < rounds; round++) {
      ourTimes[round] = ours.take();
      theirTimes[round] = theirs.take();
      ratios[round] = ourTimes[round] / theirTimes[round];
    }
    return new Ratio(what, unit, median(ourTimes), median(theirTimes), median(ratios));
  }

  /** Makes a comparison. */
  @FunctionalInterface
  public interface Comparison {
    Ratio make() throws Exception;
  }

  /**
   * The least ratio of up to three comparisons, of which each is printed.
   *
   * @param enough no other is made once it is less than this
   */
  public static double least(double enough, Comparison comparison) throws Exception {
    double least = Double.MAX_VALUE;
    for (int i = 0; i < TRIES && least >= enough; i++) {
      least = Math.min(least, printed(comparison));
    }
    return least;
  }

  /**
   * The greatest ratio of up to three comparisons, of which each is printed.
   *
   * @param enough no other is made once it is more than this
   */
  public static double most(double enough, Comparison comparison) throws Exception {
    double most = 0;
    for (int i = 0; i < TRIES && most <= enough; i++) {
      most = Math.max(most, printed(comparison));
    }
    return most;
  }

  private static double printed(Comparison comparison) throws Exception {
    Ratio ratio = comparison.make();
    System.out.println("    " + ratio);
    return ratio.ratio;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  @Override
  public String toString() {
    return "%-32s %10.1f %10.1f %-6s %6.2f".formatted(what, ours, theirs, unit, ratio);
  }
}
