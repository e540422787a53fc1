package io.selkie.server.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * A headless Chromium that does what its DevTools protocol is told: JSON messages, each ended by a
 * zero byte, over a pair of pipes. So it listens on no port, and ends when this end goes. Safe for
 * use by several threads. Needs the Debian package {@code chromium}.
 */
public final class Chromium implements AutoCloseable {

  /** For whatever a browser does; a machine may stall. */
  static final int PATIENCE_SECONDS = 120;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The shell gives the browser its two pipes as descriptors 3 and 4, where it expects them. */
  private static final String PIPES = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

  private final Process process;
  private final Path said;
  private final OutputStream out;
  private final Thread reader;
  private final AtomicInteger last = new AtomicInteger();
  private final Map<Integer, CompletableFuture<JsonNode>> asked = new ConcurrentHashMap<>();
  private final Map<String, Consumer<JsonNode>> pages = new ConcurrentHashMap<>();

  private Chromium(Process process, Path said) {
    this.process = process;
    this.said = said;
    this.out = new BufferedOutputStream(process.getOutputStream());
    this.reader = Thread.ofPlatform().daemon().name("chromium").unstarted(this::read);
    reader.start();
  }

  /**
   * Starts one.
   *
   * @param profile a directory of its own
   */
  public static Chromium start(Path profile) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "sh",
                "-c",
                PIPES,
                "chromium",
                "--remote-debugging-pipe",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
                "--hide-scrollbars",
                "--user-data-dir=" + profile));
    Path said = profile.resolve("said");
    return new Chromium(new ProcessBuilder(command).redirectError(said.toFile()).start(), said);
  }

  /** A new tab, with nothing in it. */
  public BrowserPage page() throws IOException {
    String target =
        send(null, "Target.createTarget", Map.of("url", "about:blank")).path("targetId").asText();
    String session =
        send(null, "Target.attachToTarget", Map.of("targetId", target, "flatten", true))
            .path("sessionId")
            .asText();
    BrowserPage page = new BrowserPage(this, session, target);
    pages.put(session, page::on);
    page.begin();
    return page;
  }

  void forget(String session) {
    pages.remove(session);
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param session of a tab; null for the browser itself
   * @throws IOException when it refuses, or does not answer in time
   */
  JsonNode send(String session, String method, Map<String, ?> parameters) throws IOException {
    int id = last.incrementAndGet();
    ObjectNode message = JSON.createObjectNode().put("id", id).put("method", method);
    message.set("params", JSON.valueToTree(parameters));
    if (session != null) {
      message.put("sessionId", session);
    }
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    asked.put(id, answer);
    synchronized (out) {
      out.write(JSON.writeValueAsBytes(message));
      out.write(0);
      out.flush();
    }
    try {
      return answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new IOException(method + " of Chromium failed", e.getCause());
    } catch (TimeoutException e) {
      throw new IOException(method + " is not answered by Chromium, which said " + words(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(method, e);
    } finally {
      asked.remove(id);
    }
  }

  private String words() {
    try {
      return Files.readString(said, UTF_8);
    } catch (IOException e) {
      return e.toString();
    }
  }

  private void read() {
    try (InputStream in = new BufferedInputStream(process.getInputStream())) {
      ByteArrayOutputStream message = new ByteArrayOutputStream();
      for (int next = in.read(); next >= 0; next = in.read()) {
        if (next == 0) {
          take(JSON.readTree(message.toByteArray()));
          message.reset();
        } else {
          message.write(next);
        }
      }
      end(new IOException("Chromium has ended; it said " + words()));
    } catch (IOException e) {
      end(e);
    }
  }

  private void take(JsonNode message) {
    if (message.has("id")) {
      CompletableFuture<JsonNode> answer = asked.get(message.path("id").asInt());
      if (answer == null) {
        return;
      }
      if (message.has("error")) {
        answer.completeExceptionally(new IOException(message.path("error").toString()));
      } else {
        answer.complete(message.path("result"));
      }
      return;
    }
    Consumer<JsonNode> page = pages.get(message.path("sessionId").asText());
    if (page != null) {
      page.accept(message);
    }
  }

  private void end(IOException why) {
    asked.values().forEach(answer -> answer.completeExceptionally(why));
  }

  /** Ends it, and waits until nothing of it is left. */
  @Override
  public void close() throws IOException {
    try (out) {
      send(null, "Browser.close", Map.of());
    } catch (IOException _) {
      // It went before it could say so; or it will not, and is killed.
    } finally {
      try {
        if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          process.descendants().forEach(ProcessHandle::destroyForcibly);
          process.destroyForcibly();
        }
        reader.join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
