package io.selkie.server.ops;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.server.testing.BrowserPage;
import io.selkie.server.testing.Chromium;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: whoever has a keyboard and no mouse reaches everything of the page, sees where he is, and
 * gets away again; a screen reader is told what each thing is. Method: headless Chromium is sent
 * the keys.
 */
@Tag("debian")
@Timeout(600)
@TestInstance(Lifecycle.PER_CLASS)
class HttpPageKeysTest {

  private static final int PATIENCE_SECONDS = 120;

  /** Far more than there are stops on the page. */
  private static final int TABS_MAX = 60;

  private Chromium browser;
  private ShownServer server;
  private FileCalls carol;
  private BrowserPage page;

  @BeforeAll
  void start(@TempDir Path profile) throws Exception {
    browser = Chromium.start(profile);
    server = new ShownServer("");
    server.sparse("pool", "database");
    server.sparse("pool", "index");
    server.sparse("scratch", "log");
    FileCalls alice = server.exports().client("alice");
    FileCalls bob = server.exports().client("bob");
    carol = server.exports().client("carol");
    ShownServer.hold(alice, "scratch", "log", LAYOUTIOMODE4_READ);
    server.fence().toCompletableFuture().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    ShownServer.hold(alice, "pool", "database", LAYOUTIOMODE4_READ);
    ShownServer.hold(bob, "pool", "database", LAYOUTIOMODE4_READ);
    ShownServer.hold(bob, "pool", "index", LAYOUTIOMODE4_READ);
  }

  @AfterAll
  void stop() throws IOException {
    browser.close();
    server.close();
  }

  @BeforeEach
  void show() throws Exception {
    page = server.shownBy(browser);
  }

  @AfterEach
  void leave() throws IOException {
    page.close();
  }

  private void focus(String id) throws IOException {
    page.value("document.getElementById('" + id + "').focus()");
    assertThat(page.focused()).isEqualTo(id);
  }

  private String said() throws IOException {
    return page.text("document.getElementById('map-said').textContent");
  }

  private boolean hidden(String id) throws IOException {
    return page.holds("document.getElementById('" + id + "').hidden");
  }

  private List<String> tabs(String key) throws IOException {
    List<String> stops = new ArrayList<>();
    for (int i = 0; i < TABS_MAX; i++) {
      page.press(key);
      String at = page.focused();
      if (at.isEmpty() || (!stops.isEmpty() && at.equals(stops.getFirst()))) {
        return stops;
      }
      stops.add(at);
      // A thing that has the focus shows it, and is in sight.
      JsonNode seen =
          page.value(
              """
              (() => {
                const at = document.activeElement;
                const style = getComputedStyle(at);
                const box = at.getBoundingClientRect();
                return {
                  outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
                  insight: box.width > 0 && box.bottom > 0 && box.top < innerHeight
                    && box.right > 0 && box.left < innerWidth,
                };
              })()\
              """);
      assertThat(seen.path("outline").asBoolean()).as(at + " shows its focus").isTrue();
      assertThat(seen.path("insight").asBoolean()).as(at + " is in sight").isTrue();
    }
    throw new AssertionError("no way out: " + stops);
  }

  @Test
  void tabReachesAllInTheOrderOfReadingAndLeaves() throws Exception {
    List<String> forward = tabs("Tab");
    assertThat(forward)
        .containsSubsequence(
            "Skip to the content",
            "pause",
            "find",
            "files",
            "zoom-in",
            "zoom-out",
            "pan-left",
            "pan-right",
            "zoom-all",
            "map",
            "As a table",
            "exports",
            "clients",
            "The same for programs",
            "metrics")
        .anyMatch(each -> each.startsWith("fenced"));
    // And all that a mouse could press or scroll is among them.
    int stops =
        page.value(
                """
                [...document.querySelectorAll("a, button, input, summary, [tabindex='0']")]
                  .filter((each) => each.checkVisibility()).length\
                """)
            .asInt();
    assertThat(forward).hasSize(stops);
    assertThat(tabs("Shift+Tab")).containsExactlyElementsOf(forward.reversed());
  }

  @Test
  void skipLinkGoesToTheContent() throws Exception {
    page.press("Tab");
    assertThat(page.focused()).isEqualTo("Skip to the content");
    page.press("Enter");
    assertThat(page.focused()).isEqualTo("main");
    page.press("Tab");
    assertThat(page.focused()).isEqualTo("find");
  }

  @Test
  void fileIsChosenByArrowsAndBySearching() throws Exception {
    String chosen = "document.querySelector('#files [aria-selected=true] .file-name').textContent";
    focus("files");
    page.press("Home");
    assertThat(page.text(chosen)).isEqualTo("database");
    page.press("ArrowDown");
    assertThat(page.text(chosen)).isEqualTo("index");
    page.until(
        "document.getElementById('map').getAttribute('aria-label').startsWith('Block map of"
            + " /index')");
    assertThat(page.focused()).as("choosing moves nobody away").isEqualTo("files");
    assertThat(
            page.holds(
                "document.getElementById(document.getElementById('files')"
                    + ".getAttribute('aria-activedescendant')).getAttribute('aria-selected')"
                    + " === 'true'"))
        .isTrue();
    page.press("End");
    assertThat(page.text(chosen)).isEqualTo("log");

    focus("find");
    page.type("data");
    assertThat(page.value("document.querySelectorAll('#files li').length").asInt()).isOne();
    page.press("Enter");
    page.until(
        "document.getElementById('map').getAttribute('aria-label').startsWith('Block map of"
            + " /database')");
    // What the list does not have is asked of the server.
    page.value("document.getElementById('find').value = ''");
    page.type(server.exports().of("pool").resolve("index").toString());
    page.press("Enter");
    page.until(
        "document.getElementById('map').getAttribute('aria-label').startsWith('Block map of"
            + " /index')");
    page.value("document.getElementById('find').value = ''");
    page.type("/no/such/file");
    page.press("Enter");
    page.until("document.getElementById('files-count').textContent.includes('there is no file')");
  }

  @Test
  void arrowsWalkThroughTheMapAndEnterOpensDetails() throws Exception {
    focus("map");
    page.press("ArrowRight");
    assertThat(said()).isEqualTo("block map: stored, 0 B to 2 MiB");
    page.press("ArrowRight");
    assertThat(said()).isEqualTo("block map: a hole: nothing is stored, 2 MiB to 5 MiB");
    page.press("End");
    assertThat(said()).isEqualTo("block map: a hole: nothing is stored, 6 MiB to 8 MiB");
    page.press("ArrowRight");
    assertThat(said()).as("there is no more").contains("6 MiB to 8 MiB");
    page.press("Home", "ArrowDown");
    assertThat(said()).isEqualTo("seal: sealed, 0 B to 8 MiB");
    page.press("ArrowDown");
    assertThat(said()).contains(": reads, granted, 0 B to");
    page.press("ArrowUp", "ArrowUp");
    assertThat(said()).startsWith("block map: stored");

    assertThat(hidden("detail")).isTrue();
    page.press("Enter");
    assertThat(hidden("detail")).isFalse();
    assertThat(page.text("document.getElementById('detail-facts').innerText"))
        .contains("2 MiB (2,097,152 B)", "On the device at");
    // The way leads on into the details, and back.
    page.press("Tab", "Tab");
    assertThat(page.focused()).isEqualTo("detail-close");
    page.press(" ");
    assertThat(hidden("detail")).isTrue();
    assertThat(page.focused()).isEqualTo("map");
    page.press(" ");
    assertThat(hidden("detail")).isFalse();
    page.press("Escape");
    assertThat(hidden("detail")).isTrue();
    assertThat(page.focused()).isEqualTo("map");
  }

  @Test
  void mapIsZoomedAndMovedByKeysAndButtons() throws Exception {
    String range = "document.getElementById('map-range').textContent";
    focus("map");
    assertThat(page.text(range)).startsWith("0 B to 8 MiB, all of it");
    page.press("+");
    assertThat(page.text(range)).startsWith("2 MiB to 6 MiB, 2.0 times as near");
    page.press("Shift+ArrowRight");
    assertThat(page.text(range)).startsWith("3 MiB to 7 MiB");
    page.press("Shift+ArrowLeft", "PageUp");
    assertThat(page.text(range)).startsWith("0 B to 4 MiB");
    page.press("-");
    assertThat(page.text(range)).startsWith("0 B to 8 MiB, all of it");
    page.press("+", "+", "+", "0");
    assertThat(page.text(range)).startsWith("0 B to 8 MiB, all of it");

    focus("zoom-in");
    page.press("Enter", " ");
    assertThat(page.text(range)).startsWith("3 MiB to 5 MiB, 4.0 times as near");
    focus("pan-right");
    page.press(" ");
    assertThat(page.text(range)).startsWith("3.8 MiB to 5.8 MiB");
    focus("zoom-all");
    page.press("Enter");
    assertThat(page.text(range)).startsWith("0 B to 8 MiB, all of it");
    assertThat(page.focused()).as("a button at its end keeps the focus").isEqualTo("zoom-all");
    assertThat(page.text("document.activeElement.getAttribute('aria-disabled')")).isEqualTo("true");
  }

  @Test
  void pausedPageStandsStillAndGoesOnWithWhatItMissed() throws Exception {
    String layouts = "document.getElementById('map').getAttribute('aria-label')";
    focus("pause");
    page.press(" ");
    assertThat(page.text("document.getElementById('live').textContent")).isEqualTo("paused");
    assertThat(page.text("document.activeElement.getAttribute('aria-pressed')")).isEqualTo("true");
    String before = page.text(layouts);
    HeldLayout more = ShownServer.hold(carol, "pool", "database", LAYOUTIOMODE4_READ);
    page.until("/Go on \\(\\d+ changes?\\)/.test(document.getElementById('pause').textContent)");
    assertThat(page.text(layouts)).isEqualTo(before).contains("2 layouts");
    page.press("Enter");
    page.until(layouts + ".includes('3 layouts of 3 clients')");
    assertThat(page.focused()).isEqualTo("pause");
    assertThat(page.text("document.getElementById('live').textContent")).isEqualTo("live");
    more.giveBack();
  }

  @Test
  void focusAndOpenDetailsOutliveARedraw() throws Exception {
    page.value("document.querySelectorAll('#recalls summary')[0].focus()");
    page.value("document.querySelectorAll('#recalls details')[0].open = false");
    page.press("Enter");
    assertThat(page.holds("document.querySelectorAll('#recalls details')[0].open")).isTrue();
    String summary = page.focused();
    HeldLayout more = ShownServer.hold(carol, "pool", "database", LAYOUTIOMODE4_READ);
    page.until("document.getElementById('map').getAttribute('aria-label').includes('3 layouts')");
    assertThat(page.focused().substring(0, 20)).isEqualTo(summary.substring(0, 20));
    assertThat(page.holds("document.querySelectorAll('#recalls details')[0].open")).isTrue();
    more.giveBack();
  }

  @Test
  void allThatTakesTheFocusHasARoleAndAName() throws Exception {
    JsonNode nodes = page.call("Accessibility.getFullAXTree", Map.of()).path("nodes");
    List<String> focusable = new ArrayList<>();
    List<String> roles = new ArrayList<>();
    for (JsonNode node : nodes) {
      String role = node.path("role").path("value").asText();
      roles.add(role);
      for (JsonNode property : node.path("properties")) {
        if (property.path("name").asText().equals("focusable")
            && property.path("value").path("value").asBoolean()
            && !role.equals("main")
            && !node.path("ignored").asBoolean()) {
          String name = node.path("name").path("value").asText();
          focusable.add(role + " '" + name + "'");
          assertThat(name).as("the name of a " + role).isNotBlank();
        }
      }
    }
    assertThat(roles)
        .contains("main", "banner", "listbox", "option", "application", "table", "columnheader")
        .contains("region", "status", "heading", "list");
    assertThat(focusable)
        .contains("button 'Nearer'", "button 'Pause'", "searchbox 'Search for a file'")
        .contains("listbox 'Files'");
    // What is read aloud by itself does not change with each redraw.
    assertThat(
            page.value(
                    "[...document.querySelectorAll('[role=status], [role=alert], [aria-live]')]"
                        + ".map((each) => each.id)")
                .toString())
        .isEqualTo("[\"live\",\"trouble\",\"refused\",\"map-said\"]");
  }

  @Test
  void nothingMovesForWhoWantsNoMotion() throws Exception {
    String beat = "getComputedStyle(document.getElementById('live'), '::before').animationName";
    page.prefer(Map.of("prefers-reduced-motion", "no-preference"));
    assertThat(page.text(beat)).isEqualTo("beat");
    page.prefer(Map.of("prefers-reduced-motion", "reduce"));
    assertThat(page.text(beat)).isEqualTo("none");
    assertThat(page.value("document.getAnimations().length").asInt()).isZero();
  }
}
