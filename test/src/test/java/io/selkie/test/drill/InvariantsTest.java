package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Goal: what is not known is not called good, and what a scenario did itself not bad. */
class InvariantsTest {

  private static final Happening BREAK =
      new Happening(0, 1, 1000, "break_seen", 7, "", "d/db", "local_open", 0, "");

  private static Evidence evidence(List<Happening> events, ServerAtEnd server) {
    return new Evidence(
        3000,
        45_000,
        0,
        5000,
        List.of(),
        events,
        Map.of(),
        Map.of(),
        Map.of("anna", new Accesses.Tally(9, 5, 0, 0), "bert", new Accesses.Tally(9, 5, 0, 1)),
        Map.of(),
        Map.of(),
        server,
        Optional.empty());
  }

  private static List<String> failed(Evidence evidence) {
    return Invariants.judge(evidence).stream()
        .filter(verdict -> !verdict.held())
        .map(Verdict::text)
        .toList();
  }

  @Test
  void serverThatIsSilentFails() {
    assertThat(
            failed(
                evidence(
                    List.of(), new ServerAtEnd(List.of(), false, Optional.of("reset"), false))))
        .containsExactly("the server answers at the end");
  }

  @Test
  void eventsThatWereLeftOutFail() {
    assertThat(
            failed(evidence(List.of(), new ServerAtEnd(List.of(), false, Optional.empty(), true))))
        .containsExactly("all that the server tells of the scenario is looked at");
  }

  /** Of the server's end nothing else is asked than when it was: not what stands in the picture. */
  @Test
  void sealThatTheServersEndBrokeIsGivenUpInTime() {
    List<Happening> events = List.of(BREAK);

    assertThat(
            failed(evidence(events, new ServerAtEnd(List.of(2000L), true, Optional.of(""), false))))
        .isEmpty();
    assertThat(
            failed(evidence(events, new ServerAtEnd(List.of(500L), true, Optional.of(""), false))))
        .containsExactly("each broken seal is given up before the kernel takes it (S4)");
  }

  @Test
  void whoNeverTriedAfterTheEndIsNotSilenced() {
    Evidence evidence =
        evidence(List.of(), new ServerAtEnd(List.of(), false, Optional.empty(), false));

    assertThat(new WasSilenced("anna").judge(evidence).held()).isFalse();
    assertThat(new WasSilenced("bert").judge(evidence).held()).isTrue();
  }
}
