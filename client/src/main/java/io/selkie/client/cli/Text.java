package io.selkie.client.cli;

/** Text for a terminal. Names come from a server and may hold anything. */
final class Text {
  private Text() {}

  /** The text with every control character made visible, so that none reaches the terminal. */
  static String printable(String text) {
    StringBuilder safe = new StringBuilder(text.length());
    text.codePoints()
        .forEach(c -> {
          if (Character.isISOControl(c) || Character.getType(c) == Character.FORMAT) {
            safe.append(String.format("\\u%04x", c));
          } else {
            safe.appendCodePoint(c);
          }
        });
    return safe.toString();
  }
}
