package io.selkie.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a process has cost so far, in steps of 10 ms. The JDK's own answer to when it began counts
 * from the second in which the machine started, so it is wrong by up to one second.
 *
 * @param ageMillis since it began; 0 when the kernel does not tell
 * @param processorMillis of all its threads, in the kernel and outside; 0 likewise
 */
record ProcessTimes(long ageMillis, long processorMillis) {

  /** USER_HZ, the same on every machine that Linux and this JVM run on. */
  private static final long MILLIS_PER_TICK = 10;

  // Of the values after the program's name, which is in brackets and may hold anything; see
  // proc(5).
  private static final int USER_TICKS = 11;
  private static final int KERNEL_TICKS = 12;
  private static final int START_TICKS = 19;

  /**
   * Of this process now.
   *
   * @param proc where the proc file system is
   */
  static ProcessTimes of(Path proc) {
    try {
      String stat = Files.readString(proc.resolve("self/stat"));
      String[] values = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      String uptime = Files.readString(proc.resolve("uptime")).split(" ")[0];
      long sinceBootMillis = Math.round(Double.parseDouble(uptime) * 1000);
      return new ProcessTimes(
          Math.max(0, sinceBootMillis - millis(values[START_TICKS])),
          millis(values[USER_TICKS]) + millis(values[KERNEL_TICKS]));
    } catch (IOException | RuntimeException _) {
      return new ProcessTimes(0, 0);
    }
  }

  private static long millis(String ticks) {
    return Long.parseLong(ticks) * MILLIS_PER_TICK;
  }
}
