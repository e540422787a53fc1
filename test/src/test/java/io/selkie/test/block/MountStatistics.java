package io.selkie.test.block;

import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a Linux client counts of one mount.
 *
 * @param calls how often each operation was called
 * @param driver of its layouts, as LAYOUT_SCSI; null for none
 */
record MountStatistics(Map<String, Long> calls, String driver) {

  private static final String DRIVER = "pnfs=";

  /** Of the text of /proc/self/mountstats. */
  static MountStatistics of(String all, String mountPoint) {
    String mine = all.substring(all.indexOf("mounted on " + mountPoint + " "));
    int next = mine.indexOf("\ndevice ");
    mine = next < 0 ? mine : mine.substring(0, next);
    Map<String, Long> calls =
        mine.lines()
            .map(String::strip)
            .filter(line -> line.matches("[A-Z_]+: \\d+ .*"))
            .collect(
                Collectors.toMap(
                    line -> line.substring(0, line.indexOf(':')),
                    line -> Long.parseLong(line.split(" ")[1])));
    int at = mine.indexOf(DRIVER);
    String driver = at < 0 ? null : mine.substring(at + DRIVER.length()).split("[,\\s]")[0];
    return new MountStatistics(calls, driver);
  }

  long of(String operation) {
    return calls.getOrDefault(operation, 0L);
  }

  /** What was called since an earlier look. */
  long since(MountStatistics before, String operation) {
    return of(operation) - before.of(operation);
  }
}
