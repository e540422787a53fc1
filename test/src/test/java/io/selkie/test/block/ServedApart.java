package io.selkie.test.block;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.test.support.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * {@code selkie serve} of a guest's configuration in a process of its own, which can be killed; it
 * is ready when it is made. What it says comes with what the tests say.
 */
final class ServedApart implements AutoCloseable {

  private static final int START_SECONDS = 300;
  private static final int EXIT_SECONDS = 90;

  private final Process process;

  ServedApart(Path config) throws Exception {
    process =
        new ProcessBuilder(
                ChildJvm.command(
                    ChildJvm.classPath(),
                    List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"),
                    "io.selkie.server.Main",
                    List.of("serve", "--config", config.toString())))
            .redirectErrorStream(true)
            .start();
    CompletableFuture<Void> ready = new CompletableFuture<>();
    Thread.ofPlatform().daemon().name("server-output").start(() -> read(ready));
    ready.get(START_SECONDS, TimeUnit.SECONDS);
  }

  private void read(CompletableFuture<Void> ready) {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        System.out.println("server " + process.pid() + ": " + line);
        if (line.startsWith("selkie ready")) {
          ready.complete(null);
        }
      }
    } catch (IOException e) {
      ready.completeExceptionally(e);
    }
    ready.completeExceptionally(new IOException("it ended before it was ready"));
  }

  /** SIGKILL; returns when it is dead. */
  void kill() throws Exception {
    process.destroyForcibly();
    awaitEnd();
  }

  private void awaitEnd() throws InterruptedException {
    if (!process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("the server does not end");
    }
  }

  /** SIGTERM. */
  @Override
  public void close() throws InterruptedException {
    process.destroy();
    awaitEnd();
  }
}
