package io.selkie.test.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.demo.Moment.Lane;
import java.util.List;
import org.junit.jupiter.api.Test;

class MomentTest {

  private static final Moment BREAK =
      new Moment(1_000, "break_seen", Lane.OTHER, Lane.SERVER, "break seen");
  private static final Moment RECALL =
      new Moment(42_200, "recall_sent", Lane.SERVER, Lane.CLIENT, "recall sent");
  private static final Moment DEAD =
      new Moment(50_000, "handle_invalidated", Lane.SERVER, Lane.SERVER, "handle invalidated");

  @Test
  void orderHoldsWhenEachEventHappenedOnceAndInOrder() {
    assertThat(Moment.inOrder(List.of(DEAD, BREAK, RECALL), List.of("break_seen", "recall_sent")))
        .isTrue();
  }

  @Test
  void orderFailsWhenAnEventIsMissingTwiceThereOrTooEarly() {
    List<String> wanted = List.of("break_seen", "recall_sent", "handle_invalidated");
    Moment early = new Moment(10, "handle_invalidated", Lane.SERVER, Lane.SERVER, "");
    assertThat(Moment.inOrder(List.of(BREAK, RECALL), wanted)).isFalse();
    assertThat(Moment.inOrder(List.of(BREAK, RECALL, RECALL, DEAD), wanted)).isFalse();
    assertThat(Moment.inOrder(List.of(BREAK, RECALL, early), wanted)).isFalse();
  }

  @Test
  void pictureShowsTimesFromTheOriginAndArrowsBetweenLanes() {
    List<String> lines = SequencePicture.draw(List.of(RECALL, BREAK, DEAD), BREAK.atNanos());

    assertThat(lines).hasSize(4);
    assertThat(lines.get(0)).contains("µs", "other process", "server", "client");
    assertThat(lines.get(1)).contains(" 0.0 ", "▶").endsWith("break seen");
    assertThat(lines.get(2)).contains(" 41.2 ", "▶").endsWith("recall sent");
    assertThat(lines.get(3)).contains(" 49.0 ", "●").endsWith("handle invalidated");
  }
}
