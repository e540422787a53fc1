package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Goal: what the scenarios that ship expect is so, and each of them can fail.
 *
 * <p>Method: each is played once, on a server in a process of its own. Then the same evidence is
 * judged by expectations that were turned around, and each of these must find why it is not so.
 */
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ShippedScenariosTest {

  static final List<String> NAMES = Library.NAMES;

  private static final Map<String, List<Turned>> TURNED =
      Map.of(
          "answers-at-once",
          List.of(
              new Turned("fenced: {client: anna}", "0 fences"),
              new Turned("spared: {client: anna}", "1 callbacks (recall #"),
              new Turned("waited: {step: cut, atLeast: 95%}", "to the end of the seal (recall #"),
              new Turned("left: {client: anna, layouts: 1}", "0 layouts")),
          "returns-late",
          List.of(
              new Turned("fenced: {client: lena}", "0 fences"),
              new Turned("waited: {step: store, atMost: 9%}", "to the end of the seal (recall #")),
          "returns-half",
          List.of(
              new Turned("returned: {client: paul}", "fenced 1 times"),
              new Turned("fenced: {client: anna}", "0 fences")),
          "never-returns",
          List.of(
              new Turned("returned: {client: bert}", "returned 0 times"),
              new Turned("waited: {step: opener, atMost: 80%}", "(recall #"),
              new Turned("gone: {file: db}", "1048576 bytes")),
          "keeps-writing",
          List.of(
              new Turned("returned: {client: carl}", "returned 0 times"),
              new Turned("spared: {client: carl}", "1 fences")),
          "connection-lost",
          List.of(
              new Turned("returned: {client: dora}", "returned 0 times"),
              new Turned("returned: {client: igor}", "returned 0 times")),
          "lies",
          List.of(
              new Turned("fenced: {client: rita}", "0 fences"),
              new Turned("spared: {client: sven}", "1 fences"),
              new Turned("waited: {step: store-b, atMost: 80%}", "(recall #")),
          "names-may-change",
          List.of(
              new Turned("recalled: {client: nora}", "0 callbacks"),
              new Turned("silenced: {client: nora}", "0 refused"),
              new Turned("content: {file: old}", "old is not there")),
          "seal-under-load",
          List.of(
              new Turned("recalled: {client: cora}", "0 callbacks"),
              new Turned("fenced: {client: anna}", "0 fences")),
          "server-killed",
          List.of(
              new Turned("returned: {client: bert}", "returned 0 times"),
              new Turned("fenced: {client: bert}", "0 fences"),
              new Turned("left: {layouts: 0}", "1 layouts")));

  private DrillFixture fixture;

  @BeforeAll
  void begin(@TempDir Path scratch) {
    fixture = new DrillFixture(scratch);
  }

  @AfterAll
  void end() throws Exception {
    fixture.close();
  }

  @Test
  void tenShip() {
    assertThat(Library.NAMES).hasSize(10).doesNotHaveDuplicates();
    assertThat(TURNED.keySet()).containsExactlyInAnyOrderElementsOf(Library.NAMES);
  }

  @ParameterizedTest
  @FieldSource("NAMES")
  void isAsItExpectsAndCouldFail(String name) throws Exception {
    Outcome outcome = fixture.play(Library.load(name));

    assertThat(outcome.passed()).as(DrillFixture.report(outcome)).isTrue();
    for (Turned turned : TURNED.get(name)) {
      turned.assertFoundOut(Library.text(name), outcome);
    }
  }
}
