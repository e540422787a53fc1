package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Goal: each word that a scenario may be written with does what the guide says of it, also those
 * that no shipped scenario has need of.
 *
 * <p>Method: as with those that ship: played once, then judged by expectations that were turned
 * around. A word that is played nowhere is found.
 */
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EachWordTest {

  private record Played(String scenario, List<Turned> turned) {}

  private static final Map<String, Played> SCENARIOS = scenarios();

  private static Map<String, Played> scenarios() {
    Map<String, Played> scenarios = new TreeMap<>();
    scenarios.put(
        "administrator-recalls",
        new Played(
            """
            about: An administrator asks one client for all it has; another one is not asked.
            server: {recallTimeoutMillis: 15000}
            files:
              - {name: db}
              - {name: log}
            clients:
              - {name: anna, onRecall: answer}
              - {name: otto, onRecall: answer}
            steps:
              - layoutget: {client: anna, file: db}
              - layoutget: {client: otto, file: log}
              - write: {client: anna, file: db, length: 65536}
              - recall: {client: anna}
            expect:
              - recalled: {client: anna}
              - returned: {client: anna}
              - spared: {client: otto}
              - left: {client: anna, layouts: 0}
              - left: {client: otto, layouts: 1}
              - content: {file: db}
            """,
            List.of(
                new Turned("spared: {client: anna}", "1 callbacks"),
                new Turned("fenced: {client: anna}", "0 fences"),
                new Turned("recalled: {client: otto}", "0 callbacks"),
                new Turned("left: {client: anna, layouts: 1}", "0 layouts"),
                new Turned("left: {client: otto, layouts: 0}", "1 layouts"))));
    scenarios.put(
        "administrator-fences",
        new Played(
            """
            about: An administrator takes a file's layouts without asking anybody.
            files:
              - {name: db}
              - {name: log}
            clients:
              - {name: anna, onRecall: answer}
            steps:
              - layoutget: {client: anna, file: db}
              - layoutget: {client: anna, file: log}
              - write: {client: anna, file: db, length: 65536}
              - fence: {client: anna, file: db}
              - poke: {client: anna, file: db}
            expect:
              - fenced: {client: anna, file: db}
              - spared: {client: anna, file: log}
              - silenced: {client: anna}
              - left: {client: anna, layouts: 1}
              - content: {file: db}
            """,
            List.of(
                new Turned("recalled: {client: anna}", "0 callbacks"),
                new Turned("returned: {client: anna, file: db}", "returned 0 times"),
                new Turned("spared: {client: anna, file: db}", "1 fences"),
                new Turned("fenced: {client: anna, file: log}", "0 fences"),
                new Turned("left: {client: anna, layouts: 2}", "1 layouts"))));
    scenarios.put(
        "server-stopped",
        new Played(
            """
            about: >
              The server is asked to end while a client holds a layout. A local writer is held up
              by nobody, and the client gets another layout from the next server.
            limitMillis: 60000
            server: {recallTimeoutMillis: 15000}
            files:
              - {name: db}
            clients:
              - {name: anna, onRecall: answer}
            steps:
              - layoutget: {client: anna, file: db}
              - write: {client: anna, file: db, length: 65536}
              - stopServer
              - store: {file: db, offset: 131072, length: 4096, name: store}
              - startServer
              - layoutget: {client: anna, file: db}
              - read: {client: anna, file: db}
            expect:
              - waited: {step: store, atMost: 80%}
              - content: {file: db}
              - left: {client: anna, layouts: 1}
            """,
            List.of(
                new Turned("waited: {step: store, atLeast: 95%}", "no lease was broken meanwhile"),
                new Turned("fenced: {client: anna}", "0 fences"),
                new Turned("left: {client: anna, layouts: 0}", "1 layouts"),
                new Turned("gone: {file: db}", "1048576 bytes"))));
    scenarios.put(
        "connection-ended",
        new Played(
            """
            about: A client that has lost its connection before anybody asks for the file is fenced.
            files:
              - {name: db}
            clients:
              - {name: dora, onRecall: answer}
            steps:
              - layoutget: {client: dora, file: db}
              - write: {client: dora, file: db, length: 65536}
              - disconnect: {client: dora}
              - truncate: {file: db, sizeBytes: 0, name: cut}
              - poke: {client: dora, file: db}
            expect:
              - fenced: {client: dora}
              - silenced: {client: dora}
              - waited: {step: cut, atMost: 20s}
              - content: {file: db}
              - left: {layouts: 0}
            """,
            List.of(
                new Turned("returned: {client: dora}", "returned 0 times"),
                new Turned("spared: {client: dora}", "1 fences"),
                new Turned("waited: {step: cut, atMost: 0ms}", "(recall #"),
                new Turned("left: {layouts: 1}", "0 layouts"))));
    scenarios.put(
        "returns-unasked",
        new Played(
            """
            about: A client gives its layout back by itself; nobody is asked, nobody waits.
            server: {recallTimeoutMillis: 15000}
            files:
              - {name: db}
            clients:
              - {name: anna, onRecall: never}
            steps:
              - layoutget: {client: anna, file: db}
              - write: {client: anna, file: db, length: 65536}
              - commit: {client: anna, file: db}
              - return: {client: anna, file: db}
              - truncate: {file: db, sizeBytes: 65536, name: cut}
            expect:
              - returned: {client: anna}
              - spared: {client: anna}
              - waited: {step: cut, atMost: 80%}
              - content: {file: db}
              - left: {layouts: 0}
            """,
            List.of(
                new Turned("recalled: {client: anna}", "0 callbacks"),
                new Turned("fenced: {client: anna}", "0 fences"),
                new Turned("waited: {step: cut, atLeast: 95%}", "no lease was broken meanwhile"),
                new Turned("left: {layouts: 1}", "0 layouts"))));
    scenarios.put(
        "asks-for-delay",
        new Played(
            """
            about: A client that wants to be asked later, each time, is fenced at the deadline.
            files:
              - {name: db}
            clients:
              - {name: hugo, onRecall: delay}
            steps:
              - layoutget: {client: hugo, file: db}
              - write: {client: hugo, file: db, length: 65536}
              - truncate: {file: db, sizeBytes: 0, name: cut}
              - poke: {client: hugo, file: db}
            expect:
              - recalled: {client: hugo}
              - fenced: {client: hugo}
              - silenced: {client: hugo}
              - waited: {step: cut, atLeast: 95%, atMost: 20s}
              - content: {file: db}
              - left: {layouts: 0}
            """,
            List.of(
                new Turned("returned: {client: hugo}", "returned 0 times"),
                new Turned("spared: {client: hugo}", "1 fences"),
                new Turned("waited: {step: cut, atMost: 80%}", "(recall #"))));
    return Collections.unmodifiableMap(scenarios);
  }

  private DrillFixture fixture;

  @BeforeAll
  void begin(@TempDir Path scratch) {
    fixture = new DrillFixture(scratch);
  }

  @AfterAll
  void end() throws Exception {
    fixture.close();
  }

  static Set<String> names() {
    return SCENARIOS.keySet();
  }

  @ParameterizedTest
  @MethodSource("names")
  void isAsItExpectsAndCouldFail(String name) throws Exception {
    Played played = SCENARIOS.get(name);
    Outcome outcome = fixture.play(name, played.scenario);

    assertThat(outcome.passed()).as(DrillFixture.report(outcome)).isTrue();
    for (Turned turned : played.turned) {
      turned.assertFoundOut(played.scenario, outcome);
    }
  }

  /** A word that is new has to be played here, or in a scenario that ships. */
  @Test
  void noWordIsLeftOut() throws Exception {
    StringBuilder all = new StringBuilder();
    SCENARIOS.values().forEach(played -> all.append(played.scenario));
    for (String name : Library.NAMES) {
      all.append(Library.text(name));
    }
    Set<String> unused = new TreeSet<>();
    Stream.of(Words.allSteps(), List.copyOf(Words.EXPECTATIONS.keySet()))
        .flatMap(List::stream)
        .filter(word -> !Pattern.compile("(?m)^ *- " + word + "\\b").matcher(all).find())
        .forEach(unused::add);
    Stream.of(Conduct.values())
        .map(conduct -> conduct.name().toLowerCase(Locale.ROOT))
        .filter(word -> !all.toString().contains("onRecall: " + word))
        .forEach(unused::add);
    assertThat(unused).isEmpty();
  }
}
