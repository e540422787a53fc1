package io.selkie.test.drill;

import io.selkie.config.Setting;

/** {@code calm}: a client ends what it writes without end. */
record Calm(@Setting(max = 32) String client, @Setting(max = 64) String file) implements Step {

  @Override
  public String text() {
    return client + " ends its writes to " + file;
  }

  @Override
  public void run(Stage stage) throws Exception {
    try (Journal.Wait _ = stage.journal().waitFor(text())) {
      stage.client(client).calm(stage.file(file));
    }
  }
}
