package io.selkie.test.drill;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Draws what happened as one picture (SVG): a lane from top to bottom for local processes, the
 * server and each client, a row for each thing that happened, in their order. Rows are as far apart
 * as they can be read, not as time has it: microseconds and seconds are in one picture, so each row
 * has its time, and where much time passes between two rows it is said. Bars show what lasted: who
 * holds a layout, who was asked for it, who waits.
 */
final class TimelinePicture {

  private static final int ROW = 20;
  private static final int GAP_ROW = 16;
  private static final int TIMES = 96;
  private static final int LANE = 92;
  private static final int TEXTS = 620;
  private static final int HEAD = 74;
  private static final int BETWEEN = 40;
  private static final int ROWS_MAX = 400;
  private static final double GAP_MILLIS = 100;

  private static final String STYLE =
      """
      svg { background: #ffffff; font-family: ui-sans-serif, 'DejaVu Sans', sans-serif; }
      text { fill: #1c2733; font-size: 12px; }
      .title { font-size: 16px; font-weight: 600; }
      .quiet { fill: #5a6875; }
      .time { fill: #5a6875; text-anchor: end; font-variant-numeric: tabular-nums; }
      .lane { font-weight: 600; text-anchor: middle; }
      .line { stroke: #c3ccd4; stroke-width: 1; }
      .go { stroke: #1c2733; stroke-width: 1.4; }
      .tip, .dot { fill: #1c2733; }
      .bad { fill: #b3261e; font-weight: 600; }
      .good { fill: #19703d; font-weight: 600; }
      .holds { fill: #5b8fd6; }
      .asked { fill: #e0a030; }
      .fenced { fill: #c8382e; }
      .waits { fill: #8a97a3; }
      .sealed { fill: #3f9a68; }
      @media (prefers-color-scheme: dark) {
        svg { background: #10161c; }
        text { fill: #e4eaf0; }
        .quiet, .time { fill: #9aa8b5; }
        .line { stroke: #3a4752; }
        .go { stroke: #e4eaf0; }
        .tip, .dot { fill: #e4eaf0; }
        .bad { fill: #ff8a80; }
        .good { fill: #6fd39a; }
      }
      """;

  private final StringBuilder svg = new StringBuilder();
  private int width;
  private int top;

  private TimelinePicture() {}

  /** The document. */
  static String of(List<Outcome> outcomes) {
    TimelinePicture picture = new TimelinePicture();
    picture.legend();
    outcomes.forEach(picture::scenario);
    return picture.document();
  }

  /** What the bars mean, once for all. */
  private void legend() {
    String[][] meanings = {
      {"sealed", "the file is sealed"},
      {"holds", "holds a layout"},
      {"asked", "was asked for it"},
      {"fenced", "is being fenced"},
      {"waits", "a local process runs or waits"}
    };
    int x = 16;
    for (String[] meaning : meanings) {
      rectangle(meaning[0], x, 10, 12, meaning[1]);
      text("quiet", x + 14, 20, meaning[1]);
      x += 40 + 7 * meaning[1].length();
    }
    top = 30;
  }

  private String document() {
    return """
    <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" \
    role="img" aria-label="Timeline of layout recalls">
    <style>
    %3$s</style>
    %4$s</svg>
    """
        .formatted(Math.max(width, 1), Math.max(top, 1), STYLE, svg);
  }

  /** A row: when it is, and where its middle is. */
  private record Row(Mark mark, int y) {}

  private void scenario(Outcome outcome) {
    List<String> lanes = Timeline.lanes(outcome.scenario());
    Map<String, Integer> middles = new HashMap<>();
    for (int i = 0; i < lanes.size(); i++) {
      middles.put(lanes.get(i), TIMES + LANE / 2 + i * LANE);
    }
    int texts = TIMES + lanes.size() * LANE + 12;
    width = Math.max(width, texts + TEXTS);
    List<Mark> marks = Timeline.of(outcome.evidence());
    List<Mark> shown = marks.subList(0, Math.min(marks.size(), ROWS_MAX));
    title(outcome);
    int first = top + HEAD;
    List<Row> rows = rows(shown, first);
    int end = rows.isEmpty() ? first : rows.getLast().y + ROW;
    lanes(lanes, middles, first - 14, end);
    new TimelineBars(middles)
        .of(rows.stream().map(Row::mark).toList())
        .forEach(bar -> {
          int from = rows.get(bar.first()).y;
          int to = bar.last() < 0 ? end : rows.get(bar.last()).y;
          rectangle(bar.style(), bar.x(), from, Math.max(3, to - from), bar.title());
        });
    long zero = outcome.evidence().startedNanos();
    Row before = null;
    for (Row row : rows) {
      if (before != null && row.y - before.y > ROW) {
        double millis = (row.mark.atNanos() - before.mark.atNanos()) / 1e6;
        text("quiet", texts, row.y - ROW / 2 - GAP_ROW / 2 + 4, duration(millis) + " later");
      }
      row(row, middles, texts, zero);
      before = row;
    }
    if (marks.size() > shown.size()) {
      text("quiet", texts, end + 4, (marks.size() - shown.size()) + " more, see the report");
    }
    top = end + BETWEEN;
  }

  private void title(Outcome outcome) {
    String verdict = outcome.passed() ? "PASS" : "FAIL";
    int y = top + 24;
    text("title", 16, y, outcome.scenario().name());
    String about = outcome.scenario().head().about().strip().replaceAll("\\s+", " ");
    text("quiet", 16, y + 18, about.length() > 150 ? about.substring(0, 149) + "…" : about);
    text(outcome.passed() ? "good" : "bad", width - 60, y, verdict);
  }

  private static List<Row> rows(List<Mark> marks, int first) {
    List<Row> rows = new ArrayList<>();
    int y = first;
    Mark before = null;
    for (Mark mark : marks) {
      if (before != null && mark.atNanos() - before.atNanos() > GAP_MILLIS * 1e6) {
        y += GAP_ROW;
      }
      rows.add(new Row(mark, y));
      y += ROW;
      before = mark;
    }
    return rows;
  }

  private void lanes(List<String> lanes, Map<String, Integer> middles, int from, int to) {
    for (String lane : lanes) {
      int x = middles.get(lane);
      text("lane", x, from - 4, lane);
      svg.append("<path class=\"line\" d=\"M%d %dV%d\"/>%n".formatted(x, from, to));
    }
    text("time", TIMES - 12, from - 4, "ms");
  }

  private void row(Row row, Map<String, Integer> middles, int texts, long zero) {
    Mark mark = row.mark;
    text(
        "time",
        TIMES - 12,
        row.y + 4,
        String.format(Locale.ROOT, "%.3f", (mark.atNanos() - zero) / 1e6));
    int from = middles.get(mark.lane());
    int to = middles.get(mark.to());
    if (from == to) {
      svg.append("<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"3\"/>%n".formatted(from, row.y));
    } else {
      int step = from < to ? -7 : 7;
      svg.append("<path class=\"go\" d=\"M%d %dH%d\"/>%n".formatted(from, row.y, to + step));
      svg.append("<path class=\"tip\" d=\"M%d %dl%d -4v8z\"/>%n".formatted(to, row.y, step));
    }
    text(isBad(mark.event()) ? "bad" : "", texts, row.y + 4, mark.text());
  }

  private static boolean isBad(String event) {
    return switch (event) {
      case "fence_begun",
          "access_placed_after_end",
          "audit_difference",
          "invalidation_failed",
          "failed" ->
          true;
      default -> false;
    };
  }

  private static String duration(double millis) {
    return millis < 1000
        ? String.format(Locale.ROOT, "%.0f ms", millis)
        : String.format(Locale.ROOT, "%.1f s", millis / 1000);
  }

  private void rectangle(String style, int x, int y, int height, String title) {
    svg.append(
        ("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"7\" height=\"%d\" rx=\"2\">"
                + "<title>%s</title></rect>%n")
            .formatted(style, x, y, height, escaped(title)));
  }

  private void text(String style, int x, int y, String text) {
    svg.append(
        "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>%n".formatted(style, x, y, escaped(text)));
  }

  private static String escaped(String text) {
    return JunitReport.clean(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
