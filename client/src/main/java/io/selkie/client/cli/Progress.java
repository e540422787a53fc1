package io.selkie.client.cli;

import java.util.function.LongConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows how far a copy has come. */
interface Progress extends AutoCloseable {
  /** Shows nothing. */
  Progress NONE =
      new Progress() {
        @Override
        public void advanceTo(long bytes) {}

        @Override
        public void close() {}
      };

  /** Copies below this size end before anybody could look. */
  long BYTES_MIN = 16 << 20;

  /** So many bytes are copied. */
  void advanceTo(long bytes);

  @Override
  void close();

  /** A bar on standard error, or nothing when the copy is short. */
  static Progress bar(String name, long totalBytes) {
    if (totalBytes < BYTES_MIN) {
      return NONE;
    }
    ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(Text.printable(name))
            .setInitialMax(totalBytes)
            .setUnit("MiB", 1 << 20)
            .setStyle(ProgressBarStyle.ASCII)
            .showSpeed()
            .build();
    LongConsumer step = bar::stepTo;
    return new Progress() {
      @Override
      public void advanceTo(long bytes) {
        step.accept(bytes);
      }

      @Override
      public void close() {
        bar.close();
      }
    };
  }
}
