package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.fire.BrokenFence;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** Goal: a drill tells the truth, in each of its reports, also when something is not as it must. */
class DrillTest {

  private static final String ONE_CLIENT =
      """
      about: one <client> & a "file"
      limitMillis: %d
      server: {recallTimeoutMillis: 15000}
      files:
        - {name: db}
      clients:
        - {name: anna, onRecall: %s}
      steps:
        - layoutget: {client: anna, file: db}
      %s
      expect:
        - %s
      """;

  @TempDir Path scratch;

  private DrillFixture fixture;

  @BeforeEach
  void begin() {
    fixture = new DrillFixture(scratch);
  }

  @AfterEach
  void end() throws Exception {
    fixture.close();
  }

  @Test
  void recallHasTheNumberThatStandsInTheServersLog() throws Exception {
    Outcome outcome = fixture.play(Library.load("never-returns"));

    assertThat(outcome.passed()).as(DrillFixture.report(outcome)).isTrue();
    long recall = outcome.evidence().events("break_seen").findFirst().orElseThrow().recall();
    assertThat(DrillFixture.report(outcome)).contains("CB_LAYOUTRECALL #" + recall);
    assertThat(fixture.logOfStoppedServer()).contains("[recall " + recall + "]");
  }

  @Test
  void whatDoesNotHoldIsInEachReport() throws Exception {
    Outcome outcome =
        fixture.play(
            "wrong",
            ONE_CLIENT.formatted(
                30_000,
                "answer",
                "  - truncate: {file: db, sizeBytes: 0, name: cut}",
                "fenced: {client: anna}"));

    assertThat(outcome.passed()).isFalse();
    assertThat(DrillFixture.report(outcome)).contains("FAIL  anna is fenced: 0 fences");
    assertThat(JsonReport.of(List.of(outcome), List.of(), 1))
        .contains("\"ok\" : false", "\"text\" : \"anna is fenced\"");
    Document junit = parsed(JunitReport.of(List.of(outcome), List.of()));
    assertThat(junit.getDocumentElement().getAttribute("failures"))
        .as(DrillFixture.report(outcome))
        .isEqualTo("1");
    assertThat(junit.getElementsByTagName("failure").item(0).getTextContent())
        .startsWith("0 fences");
    Document picture = parsed(TimelinePicture.of(List.of(outcome)));
    assertThat(picture.getDocumentElement().getTextContent())
        .contains("FAIL", "anna", "one <client> & a \"file\"", "CB_LAYOUTRECALL #");
    assertIsDrawnWithinItsFrame(picture.getDocumentElement());
    assertCountsAreThoseOfTheCases(junit.getDocumentElement());
  }

  /** Bars have a length and say what they are. */
  private static void assertIsDrawnWithinItsFrame(Element svg) {
    double width = number(svg, "width");
    double height = number(svg, "height");
    assertThat(svg.getAttribute("viewBox")).isEqualTo("0 0 %.0f %.0f".formatted(width, height));
    for (Element text : elements(svg, "text")) {
      assertThat(number(text, "x")).as(text.getTextContent()).isBetween(0.0, width);
      assertThat(number(text, "y")).as(text.getTextContent()).isBetween(8.0, height);
    }
    assertThat(elements(svg, "rect")).hasSizeGreaterThan(7);
    for (Element bar : elements(svg, "rect")) {
      assertThat(number(bar, "x")).isBetween(0.0, width - number(bar, "width"));
      assertThat(number(bar, "height")).as(bar.getTextContent()).isPositive();
      assertThat(number(bar, "y")).isBetween(0.0, height - number(bar, "height"));
      assertThat(bar.getTextContent()).isNotBlank();
    }
  }

  /** What a reader of such files adds up. */
  private static void assertCountsAreThoseOfTheCases(Element suites) {
    for (Element suite : elements(suites, "testsuite")) {
      assertThat(number(suite, "tests")).isEqualTo(elements(suite, "testcase").size());
      assertThat(number(suite, "failures")).isEqualTo(elements(suite, "failure").size());
    }
    assertThat(number(suites, "tests")).isEqualTo(elements(suites, "testcase").size());
    for (Element each : elements(suites, "testcase")) {
      assertThat(each.getAttribute("classname")).startsWith("selkie.drill.");
      assertThat(each.getAttribute("name")).isNotBlank();
      assertThat(number(each, "time")).isNotNegative();
    }
  }

  private static List<Element> elements(Element of, String name) {
    NodeList found = of.getElementsByTagName(name);
    return IntStream.range(0, found.getLength()).mapToObj(i -> (Element) found.item(i)).toList();
  }

  private static double number(Element of, String attribute) {
    return Double.parseDouble(of.getAttribute(attribute));
  }

  /** The limit begins when the client is connected, and nothing else is done within it. */
  @Test
  void whenTimeIsOverItIsToldWhatWasWaitedFor() throws Exception {
    Scenario read =
        scenario("endless", 10_000, "  - await: {event: fence_begun, client: anna}", "spared");
    Outcome outcome = fixture.play(with(read, read.steps().subList(1, 2)));

    assertThat(outcome.passed()).isFalse();
    assertThat(outcome.verdicts().getFirst().found())
        .contains("after 10000 ms; waited for: the event fence_begun of anna");
    assertThat(outcome.verdicts().getLast().held()).isTrue();
  }

  @Test
  void localProcessThatHangsIsKilledWhenTimeIsOver() throws Exception {
    Path unique = Files.createFile(scratch.resolve("read-without-end"));
    Step hanging = new Hanging(List.of("tail", "-f", unique.toString()));
    Outcome outcome =
        fixture.play(with(scenario("hanging", 10_000, "", "spared"), List.of(hanging)));

    assertThat(outcome.verdicts().getFirst().found()).contains("waited for: a process hangs");
    assertThat(ProcessHandle.current().children())
        .noneMatch(child -> child.info().commandLine().orElse("").contains(unique.toString()));
  }

  @Test
  void serverThatDiesByItselfIsFoundAndWhatItHeldIsNotKnown() throws Exception {
    Scenario read = scenario("dies", 60_000, "", "left");
    List<Step> steps = List.of(read.steps().getFirst(), new Death());
    Outcome outcome = fixture.play(with(read, steps));

    assertThat(outcome.verdicts())
        .as(DrillFixture.report(outcome))
        .filteredOn(verdict -> !verdict.held())
        .extracting(Verdict::text)
        .containsExactly("the server answers at the end", "at the end anna holds 0 layouts");
  }

  @Test
  void serverThatTheScenarioEndedNeedNotAnswer() throws Exception {
    Outcome outcome = fixture.play(scenario("ended", 60_000, "  - killServer", "spared"));

    assertThat(outcome.passed()).as(DrillFixture.report(outcome)).isTrue();
  }

  @Test
  void scenarioThatCouldNotBeginIsAnErrorAndTheRestIsSkipped() throws Exception {
    List<NotPlayed> notPlayed =
        List.of(new NotPlayed("a", true, "no server"), new NotPlayed("b", false, "not played"));

    Document junit = parsed(JunitReport.of(List.of(), notPlayed));

    assertThat(junit.getDocumentElement().getAttribute("tests")).isEqualTo("2");
    assertThat(junit.getDocumentElement().getAttribute("errors")).isEqualTo("1");
    assertThat(junit.getDocumentElement().getAttribute("skipped")).isEqualTo("1");
    assertThat(junit.getElementsByTagName("error").getLength()).isEqualTo(1);
    assertThat(junit.getElementsByTagName("skipped").getLength()).isEqualTo(1);
    assertThat(JsonReport.of(List.of(), notPlayed, 1))
        .contains("\"ok\" : false", "\"reason\" : \"no server\"");
  }

  @Test
  void fenceThatIsOverTooEarlyIsFound() throws Exception {
    String broken = BrokenFence.classPath(scratch.resolve("broken"), 5000);
    try (DrillFixture wrong = new DrillFixture(scratch, broken)) {
      Outcome outcome = wrong.play(Library.load("keeps-writing"));

      assertThat(outcome.verdicts())
          .as(DrillFixture.report(outcome))
          .filteredOn(verdict -> !verdict.held())
          .extracting(Verdict::text)
          .containsAnyOf(
              "nothing of carl lands when its layout is over, and it does try",
              "db has lost nothing, and nothing came too late");
    }
  }

  /** A writer that nobody told to write, in the place of a server whose fence comes too late. */
  @Test
  void byteThatComesTooLateIsFound() {
    ExpectedContent content = new ExpectedContent(8192, (byte) '.');
    content.doubt(0, 8192);
    content.write(0, 4096, (byte) 'L');
    byte[] found = new byte[8192];
    java.util.Arrays.fill(found, (byte) 'L');
    assertThat(content.difference(found)).isEmpty();

    found[4000] = 'c';

    assertThat(content.difference(found))
        .hasValue("1 bytes differ, the first is byte 4000: 'c' instead of 'L'");
  }

  /** A scenario with a client anna that gets a layout of db. */
  private static Scenario scenario(String name, int limitMillis, String steps, String expected)
      throws Exception {
    String more = expected.equals("left") ? ", layouts: 0" : "";
    return ScenarioReader.read(
        name,
        name + ".yaml",
        ONE_CLIENT.formatted(
            limitMillis, "answer", steps, expected + ": {client: anna" + more + "}"));
  }

  private static Scenario with(Scenario scenario, List<Step> steps) {
    return new Scenario(scenario.name(), scenario.head(), steps, scenario.expectations());
  }

  /** The server dies, and no step has ended it. */
  private record Death() implements Step {
    @Override
    public String text() {
      return "the server dies";
    }

    @Override
    public void run(Stage stage) throws Exception {
      stage.target().kill();
    }
  }

  /** A local process without end. */
  private record Hanging(List<String> words) implements LocalStep {

    @Override
    public String text() {
      return "a process hangs";
    }

    @Override
    public String file() {
      return "db";
    }

    @Override
    public Optional<String> name() {
      return Optional.empty();
    }

    @Override
    public List<String> command(Stage stage) {
      return words();
    }

    @Override
    public void changed(Stage stage) {
      throw new IllegalStateException("it has no end");
    }
  }

  private static Document parsed(String xml) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(xml)));
  }
}
