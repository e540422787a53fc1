package io.selkie.test.drill;

import io.selkie.config.Setting;

/**
 * {@code layoutget}: a client opens a file if need be and gets a layout of it.
 *
 * @param length 0 for all of the file
 */
record LayoutGet(
    @Setting(max = 32) String client,
    @Setting(max = 64) String file,
    @Setting("rw") LayoutMode mode,
    @Setting(value = "0", max = 64 << 20) long offset,
    @Setting(value = "0", max = 64 << 20) long length)
    implements Step {

  /** What for. */
  enum LayoutMode {
    /** To read and write. */
    RW,
    /** To read only. */
    READ
  }

  @Override
  public String text() {
    return client + " gets a layout of " + file;
  }

  @Override
  public void run(Stage stage) throws Exception {
    DrillFile of = stage.file(file);
    try (Journal.Wait _ = stage.journal().waitFor(text())) {
      HeldLayout _ =
          stage
              .client(client)
              .layoutGet(
                  of,
                  mode == LayoutMode.RW,
                  offset,
                  length == 0 ? Math.max(1, of.content().sizeBytes() - offset) : length,
                  stage.callsEnd());
    }
  }
}
