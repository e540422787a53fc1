package io.selkie.server.keeper;

import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a kept descriptor is called: {@code selkie-HOLD-PID-NUMBER}. It says for how long it is to
 * be kept once its server is dead, so that the next one need not have the same configuration.
 *
 * @param hold a lease and an access
 * @param pid of the server that had it
 * @param number tells those of one server apart
 */
record KeptName(Duration hold, long pid, long number) {

  private static final Pattern FORM = Pattern.compile("selkie-([0-9]{1,9})-([0-9]{1,10})-([0-9]+)");

  /** As the service manager takes it: no colon, no more than 255 characters. */
  String text() {
    return "selkie-" + hold.toMillis() + "-" + pid + "-" + number;
  }

  /** Empty when it is another one's. */
  static Optional<KeptName> parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches() || matcher.group(3).length() > 18) {
      return Optional.empty();
    }
    return Optional.of(
        new KeptName(
            Duration.ofMillis(Long.parseLong(matcher.group(1))),
            Long.parseLong(matcher.group(2)),
            Long.parseLong(matcher.group(3))));
  }
}
