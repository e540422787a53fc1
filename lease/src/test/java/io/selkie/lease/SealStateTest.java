package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Goal: the edges are those of the picture, and every state has a way to an end. */
class SealStateTest {

  @Test
  void theEdgesAreThoseOfThePicture() {
    Map<SealState, Set<SealState>> edges = new EnumMap<>(SealState.class);
    for (SealState from : SealState.values()) {
      edges.put(from, EnumSet.noneOf(SealState.class));
      for (SealState to : SealState.values()) {
        if (from.mayBecome(to)) {
          edges.get(from).add(to);
        }
      }
    }

    assertThat(edges)
        .isEqualTo(
            Map.of(
                SealState.NEW, Set.of(SealState.PREPARING),
                SealState.PREPARING, Set.of(SealState.SEALING, SealState.LOST),
                SealState.SEALING, Set.of(SealState.VERIFYING, SealState.LOST),
                SealState.VERIFYING, Set.of(SealState.HELD, SealState.LOST),
                SealState.HELD, Set.of(SealState.BREAKING, SealState.RELEASED),
                SealState.BREAKING, Set.of(SealState.RELEASED, SealState.LOST),
                SealState.RELEASED, Set.of(),
                SealState.LOST, Set.of()));
  }

  @Test
  void onlyReleasedAndLostAreEnds() {
    assertThat(EnumSet.allOf(SealState.class).stream().filter(SealState::isEnd))
        .containsExactly(SealState.RELEASED, SealState.LOST);
  }
}
