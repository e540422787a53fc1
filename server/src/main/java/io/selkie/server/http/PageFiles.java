package io.selkie.server.http;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The page that shows the server, as it lies in the archive; nothing else can be named. */
final class PageFiles {

  /** Only what comes from here is loaded, run or asked; nobody puts the page into another one. */
  static final Map<String, String> HEADERS =
      Map.of(
          "content-security-policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src"
              + " 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
          "referrer-policy",
          "no-referrer",
          "x-frame-options",
          "DENY");

  private static final String SCRIPT = "text/javascript; charset=utf-8";

  private static final Map<String, String> TYPES =
      Map.of(
          "index.html", "text/html; charset=utf-8",
          "style.css", "text/css; charset=utf-8",
          "icon.svg", "image/svg+xml",
          "app.js", SCRIPT,
          "api.js", SCRIPT,
          "draw.js", SCRIPT,
          "files.js", SCRIPT,
          "blockmap.js", SCRIPT,
          "mapview.js", SCRIPT,
          "charts.js", SCRIPT);

  private final Map<String, PageFile> files = new HashMap<>();

  /** A file and what it is. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared, never changed.
  record PageFile(String type, byte[] content) {}

  PageFiles() {
    TYPES.forEach((name, type) -> {
      PageFile file = new PageFile(type, read(name));
      files.put("/page/" + name, file);
      if (name.equals("index.html")) {
        files.put("/", file);
      }
    });
  }

  private static byte[] read(String name) {
    try (InputStream in = PageFiles.class.getResourceAsStream("page/" + name)) {
      if (in == null) {
        throw new IllegalStateException("page/" + name + " is missing in the archive");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Optional<PageFile> at(String path) {
    return Optional.ofNullable(files.get(path));
  }
}
