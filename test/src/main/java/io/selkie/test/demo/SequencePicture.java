package io.selkie.test.demo;

import io.selkie.test.demo.Moment.Lane;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Draws what happened as a sequence of arrows between lanes, with the time of each:
 *
 * <pre>
 *            µs  other process      server            client
 *           0.0        │────────────────▶│                 │     break seen
 *          41.2        │                 │────────────────▶│     recall sent
 * </pre>
 */
final class SequencePicture {

  private static final int TIME_COLUMNS = 12;
  private static final int LANES_COLUMNS = 52;

  private SequencePicture() {}

  /**
   * The lines of the picture.
   *
   * @param originNanos the time that is called 0
   */
  static List<String> draw(List<Moment> moments, long originNanos) {
    List<String> lines = new ArrayList<>();
    lines.add(header());
    moments.stream()
        .sorted(Comparator.comparingLong(Moment::atNanos))
        .map(moment -> row(moment, originNanos))
        .forEach(lines::add);
    return lines;
  }

  private static String header() {
    StringBuilder line = new StringBuilder(" ".repeat(TIME_COLUMNS - 2) + "µs");
    char[] titles = blank();
    for (Lane lane : Lane.values()) {
      int start = Math.max(0, lane.column() - lane.title().length() / 2);
      lane.title().getChars(0, lane.title().length(), titles, start);
    }
    return line.append(titles).toString().stripTrailing();
  }

  private static String row(Moment moment, long originNanos) {
    char[] lanes = blank();
    for (Lane lane : Lane.values()) {
      lanes[lane.column()] = '│';
    }
    int from = moment.from().column();
    int to = moment.to().column();
    if (from == to) {
      lanes[from] = '●';
    } else {
      int step = from < to ? 1 : -1;
      for (int i = from + step; i != to; i += step) {
        lanes[i] = '─';
      }
      lanes[to - step] = from < to ? '▶' : '◀';
    }
    return String.format(
            Locale.ROOT,
            "%" + TIME_COLUMNS + ".1f%s%s",
            (moment.atNanos() - originNanos) / 1e3,
            new String(lanes),
            moment.text())
        .stripTrailing();
  }

  private static char[] blank() {
    char[] line = new char[LANES_COLUMNS];
    Arrays.fill(line, ' ');
    return line;
  }
}
