package io.selkie.server.ops;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.server.testing.BrowserPage;
import io.selkie.server.testing.Chromium;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: the page shows a server with real layouts as it is now, on a wide screen and on a phone, in
 * light and in dark, and needs nothing from elsewhere. Method: headless Chromium shows it; pictures
 * stay in {@code target/} to be looked at.
 */
@Tag("debian")
@Timeout(600)
@TestInstance(Lifecycle.PER_CLASS)
class HttpPageTest {

  private static final int PATIENCE_SECONDS = 120;
  private static final int PIECES = 10_000;

  /** Texts whose contrast to what is behind them is too small (WCAG 2.2, 1.4.3). */
  private static final String FAINT =
      """
      (() => {
        const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
        const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const light = ([r, g, b]) =>
          0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
        const behind = (each) => {
          for (let at = each; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) {
              return colour;
            }
          }
          return [255, 255, 255];
        };
        const faint = [];
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
          const at = texts.currentNode.parentElement;
          if (texts.currentNode.data.trim() && at.checkVisibility()
              && !at.closest("title, noscript, .unseen, .skip")) {
            const style = getComputedStyle(at);
            const ink = light(parse(at instanceof SVGElement ? style.fill : style.color));
            const paper = light(behind(at));
            const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
            if (contrast < 4.5) {
              faint.push(`${texts.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
            }
          }
        }
        return faint;
      })()\
      """;

  /** What sticks out of the window, but for what scrolls by itself. */
  private static final String OUTSIDE =
      """
      [...document.querySelectorAll("body *")]
        .filter((each) => each.checkVisibility() && !each.closest(".scroll, .skip, .unseen")
          && each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
        .map((each) => each.outerHTML.slice(0, 120))\
      """;

  private Chromium browser;

  @BeforeAll
  void start(@TempDir Path profile) throws IOException {
    browser = Chromium.start(profile);
  }

  @AfterAll
  void stop() throws IOException {
    browser.close();
  }

  private static void done(CompletionStage<Void> stage) throws Exception {
    stage.toCompletableFuture().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  /** A JavaScript expression: whether the map's own words contain a text. */
  private static String map(String text) {
    return "document.getElementById('map').getAttribute('aria-label').includes('" + text + "')";
  }

  /** A JavaScript expression: whether what a person reads there contains a text. */
  private static String reads(String place, String text) {
    return "document.getElementById('" + place + "').innerText.includes('" + text + "')";
  }

  @Test
  void pageIsWholeAndReadableInEachWindowAndLight() throws Exception {
    try (ShownServer server = new ShownServer("")) {
      server.sparse("pool", "database");
      String longName = "a-file-with-a-name-that-has-no-end-" + "of-its-own-".repeat(16) + "raw";
      server.sparse("pool", longName);
      server.sparse("scratch", "log");
      FileCalls alice = server.exports().client("alice@workstation-17.example.org");
      FileCalls bob = server.exports().client("bob");
      ShownServer.hold(alice, "scratch", "log", LAYOUTIOMODE4_RW);
      done(server.fence());
      HeldLayout given = ShownServer.hold(bob, "scratch", "log", LAYOUTIOMODE4_RW);
      CallbackInbox inbox = CallbackInbox.of(bob);
      var recalled = server.recall();
      inbox.awaitRecall();
      given.giveBack();
      done(recalled);
      ShownServer.hold(alice, "pool", "database", LAYOUTIOMODE4_READ);
      ShownServer.hold(bob, "pool", "database", LAYOUTIOMODE4_READ);
      ShownServer.hold(bob, "pool", longName, LAYOUTIOMODE4_RW);
      try (BrowserPage page = server.shownBy(browser)) {
        assertThat(page.holds(map("/database: 8 MiB in"))).isTrue();
        assertThat(page.holds(map("sealed, 2 layouts of 2 clients"))).isTrue();
        assertThat(page.text("document.getElementById('recalls').innerText"))
            .contains("fenced", "returned", "administrative");
        assertThat(page.text("document.getElementById('latencies').innerText"))
            .contains("Recalls", "Fences", "of late, half within");
        for (int width : List.of(1280, 390)) {
          page.size(width, 900);
          for (String light : List.of("light", "dark")) {
            page.prefer(Map.of("prefers-color-scheme", light));
            look(page, width, light, "rest");
            // A file chosen, and a piece of it.
            page.value("document.querySelectorAll('#files li')[0].click()");
            page.until(map("/a-file-with"));
            page.value("document.getElementById('map').focus()");
            page.press("ArrowRight", "Enter", "+", "+");
            look(page, width, light, "chosen");
            page.press("Escape", "0");
            page.value("document.querySelectorAll('#files li')[1].click()");
            page.until(map("/database"));
          }
        }
        assertThat(page.mistakes()).isEmpty();
      }
    }
  }

  /** Looks at all of a page, and keeps a picture. */
  private static void look(BrowserPage page, int width, String light, String what)
      throws Exception {
    String as = width + "-" + light + "-" + what;
    page.until("document.querySelector('#map svg').getBoundingClientRect().width <= innerWidth");
    Path picture = Path.of("target", "page-" + as + ".png");
    page.picture(picture);
    BufferedImage image = ImageIO.read(picture.toFile());
    assertThat(image.getWidth()).as(as).isEqualTo(width);
    assertThat(colours(image)).as(as).hasSizeGreaterThan(12);
    if (light.equals("dark")) {
      assertThat(image.getRGB(1, 1) & 0xff).as(as).isLessThan(0x40);
    } else {
      assertThat(image.getRGB(1, 1) & 0xff).as(as).isGreaterThan(0xe0);
    }
    assertThat(page.value("document.documentElement.scrollWidth").asInt()).as(as).isEqualTo(width);
    assertThat(page.value(OUTSIDE)).as(as).isEmpty();
    assertThat(page.value(FAINT)).as(as).isEmpty();
  }

  private static Set<Integer> colours(BufferedImage image) {
    Set<Integer> colours = new HashSet<>();
    for (int y = 0; y < image.getHeight(); y += 3) {
      for (int x = 0; x < image.getWidth(); x += 3) {
        colours.add(image.getRGB(x, y));
      }
    }
    return colours;
  }

  @Test
  void whatHappensToLayoutsAppearsWithoutAReload() throws Exception {
    try (ShownServer server = new ShownServer("")) {
      server.sparse("pool", "database");
      FileCalls alice = server.exports().client("alice");
      FileCalls bob = server.exports().client("bob");
      ShownServer.open(alice, "pool", "database");
      try (BrowserPage page = browser.page()) {
        // What it looks at now and then is left out: only what it is told counts here.
        page.before("window.setInterval = () => 0");
        page.go(server.origin());
        page.until(ShownServer.LIVE);
        page.value("window.before = true");
        assertThat(page.holds(map("not sealed, 0 layouts"))).isTrue();
        assertThat(page.holds(reads("recalls", "Nothing was recalled so far"))).isTrue();

        HeldLayout ofAlice = ShownServer.hold(alice, "pool", "database", LAYOUTIOMODE4_READ);
        page.until(map(", sealed, 1 layout of 1 client"));
        HeldLayout ofBob = ShownServer.hold(bob, "pool", "database", LAYOUTIOMODE4_READ);
        page.until(map("2 layouts of 2 clients"));
        page.until("document.querySelectorAll('#map .layout.reads').length === 2");

        CallbackInbox inboxOfAlice = CallbackInbox.of(alice);
        CallbackInbox inboxOfBob = CallbackInbox.of(bob);
        var recalled = server.recall();
        inboxOfAlice.awaitRecall();
        inboxOfBob.awaitRecall();
        ofAlice.giveBack();
        ofBob.giveBack();
        done(recalled);
        page.until(map("not sealed, 0 layouts"));
        page.until(reads("recalls", "returned"));
        page.until("document.querySelectorAll('#map .layout').length === 0");

        ShownServer.hold(alice, "pool", "database", LAYOUTIOMODE4_RW);
        page.until("document.querySelectorAll('#map .layout.writes').length === 1");
        done(server.fence());
        page.until(reads("recalls", "fenced"));
        page.until("!" + reads("latencies", "none so far"));
        assertThat(page.holds("window.before")).as("it was never loaded again").isTrue();
        assertThat(page.mistakes()).isEmpty();
      }
    }
  }

  @Test
  void pageAsksNobodyButItsServerAndRunsNothingInline() throws Exception {
    try (ShownServer server = new ShownServer("");
        ShownServer other = new ShownServer("")) {
      server.sparse("pool", "database");
      ShownServer.hold(server.exports().client("alice"), "pool", "database", LAYOUTIOMODE4_READ);
      try (BrowserPage page = server.shownBy(browser)) {
        URI own = URI.create(server.origin());
        assertThat(page.requests())
            .extracting(asked -> URI.create(asked.url()).getAuthority())
            .hasSizeGreaterThan(15)
            .containsOnly(own.getAuthority());
        assertThat(page.requests())
            .extracting(BrowserPage.Asked::method)
            .as("it only looks")
            .containsOnly("GET");
        // However much there is: what may be long is asked for with a bound.
        assertThat(page.requests())
            .extracting(BrowserPage.Asked::url)
            .filteredOn(url ->
                url.matches(
                    ".*/api/v1/(exports|devices|clients|seals|opens|layouts|map|recalls|locks)"
                        + ".*"))
            .hasSizeGreaterThanOrEqualTo(8)
            .allMatch(url -> url.matches(".*[?&]limit=[1-9]\\d{0,4}"));
        assertThat(page.mistakes()).isEmpty();

        String policy =
            page.text("fetch('/').then((it) => it.headers.get('content-security-policy'))");
        assertThat(policy)
            .contains("default-src 'none'", "script-src 'self'", "connect-src 'self'")
            .doesNotContain("unsafe");
        assertThat(page.text("fetch('" + other.origin() + "healthz').catch(() => 'refused')"))
            .isEqualTo("refused");
        assertThat(
                page.text(
                    "(() => { try { return new Function(\"return 'ran'\")(); } catch { return"
                        + " 'refused'; } })()"))
            .isEqualTo("refused");
        assertThat(
                page.text(
                    """
                    (() => {
                      const script = document.createElement("script");
                      script.textContent = "window.ran = true";
                      document.body.append(script);
                      return window.ran ? "ran" : "refused";
                    })()\
                    """))
            .isEqualTo("refused");
      }
    }
  }

  @Test
  void namesAreShownAsTheyAreAndNeverRun() throws Exception {
    String file = "<img src=x onerror=window.ran=1>";
    String turned = "gnp.\u202Eexe.txt";
    String owner = "\"><script>window.ran=1</script>";
    try (ShownServer server = new ShownServer("")) {
      server.sparse("pool", file);
      server.sparse("pool", turned);
      FileCalls client = server.exports().client(owner);
      ShownServer.hold(client, "pool", turned, LAYOUTIOMODE4_READ);
      HeldLayout held = ShownServer.hold(client, "pool", file, LAYOUTIOMODE4_RW);
      CallbackInbox inbox = CallbackInbox.of(client);
      try (BrowserPage page = server.shownBy(browser)) {
        String files = "[...document.querySelectorAll('#files li')]";
        page.until(files + ".length === 2");
        for (int i = 0; i < 2; i++) {
          page.value(files + "[" + i + "].click()");
        }
        for (String name : List.of(file, turned)) {
          assertThat(page.text(files + ".map((each) => each.textContent).join(' ')"))
              .contains(name);
        }
        page.value(files + ".find((each) => each.textContent.includes('<img')).click()");
        page.until(map("/" + file));
        page.until("document.getElementById('clients').textContent.includes('<script>')");
        assertThat(page.text("document.getElementById('clients').textContent")).contains(owner);
        var recalled = server.recall();
        inbox.awaitRecall();
        held.giveBack();
        done(server.fence());
        done(recalled);
        page.until("document.getElementById('recalls').textContent.includes('<img')");
        assertThat(page.text("typeof window.ran")).isEqualTo("undefined");
        assertThat(
                page.text(
                    "[...document.querySelectorAll('[onerror], script')].map((each) =>"
                        + " each.outerHTML).join(' ')"))
            .doesNotContain("window.ran");
        assertThat(page.mistakes()).isEmpty();
      }
    }
  }

  @Test
  void tenThousandPiecesAreDrawnAtOnceAndNoneIsLost() throws Exception {
    try (ShownServer server = new ShownServer("")) {
      server.pieces("pool", "pieces", PIECES);
      ShownServer.open(server.exports().client("alice"), "pool", "pieces");
      try (BrowserPage page = server.shownBy(browser)) {
        int pieces =
            Integer.parseInt(
                page.text("document.getElementById('map').getAttribute('aria-label')")
                    .replaceAll(".* in ([\\d,]+) stored pieces.*", "$1")
                    .replace(",", ""));
        assertThat(pieces).isGreaterThan(PIECES / 2).isLessThanOrEqualTo(PIECES);
        JsonNode titles =
            page.value(
                "[...document.querySelectorAll('#map [data-lane=stored] title')].map((each) =>"
                    + " each.textContent)");
        assertThat(titles.size()).as("marks").isLessThan(1280);
        long drawn = 0;
        for (JsonNode title : titles) {
          String[] words = title.asText().split("stored: ", 2);
          drawn +=
              words.length > 1 && words[1].contains("too small")
                  ? Long.parseLong(words[1].replaceAll(" pieces.*", "").replace(",", ""))
                  : 1;
        }
        assertThat(drawn).as("pieces that are drawn").isEqualTo(pieces);
        assertThat(page.holds("document.querySelectorAll('#map .merged').length > 100")).isTrue();

        double millis =
            page.value(
                    """
                    (() => {
                      const begun = performance.now();
                      for (let i = 0; i < 10; i++) {
                        document.getElementById("zoom-in").click();
                      }
                      return (performance.now() - begun) / 10;
                    })()\
                    """)
                .asDouble();
        // A few dozen where nothing else runs; the machine may be busy, a square of the pieces
        // shows.
        assertThat(millis).as("to draw it once").isLessThan(5000);
        assertThat(page.holds("document.querySelectorAll('#map .merged').length === 0"))
            .as("near enough, each is drawn by itself")
            .isTrue();
      }
    }
  }

  @Test
  void manyHoldersAreShownTenAtFirst() throws Exception {
    try (ShownServer server = new ShownServer("")) {
      server.sparse("pool", "shared");
      for (int i = 0; i < 14; i++) {
        FileCalls client = server.exports().client("reader-" + i + ".cluster.example.org");
        ShownServer.hold(client, "pool", "shared", LAYOUTIOMODE4_READ);
      }
      try (BrowserPage page = server.shownBy(browser)) {
        assertThat(page.holds(map("14 layouts of 14 clients"))).isTrue();
        String lanes = "document.querySelectorAll('#map .layout').length";
        assertThat(page.value(lanes).asInt()).isEqualTo(10);
        assertThat(page.text("document.getElementById('more-clients').innerText"))
            .isEqualTo("Show 4 more clients");
        page.value("document.getElementById('more-clients').click()");
        assertThat(page.value(lanes).asInt()).isEqualTo(14);
        // Each in a colour of its own.
        assertThat(
                page.value(
                        "new Set([...document.querySelectorAll('#map .layout')].map((each) =>"
                            + " each.style.fill)).size")
                    .asInt())
            .isEqualTo(14);
        Files.createDirectories(Path.of("target"));
        page.picture(Path.of("target", "page-holders.png"));
      }
    }
  }
}
