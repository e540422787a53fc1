package io.selkie.config;

/**
 * One thing that is wrong with a configuration.
 *
 * @param source the file, or "command line"
 * @param line from 1; 0 when the source has no lines
 * @param column from 1; 0 when the source has no lines
 * @param key where in the tree, such as {@code layout.recallTimeoutMillis}; empty for the whole
 * @param message what is wrong
 * @param remedy what to do
 */
public record ConfigProblem(
    String source, int line, int column, String key, String message, String remedy) {

  /** One line: {@code file:line:column: key: message; remedy}. */
  @Override
  public String toString() {
    String where = line > 0 ? source + ":" + line + ":" + column : source;
    return where + ": " + (key.isEmpty() ? "" : key + ": ") + message + "; " + remedy;
  }
}
