package io.selkie.config;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sizes and times are plain whole numbers in the unit that the key's name ends in: one way to write
 * a value, nothing to guess. Who writes "15s" or "1MiB" is told the number.
 */
final class Units {

  private static final Pattern WITH_UNIT = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([A-Za-z]+)");

  private static final Map<String, BigDecimal> NANOS =
      Map.of(
          "ns", BigDecimal.ONE,
          "us", BigDecimal.valueOf(1_000),
          "ms", BigDecimal.valueOf(1_000_000),
          "s", BigDecimal.valueOf(1_000_000_000),
          "sec", BigDecimal.valueOf(1_000_000_000),
          "min", BigDecimal.valueOf(60_000_000_000L),
          "m", BigDecimal.valueOf(60_000_000_000L),
          "h", BigDecimal.valueOf(3_600_000_000_000L));

  private static final Map<String, BigDecimal> BYTES =
      Map.of(
          "b", BigDecimal.ONE,
          "k", BigDecimal.valueOf(1L << 10),
          "kib", BigDecimal.valueOf(1L << 10),
          "kb", BigDecimal.valueOf(1_000),
          "m", BigDecimal.valueOf(1L << 20),
          "mib", BigDecimal.valueOf(1L << 20),
          "mb", BigDecimal.valueOf(1_000_000),
          "g", BigDecimal.valueOf(1L << 30),
          "gib", BigDecimal.valueOf(1L << 30),
          "gb", BigDecimal.valueOf(1_000_000_000));

  private Units() {}

  /** What to tell someone who wrote {@code text} for {@code key}. */
  static String remedy(String key, String text) {
    String unit =
        key.endsWith("Millis")
            ? "milliseconds"
            : key.endsWith("Seconds") ? "seconds" : key.endsWith("Bytes") ? "bytes" : "";
    if (unit.isEmpty()) {
      return "write a whole number";
    }
    String number = converted(unit, text);
    return "the unit is " + unit + ", as the key says: write a whole number" + number;
  }

  private static String converted(String unit, String text) {
    Matcher matcher = WITH_UNIT.matcher(text);
    if (!matcher.matches()) {
      return "";
    }
    boolean size = unit.equals("bytes");
    BigDecimal factor = (size ? BYTES : NANOS).get(matcher.group(2).toLowerCase(Locale.ROOT));
    if (factor == null) {
      return "";
    }
    BigDecimal divisor =
        switch (unit) {
          case "milliseconds" -> BigDecimal.valueOf(1_000_000);
          case "seconds" -> BigDecimal.valueOf(1_000_000_000);
          default -> BigDecimal.ONE;
        };
    BigDecimal value =
        new BigDecimal(matcher.group(1)).multiply(factor).divide(divisor, 0, RoundingMode.CEILING);
    return ", " + value.toPlainString();
  }
}
