package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Goal: connections and open files both find descriptors, however few there may be. */
class DescriptorsTest {

  @Test
  void whereThereAreEnoughEachHasWhatIsConfigured() {
    assertThat(Descriptors.of(1 << 20, 8192, 100_000)).isEqualTo(new Descriptors(8192, 100_000));
  }

  @Test
  void connectionsLeaveHalfToFiles() {
    assertThat(Descriptors.of(8192, 8192, 100_000)).isEqualTo(new Descriptors(3840, 3840));
    assertThat(Descriptors.of(8192, 100, 100_000)).isEqualTo(new Descriptors(100, 7580));
    assertThat(Descriptors.of(1024, 8192, 100)).isEqualTo(new Descriptors(256, 100));
  }

  @Test
  void withHardlyAnySomeAreTriedAllTheSame() {
    assertThat(Descriptors.of(256, 8192, 100_000)).isEqualTo(new Descriptors(64, 64));
  }
}
