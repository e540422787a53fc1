package io.selkie.test.drill;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What lasted, from a row of the picture to another. Makes the bars of one scenario. */
final class TimelineBars {

  private static final int BESIDE = 4;

  private final Map<String, Integer> middles;
  private final List<Bar> bars = new ArrayList<>();
  private final Map<String, Integer> begun = new HashMap<>();

  /** How many of the same kind a lane has: of several files, or several layouts of one. */
  private final Map<String, Integer> depths = new HashMap<>();

  /** Lanes and where their middles are. */
  TimelineBars(Map<String, Integer> middles) {
    this.middles = middles;
  }

  /**
   * One bar.
   *
   * @param style what it means
   * @param first row
   * @param last row, or -1 when it lasts beyond the last one
   */
  record Bar(String style, int x, int first, int last, String title) {}

  /** The bars of these rows. */
  List<Bar> of(List<Mark> rows) {
    for (int i = 0; i < rows.size(); i++) {
      Mark mark = rows.get(i);
      switch (mark.event()) {
        case "granted" -> deeper("holds", mark.to(), i);
        case "recall_sent" -> begin("asked", mark.to(), i);
        case "layout_returned" -> end("asked", mark.lane(), i);
        case "fence_begun" -> {
          end("asked", mark.to(), i);
          begin("fenced", mark.to(), i);
        }
        case "handle_invalidated" -> dead(mark, i);
        case "local_begun" -> deeper("waits", mark.lane(), i);
        case "local_ended" -> shallower("waits", mark.lane(), i);
        case "sealed" -> deeper("sealed", mark.lane(), i);
        case "seal_released" -> shallower("sealed", Journal.SERVER, i);
        case "server_ended" -> List.copyOf(begun.keySet()).forEach(this::forget);
        default -> {
          // A moment.
        }
      }
    }
    begun.forEach((key, first) -> add(key, first, -1));
    return bars;
  }

  private void dead(Mark mark, int row) {
    for (String lane : middles.keySet()) {
      if (mark.text().contains(" of " + lane + " is dead")) {
        shallower("holds", lane, row);
        end("fenced", lane, row);
      }
    }
  }

  private void forget(String key) {
    if (!key.startsWith("waits ")) {
      begun.remove(key);
      depths.remove(key);
    }
  }

  private void deeper(String style, String lane, int row) {
    depths.merge(style + " " + lane, 1, Integer::sum);
    begin(style, lane, row);
  }

  private void shallower(String style, String lane, int row) {
    if (depths.merge(style + " " + lane, -1, Integer::sum) <= 0) {
      depths.remove(style + " " + lane);
      end(style, lane, row);
    }
  }

  private void begin(String style, String lane, int row) {
    begun.putIfAbsent(style + " " + lane, row);
  }

  private void end(String style, String lane, int row) {
    Integer first = begun.remove(style + " " + lane);
    if (first != null) {
      add(style + " " + lane, first, row);
    }
  }

  private void add(String key, int first, int last) {
    int space = key.indexOf(' ');
    String style = key.substring(0, space);
    String lane = key.substring(space + 1);
    // What somebody is asked for, or loses, stands beside what he holds.
    int x = middles.get(lane) + (style.equals("asked") || style.equals("fenced") ? BESIDE : -11);
    bars.add(new Bar(style, x, first, last, lane + ": " + style));
  }
}
