package io.selkie.server.ops;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.server.ops.ShownServer.LIVE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.ConfigSource;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.OnLoopback;
import io.selkie.server.SelkieServer;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.testing.BrowserPage;
import io.selkie.server.testing.Chromium;
import io.selkie.server.testing.TcpRelay;
import io.selkie.server.testing.TestCertificate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: the page says what is the matter when the server is gone, has nothing to show, or wants a
 * token, and goes on by itself when it can. Method: headless Chromium in front of real servers.
 */
@Tag("debian")
@Timeout(600)
@TestInstance(Lifecycle.PER_CLASS)
class HttpPageTroubleTest {

  private static final String TOKEN = "0123456789abcdef0123456789abcdef";
  private static final String OTHER_TOKEN = "fedcba9876543210fedcba9876543210";
  private static final String LOCKED = "document.body.dataset.state === 'locked'";

  private Chromium browser;

  @BeforeAll
  void start(@TempDir Path profile) throws IOException {
    browser = Chromium.start(profile);
  }

  @AfterAll
  void stop() throws IOException {
    browser.close();
  }

  private static String text(String id) {
    return "document.getElementById('" + id + "').innerText";
  }

  private static void shown(BrowserPage page, String name) throws IOException {
    page.size(390, 900);
    assertThat(page.value("document.documentElement.scrollWidth").asInt()).isEqualTo(390);
    page.size(1280, 900);
    page.picture(Path.of("target", "page-" + name + ".png"));
  }

  @Test
  void serverThatGoesIsSaidAndComesBackByItself() throws Exception {
    try (TcpRelay relay = new TcpRelay();
        BrowserPage page = browser.page();
        // Before the files of the other are removed: none of its own has the number of one of
        // those.
        ShownServer second = new ShownServer("")) {
      second.sparse("scratch", "other");
      try (ShownServer first = new ShownServer("")) {
        first.sparse("pool", "database");
        ShownServer.hold(first.exports().client("alice"), "pool", "database", LAYOUTIOMODE4_READ);
        relay.to(first.exports().server().httpAddress().orElseThrow());
        page.go(relay.origin());
        page.until(LIVE);
        page.value("window.before = true");
      }
      page.until("document.body.dataset.state === 'gone'");
      assertThat(page.text(text("trouble"))).startsWith("The server has not answered since ");
      assertThat(page.text(text("live"))).isEqualTo("not connected");
      assertThat(page.text(text("numbers"))).as("what was known stays to be seen").contains("1");
      shown(page, "gone");
      ShownServer.open(second.exports().client("bob"), "scratch", "other");
      relay.to(second.exports().server().httpAddress().orElseThrow());
      page.until(LIVE);
      page.until(text("clients") + ".includes('bob')");
      assertThat(page.holds("document.getElementById('trouble').hidden")).isTrue();
      assertThat(page.text(text("files"))).contains("other").doesNotContain("database");
      // Asked for when all the rest is drawn.
      page.until(text("map-text") + ".includes('Choose another file')");
      assertThat(page.holds("window.before")).as("it was never loaded again").isTrue();
      assertThat(page.mistakes()).isEmpty();
    }
  }

  @Test
  void emptyServerSaysWhatWillBeThere() throws Exception {
    try (ShownServer server = new ShownServer("");
        BrowserPage page = server.shownBy(browser)) {
      assertThat(page.text(text("files-count"))).isEqualTo("No file is open.");
      assertThat(page.text(text("map-text"))).startsWith("No file is open. As soon as");
      assertThat(page.text(text("recalls"))).startsWith("Nothing was recalled so far.");
      assertThat(page.text(text("latencies"))).contains("none so far");
      assertThat(page.text(text("clients"))).startsWith("Nobody is here.");
      shown(page, "empty");
      // The first file of all is chosen by itself.
      server.sparse("pool", "first");
      ShownServer.hold(server.exports().client("alice"), "pool", "first", LAYOUTIOMODE4_READ);
      page.until(text("map-name") + " === 'pool/first'");
      assertThat(page.mistakes()).isEmpty();
    }
  }

  /** A server that may be told to load its configuration again. */
  private static SelkieServer withToken(Path directory, Path token) throws Exception {
    Files.createDirectory(directory.resolve("export"));
    Path file =
        Files.writeString(
            directory.resolve("selkie.yaml"),
            """
            exports: [{path: %s, name: secret-files}]
            http: {listen: '127.0.0.1:0', tokenFile: %s}
            """
                .formatted(directory.resolve("export"), token));
    ConfigSource source =
        new ConfigSource(Optional.of(file), OnLoopback.withStateIn(directory.resolve("state")));
    return SelkieServer.start(source.load(), source, new LinuxKernel());
  }

  @Test
  void tokenIsAskedForKeptForTheTabAndAskedForAgainWhenItIsRenewed(@TempDir Path directory)
      throws Exception {
    Path token = TestCertificate.file(directory.resolve("token"), TOKEN, "rw-------");
    try (SelkieServer server = withToken(directory, token);
        BrowserPage page = browser.page()) {
      String origin = "http://127.0.0.1:" + server.httpAddress().orElseThrow().getPort() + "/";
      page.go(origin);
      page.until(LOCKED);
      assertThat(page.focused()).isEqualTo("token");
      assertThat(page.text(text("refused"))).isEmpty();
      assertThat(page.text("document.body.textContent")).doesNotContain("secret-files");
      shown(page, "token");

      page.type(OTHER_TOKEN);
      page.press("Enter");
      page.until(LOCKED + " && document.getElementById('refused').textContent !== ''");
      assertThat(page.text(text("refused"))).isEqualTo("The server does not know this token.");
      assertThat(page.focused()).isEqualTo("token");
      assertThat(page.value("sessionStorage.length").asInt()).isZero();

      page.type(TOKEN);
      page.press("Enter");
      page.until(LIVE);
      assertThat(page.text(text("exports"))).contains("secret-files");
      assertThat(page.text("sessionStorage.getItem('token')")).isEqualTo(TOKEN);
      assertThat(page.value("localStorage.length").asInt()).isZero();
      assertThat(page.text("document.cookie")).isEmpty();
      assertThat(page.requests()).noneMatch(asked -> asked.url().contains(TOKEN));
      // For this tab, also when it is loaded again; for no other one.
      page.go(origin);
      page.until(LIVE);
      try (BrowserPage another = browser.page()) {
        another.go(origin);
        another.until(LOCKED);
      }

      TestCertificate.file(token, OTHER_TOKEN, "rw-------");
      assertThat(server.reload(false).toCompletableFuture().get(120, TimeUnit.SECONDS))
          .isInstanceOf(ReloadOutcome.Applied.class);
      page.until(LOCKED + " && document.getElementById('refused').textContent !== ''");
      assertThat(page.text(text("refused"))).isEqualTo("The token does not count any more.");
      assertThat(page.value("sessionStorage.length").asInt()).isZero();
      page.type(OTHER_TOKEN);
      page.press("Enter");
      page.until(LIVE);
      assertThat(page.mistakes()).isEmpty();
    }
  }
}
