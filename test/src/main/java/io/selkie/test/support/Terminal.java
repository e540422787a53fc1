package io.selkie.test.support;

import java.io.Console;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.Optional;

/**
 * Plain text for people: colours only where somebody looks at a terminal that wants them, line
 * drawing only where the output's character set has it.
 */
public final class Terminal {

  /** What a piece of text means; how it looks follows from that. */
  public enum Tone {
    /** A heading. */
    HEADING("1"),
    /** What held. */
    GOOD("32"),
    /** What did not. */
    BAD("31;1"),
    /** Beside the point. */
    QUIET("2"),
    /** A figure to look at. */
    FIGURE("36");

    private final String code;

    Tone(String code) {
      this.code = code;
    }
  }

  private final PrintWriter out;
  private final boolean coloured;
  private final boolean drawn;

  /**
   * Makes one.
   *
   * @param coloured whether to use colours
   * @param drawn whether to use characters beyond ASCII
   */
  public Terminal(PrintWriter out, boolean coloured, boolean drawn) {
    this.out = out;
    this.coloured = coloured;
    this.drawn = drawn;
  }

  /**
   * One for standard output: colours when it is a terminal, is not called dumb and {@code NO_COLOR}
   * is not set.
   */
  public static Terminal standard(PrintWriter out) {
    String kind = System.getenv("TERM");
    boolean coloured =
        isInteractive()
            && System.getenv("NO_COLOR") == null
            && kind != null
            && !kind.equals("dumb");
    Charset charset = System.out.charset();
    return new Terminal(
        out, coloured, charset.canEncode() && charset.newEncoder().canEncode("─▶◀│·µ✓✗"));
  }

  /** Whether standard output is a terminal. */
  public static boolean isInteractive() {
    // Since JDK 25 there may be no console at all again.
    return Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
  }

  /** Whether characters beyond ASCII may be used. */
  public boolean drawn() {
    return drawn;
  }

  /** One line. */
  public void line(String text) {
    out.println(drawn ? text : toAscii(text));
    out.flush();
  }

  /** An empty line. */
  public void gap() {
    out.println();
  }

  /** A heading with an empty line before it. */
  public void heading(String text) {
    gap();
    line(tint(Tone.HEADING, text));
  }

  /** The text in its tone, or as it is without colours. */
  public String tint(Tone tone, String text) {
    return coloured ? "\033[" + tone.code + "m" + text + "\033[0m" : text;
  }

  /** Whether something held, as a mark of fixed width. */
  public String mark(boolean held) {
    String text = drawn ? (held ? "✓" : "✗") : (held ? "ok  " : "FAIL");
    return tint(held ? Tone.GOOD : Tone.BAD, text);
  }

  private static String toAscii(String text) {
    StringBuilder ascii = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      ascii.append(
          switch (c) {
            case '─' -> "-";
            case '▶' -> ">";
            case '◀' -> "<";
            case '│' -> "|";
            case '┄' -> ".";
            case '·' -> ".";
            case 'µ' -> "u";
            case '×' -> "x";
            case '≤' -> "<=";
            case '≥' -> ">=";
            case '→' -> "->";
            case '●' -> "*";
            default -> c < 128 ? String.valueOf(c) : "?";
          });
    }
    return ascii.toString();
  }
}
