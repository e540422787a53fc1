package io.selkie.test.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The live heap of another Java process, after a full collection, by the JDK's own jcmd. */
final class LiveHeap {

  private static final Pattern TOTAL = Pattern.compile("(?m)^Total\\s+(\\d+)\\s+(\\d+)");
  private static final int TIMEOUT_SECONDS = 60;

  private LiveHeap() {}

  /** Bytes of all objects that are still reachable; the histogram collects the others first. */
  static long bytes(long pid) throws IOException, InterruptedException {
    Process jcmd =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(pid),
                "GC.class_histogram")
            .redirectErrorStream(true)
            .start();
    String out = new String(jcmd.getInputStream().readAllBytes(), UTF_8);
    if (!jcmd.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
      jcmd.destroyForcibly();
      throw new IOException("jcmd " + pid + " does not end");
    }
    Matcher total = TOTAL.matcher(out);
    if (!total.find()) {
      throw new IOException("jcmd " + pid + " has no histogram: " + out.lines().findFirst());
    }
    return Long.parseLong(total.group(2));
  }
}
