package io.selkie.test.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a Java machine's collector wrote with {@code -Xlog:gc:file=...}. */
final class GcLog {

  private static final Pattern PAUSE = Pattern.compile("Pause.* (\\d+\\.\\d+)ms\\s*$");

  private GcLog() {}

  /**
   * The pauses.
   *
   * @param count how many
   * @param maxMillis the longest one, 0 for none
   */
  record Pauses(int count, double maxMillis) {}

  /** The flag that makes a Java machine write one. */
  static String flag(Path file) {
    return "-Xlog:gc:file=" + file + "::filecount=0";
  }

  static Pauses read(Path file) throws IOException {
    int count = 0;
    double max = 0;
    for (String line : Files.readAllLines(file, UTF_8)) {
      Matcher matcher = PAUSE.matcher(line);
      if (matcher.find()) {
        count++;
        max = Math.max(max, Double.parseDouble(matcher.group(1)));
      }
    }
    return new Pauses(count, max);
  }
}
