package io.selkie.server.testing;

import static java.util.Map.entry;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A tab of {@link Chromium}: keys go in, what is shown comes out. Used by one thread at a time. */
public final class BrowserPage implements AutoCloseable {

  /** What was asked of the network. */
  public record Asked(String method, String url) {}

  private static final int SHIFT = 8;

  /** Virtual key codes of the keys that are pressed in tests. */
  private static final Map<String, Integer> CODES =
      Map.ofEntries(
          entry("Tab", 9),
          entry("Enter", 13),
          entry("Escape", 27),
          entry(" ", 32),
          entry("PageUp", 33),
          entry("PageDown", 34),
          entry("End", 35),
          entry("Home", 36),
          entry("ArrowLeft", 37),
          entry("ArrowUp", 38),
          entry("ArrowRight", 39),
          entry("ArrowDown", 40),
          entry("0", 48),
          entry("+", 187),
          entry("-", 189));

  private final Chromium browser;
  private final String session;
  private final String target;
  private final List<Asked> requests = new CopyOnWriteArrayList<>();
  private final List<String> mistakes = new CopyOnWriteArrayList<>();
  private volatile CompletableFuture<Void> loaded = new CompletableFuture<>();

  BrowserPage(Chromium browser, String session, String target) {
    this.browser = browser;
    this.session = session;
    this.target = target;
  }

  void begin() throws IOException {
    for (String domain : List.of("Page", "Network", "Runtime", "Log", "Accessibility")) {
      call(domain + ".enable", Map.of());
    }
    // Several tabs, none of which a person has clicked into.
    call("Emulation.setFocusEmulationEnabled", Map.of("enabled", true));
    size(1280, 900);
  }

  /** An event; on the browser's thread. */
  void on(JsonNode message) {
    JsonNode parameters = message.path("params");
    switch (message.path("method").asText()) {
      case "Page.loadEventFired" -> loaded.complete(null);
      case "Network.requestWillBeSent" -> {
        JsonNode request = parameters.path("request");
        requests.add(new Asked(request.path("method").asText(), request.path("url").asText()));
      }
      case "Runtime.exceptionThrown" ->
          mistakes.add(parameters.path("exceptionDetails").toString());
      case "Log.entryAdded" -> {
        // Answers that say no are told as "network"; what the page makes of them is tested.
        JsonNode entry = parameters.path("entry");
        if (entry.path("level").asText().equals("error")
            && !entry.path("source").asText().equals("network")) {
          mistakes.add(entry.path("text").asText());
        }
      }
      default -> {
        // Not of interest.
      }
    }
  }

  /** Asks the tab. */
  public JsonNode call(String method, Map<String, ?> parameters) throws IOException {
    return browser.send(session, method, parameters);
  }

  /** A script that is run in each document from now on, before any of its own. */
  public void before(String script) throws IOException {
    call("Page.addScriptToEvaluateOnNewDocument", Map.of("source", script));
  }

  /** Goes somewhere, and waits until it and what belongs to it has been loaded. */
  public void go(String url) throws Exception {
    loaded = new CompletableFuture<>();
    call("Page.navigate", Map.of("url", url));
    loaded.get(Chromium.PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  /** The window's size in CSS pixels. */
  public void size(int width, int height) throws IOException {
    call(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 600));
  }

  /** What its user prefers, such as prefers-color-scheme: dark. */
  public void prefer(Map<String, String> features) throws IOException {
    call(
        "Emulation.setEmulatedMedia",
        Map.of(
            "features",
            features.entrySet().stream()
                .map(each -> Map.of("name", each.getKey(), "value", each.getValue()))
                .toList()));
  }

  /** All addresses that were asked for so far. */
  public List<Asked> requests() {
    return List.copyOf(requests);
  }

  /** Errors of scripts and offences against the page's policy so far. */
  public List<String> mistakes() {
    return List.copyOf(mistakes);
  }

  // ---------------------------------------------------------------- what is shown

  /** A JavaScript expression's value; a promise is waited for. Its policy holds for eval in it. */
  public JsonNode value(String expression) throws IOException {
    JsonNode result =
        call(
            "Runtime.evaluate",
            Map.of(
                "expression",
                expression,
                "awaitPromise",
                true,
                "returnByValue",
                true,
                "allowUnsafeEvalBlockedByCSP",
                false));
    if (result.has("exceptionDetails")) {
      throw new IOException(expression + ": " + result.path("exceptionDetails"));
    }
    return result.path("result").path("value");
  }

  public String text(String expression) throws IOException {
    return value(expression).asText();
  }

  /** Whether it holds now. */
  public boolean holds(String expression) throws IOException {
    return value("Boolean(" + expression + ")").asBoolean();
  }

  /** Waits until it holds, looking whenever the document has changed. */
  public void until(String expression) throws Exception {
    CompletableFuture<JsonNode> answer =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return value(
                    """
                    new Promise((over) => {
                      const look = () => {
                        if (%s) {
                          watch.disconnect();
                          over(true);
                        }
                      };
                      const watch = new MutationObserver(look);
                      watch.observe(document, {
                        subtree: true, childList: true, attributes: true, characterData: true,
                      });
                      look();
                    })\
                    """
                        .formatted(expression));
              } catch (IOException e) {
                throw new IllegalStateException(e);
              }
            },
            command -> Thread.ofPlatform().daemon().start(command));
    try {
      answer.get(Chromium.PATIENCE_SECONDS / 2, TimeUnit.SECONDS);
    } catch (TimeoutException _) {
      throw new AssertionError(
          "this did not come to hold: %s%nmistakes: %s%npage: %s"
              .formatted(expression, mistakes, text("document.body.innerText")));
    } catch (ExecutionException e) {
      throw new AssertionError(expression, e);
    }
  }

  /** The focused element's id, or its text when it has none; empty when it is the body. */
  public String focused() throws IOException {
    return text(
        "document.activeElement === document.body ? '' : document.activeElement.id ||"
            + " document.activeElement.textContent.trim().slice(0, 40)");
  }

  /** A picture of all of the page, as PNG. */
  public void picture(Path file) throws IOException {
    JsonNode picture =
        call("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", true));
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.write(file, Base64.getDecoder().decode(picture.path("data").asText()));
  }

  // ---------------------------------------------------------------- keys

  /** Presses keys one after the other, as a keyboard does; "Shift+" may stand before a name. */
  public void press(String... keys) throws IOException {
    for (String key : keys) {
      boolean shift = key.startsWith("Shift+");
      press(shift ? key.substring("Shift+".length()) : key, shift ? SHIFT : 0);
    }
  }

  private void press(String key, int modifiers) throws IOException {
    Integer code = CODES.get(key);
    if (code == null) {
      throw new IllegalArgumentException("no code is known for the key " + key);
    }
    String text = key.equals("Enter") ? "\r" : key.length() == 1 ? key : "";
    Map<String, Object> event = new HashMap<>();
    event.put("key", key);
    event.put("code", key.equals(" ") ? "Space" : key);
    event.put("windowsVirtualKeyCode", code);
    event.put("modifiers", modifiers);
    if (!text.isEmpty()) {
      event.put("text", text);
    }
    event.put("type", text.isEmpty() ? "rawKeyDown" : "keyDown");
    call("Input.dispatchKeyEvent", event);
    event.remove("text");
    event.put("type", "keyUp");
    call("Input.dispatchKeyEvent", event);
  }

  /** Types a text where the focus is. */
  public void type(String text) throws IOException {
    call("Input.insertText", Map.of("text", text));
  }

  @Override
  public void close() throws IOException {
    browser.forget(session);
    browser.send(null, "Target.closeTarget", Map.of("targetId", target));
  }
}
