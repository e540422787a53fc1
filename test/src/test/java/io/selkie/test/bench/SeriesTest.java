package io.selkie.test.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SeriesTest {

  @Test
  void medianIsTheMiddleWhateverTheOrder() {
    assertThat(series(9, 1, 5).median()).isEqualTo(5);
    assertThat(series(9, 1, 5, 7).median()).isEqualTo(6);
  }

  @Test
  void ratioPairsTheRoundsSoThatSharedNoiseCancels() {
    // The third round was three times as slow for both.
    assertThat(Series.ratio(series(10, 20, 60), series(10, 10, 30))).isEqualTo(2);
  }

  @Test
  void ratioOfNothingOrOfUnequalRoundsIsAnError() {
    assertThatThrownBy(() -> Series.ratio(series(), series()))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> Series.ratio(series(1), series(1, 2)))
        .isInstanceOf(IllegalStateException.class);
  }

  private static Series series(double... values) {
    Series series = new Series("test");
    for (double value : values) {
      series.add(value);
    }
    return series;
  }
}
