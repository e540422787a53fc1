package io.selkie.test.support;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A process that has ended.
 *
 * @param out all that it said
 * @param err and complained of
 */
public record Ended(int status, String out, String err) {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Runs a command without input to its end; after so long it is killed. */
  public static Ended of(List<String> command, int timeoutSeconds) throws Exception {
    Process process = new ProcessBuilder(command).start();
    process.getOutputStream().close();
    CompletableFuture<String> out = said(process.getInputStream());
    CompletableFuture<String> err = said(process.getErrorStream());
    if (!process.waitFor(timeoutSeconds, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
    return new Ended(
        process.waitFor(),
        out.get(timeoutSeconds, TimeUnit.SECONDS),
        err.get(timeoutSeconds, TimeUnit.SECONDS));
  }

  /**
   * All that comes, once it has ended; read by a thread of its own. The common pool has one thread
   * on two processors, and who waits there for one output keeps the other from being read.
   */
  public static CompletableFuture<String> said(InputStream from) {
    CompletableFuture<String> said = new CompletableFuture<>();
    Thread.ofPlatform().daemon().name("output").start(() -> said.complete(text(from)));
    return said;
  }

  private static String text(InputStream from) {
    try (from) {
      return new String(from.readAllBytes(), UTF_8);
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** What it said, as JSON. */
  public JsonNode json() throws IOException {
    return JSON.readTree(out);
  }
}
