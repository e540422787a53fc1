package io.selkie.rdma.verbs;

import java.util.Arrays;

/**
 * What came of a comparison.
 *
 * @param unit of both
 * @param ours median of what is ours
 * @param theirs median of the program in C
 * @param ratio median of the ratios of each round, ours to theirs
 * @param least least of ours to least of theirs: of times, what both can do when nobody else is in
 *     the way
 * @param most greatest of ours to greatest of theirs: of rates, the same
 */
public record Ratio(
    String what, String unit, double ours, double theirs, double ratio, double least, double most) {

  /** Stands above what {@link #toString} gives. */
  public static final String HEAD =
      "%-32s %10s %10s %-6s %6s".formatted("", "selkie", "C", "", "ratio");

  private static final int TRIES = 5;

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
    Arrays.sort(ourTimes);
    Arrays.sort(theirTimes);
    Arrays.sort(ratios);
    return new Ratio(
        what,
        unit,
        ourTimes[rounds / 2],
        theirTimes[rounds / 2],
        ratios[rounds / 2],
        ourTimes[0] / theirTimes[0],
        ourTimes[rounds - 1] / theirTimes[rounds - 1]);
  }

  /** Makes a comparison. */
  @FunctionalInterface
  public interface Comparison {
    Ratio make() throws Exception;
  }

  /**
   * The least {@link #least} of some comparisons, of which each is printed.
   *
   * @param enough no other is made once it is less than this
   */
  public static double least(double enough, Comparison comparison) throws Exception {
    double least = Double.MAX_VALUE;
    for (int i = 0; i < TRIES && least >= enough; i++) {
      least = Math.min(least, printed(comparison).least);
    }
    return least;
  }

  /**
   * The greatest {@link #most} of some comparisons, of which each is printed.
   *
   * @param enough no other is made once it is more than this
   */
  public static double most(double enough, Comparison comparison) throws Exception {
    double most = 0;
    for (int i = 0; i < TRIES && most <= enough; i++) {
      most = Math.max(most, printed(comparison).most);
    }
    return most;
  }

  private static Ratio printed(Comparison comparison) throws Exception {
    Ratio ratio = comparison.make();
    System.out.println("    " + ratio);
    return ratio;
  }

  @Override
  public String toString() {
    return "%-32s %10.1f %10.1f %-6s %6.2f".formatted(what, ours, theirs, unit, ratio);
  }
}
