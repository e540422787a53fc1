package io.selkie.test.drill;

import io.selkie.config.Setting;

/**
 * {@code flood}: a client begins to write one-sided, 4 KiB here and there in a range, and goes on
 * until it is refused, ends as its conduct on a recall says, or is told to ({@code calm}).
 *
 * @param length 0 for all of the file
 */
record BeginFlood(
    @Setting(max = 32) String client,
    @Setting(max = 64) String file,
    @Setting(value = "0", max = 64 << 20) long offset,
    @Setting(value = "0", max = 64 << 20) long length)
    implements Step {

  @Override
  public String text() {
    return client + " begins to write to " + file + " without end";
  }

  @Override
  public void run(Stage stage) throws Exception {
    DrillFile of = stage.file(file);
    DrillClient by = stage.client(client);
    Flood flood = by.flood(by.last(of), offset, of.rangeBytes(offset, length));
    try (Journal.Wait _ = stage.journal().waitFor(text())) {
      flood.begun().await();
    }
  }
}
