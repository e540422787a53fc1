package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.Optional;

/** {@code recall}: an administrator asks for layouts back, as {@code selkie ctl recall} does. */
record AdminRecall(
    @Setting(Setting.NOTHING) Optional<String> client,
    @Setting(Setting.NOTHING) Optional<String> file)
    implements Step {

  @Override
  public String text() {
    return AdminTaking.text("recalls", client, file);
  }

  @Override
  public void run(Stage stage) throws Exception {
    AdminTaking.run(stage, "recall", text(), client, file);
  }
}
