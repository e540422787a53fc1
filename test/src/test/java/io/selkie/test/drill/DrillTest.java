package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.fire.BrokenFence;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

/** Goal: a drill tells the truth, in each of its reports, also when something is not as it must. */
class DrillTest {

  private static final String ONE_CLIENT =
      """
      about: one <client> & a "file"
      limitMillis: %d
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
    assertThat(JsonReport.of(List.of(outcome), 1))
        .contains("\"ok\" : false", "\"text\" : \"anna is fenced\"");
    Document junit = parsed(JunitReport.of(List.of(outcome)));
    assertThat(junit.getDocumentElement().getAttribute("failures")).isEqualTo("1");
    assertThat(junit.getElementsByTagName("failure").item(0).getTextContent())
        .startsWith("0 fences");
    Document picture = parsed(TimelinePicture.of(List.of(outcome)));
    assertThat(picture.getDocumentElement().getTextContent())
        .contains("FAIL", "anna", "one <client> & a \"file\"", "CB_LAYOUTRECALL #");
  }

  @Test
  void whenTimeIsOverItIsToldWhatWasWaitedFor() throws Exception {
    Outcome outcome =
        fixture.play(
            "endless",
            ONE_CLIENT.formatted(
                4000,
                "answer",
                "  - await: {event: fence_begun, client: anna}",
                "spared: {client: anna}"));

    assertThat(outcome.passed()).isFalse();
    assertThat(outcome.verdicts().getFirst().found())
        .contains("after 4000 ms; waited for: the event fence_begun of anna");
    assertThat(outcome.verdicts().getLast().held()).isTrue();
  }

  @Test
  void fenceThatIsOverTooEarlyIsFound() throws Exception {
    String broken = BrokenFence.classPath(scratch.resolve("broken"));
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

  private static Document parsed(String xml) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(xml)));
  }
}
