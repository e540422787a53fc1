package io.selkie.test.drill;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A time as a scenario writes it: {@code 300ms}, {@code 2s}, or {@code 40%} of the server's recall
 * timeout, which makes a scenario fit servers with more patience.
 *
 * @param amount milliseconds, or hundredths of the recall timeout
 * @param percent which of the two
 */
record Span(long amount, boolean percent) {

  /** What to tell somebody who wrote it otherwise. */
  static final String REMEDY =
      "write milliseconds (300ms), seconds (2s) or hundredths of the recall timeout (40%)";

  private static final Pattern WRITTEN = Pattern.compile("(\\d{1,9})(ms|s|%)");
  private static final long MILLIS_MAX = 3_600_000;

  /** Reads one; empty when it is none, or more than an hour. */
  static Optional<Span> parse(String text) {
    Matcher matcher = WRITTEN.matcher(text.strip());
    if (!matcher.matches()) {
      return Optional.empty();
    }
    long number = Long.parseLong(matcher.group(1));
    long amount = matcher.group(2).equals("s") ? number * 1000 : number;
    return amount > MILLIS_MAX
        ? Optional.empty()
        : Optional.of(new Span(amount, matcher.group(2).equals("%")));
  }

  /** One that was checked before. */
  static Span of(String text) {
    return parse(text).orElseThrow(() -> new IllegalArgumentException(text));
  }

  /** How long that is on a server with this recall timeout. */
  long millis(long recallTimeoutMillis) {
    return percent ? amount * recallTimeoutMillis / 100 : amount;
  }

  @Override
  public String toString() {
    return percent ? amount + " % of the recall timeout" : amount + " ms";
  }
}
