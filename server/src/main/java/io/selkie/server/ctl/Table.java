package io.selkie.server.ctl;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Rows for people. The first thousand decide how wide the columns are; what comes later is printed
 * as it comes, so that a list of any length needs no memory.
 */
final class Table {

  private static final int ROWS_MEASURED = 1000;
  private static final int WIDTH_MAX = 60;

  /** A column; the value is a text already. */
  record Column(String head, boolean right, Function<JsonNode, String> value) {

    /** A field as it is. */
    static Column of(String head, String field) {
      return new Column(head, false, row -> text(row.path(field)));
    }

    /** A number. */
    static Column number(String head, String field) {
      return new Column(head, true, row -> text(row.path(field)));
    }

    /** What is made of the row. */
    static Column made(String head, Function<JsonNode, String> value) {
      return new Column(head, false, value);
    }

    private static String text(JsonNode value) {
      return value.isNull() || value.isMissingNode() ? "-" : value.asText();
    }
  }

  private final List<Column> columns;
  private final PrintWriter out;
  private final List<List<String>> measured = new ArrayList<>();
  private int[] widths;
  private long rows;

  Table(List<Column> columns, PrintWriter out) {
    this.columns = columns;
    this.out = out;
  }

  void add(JsonNode row) {
    List<String> cells = columns.stream().map(column -> column.value.apply(row)).toList();
    rows++;
    if (widths != null) {
      print(cells);
      return;
    }
    measured.add(cells);
    if (measured.size() == ROWS_MEASURED) {
      begin();
    }
  }

  /** No more rows; how many there were. */
  long end() {
    if (widths == null) {
      begin();
    }
    out.flush();
    return rows;
  }

  private void begin() {
    widths = new int[columns.size()];
    for (int i = 0; i < widths.length; i++) {
      int width = columns.get(i).head.length();
      for (List<String> cells : measured) {
        width = Math.max(width, Math.min(WIDTH_MAX, cells.get(i).length()));
      }
      widths[i] = width;
    }
    print(columns.stream().map(Column::head).toList());
    measured.forEach(this::print);
    measured.clear();
  }

  private void print(List<String> cells) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String cell = cells.get(i);
      String space = " ".repeat(Math.max(0, widths[i] - cell.length()));
      boolean last = i == widths.length - 1;
      line.append(columns.get(i).right ? space + cell : last ? cell : cell + space);
      if (!last) {
        line.append("  ");
      }
    }
    out.println(line);
  }
}
