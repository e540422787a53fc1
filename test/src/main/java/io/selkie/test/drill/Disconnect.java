package io.selkie.test.drill;

import io.selkie.config.Setting;

/** {@code disconnect}: a client's connection ends without a word; its queue pairs stay. */
record Disconnect(@Setting(max = 32) String client) implements Step {

  @Override
  public String text() {
    return client + " loses its connection";
  }

  @Override
  public void run(Stage stage) {
    stage.client(client).disconnect();
  }
}
