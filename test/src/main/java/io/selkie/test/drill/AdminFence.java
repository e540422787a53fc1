package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.Optional;

/**
 * {@code fence}: an administrator takes layouts without asking, as {@code selkie ctl fence} does.
 */
record AdminFence(
    @Setting(Setting.NOTHING) Optional<String> client,
    @Setting(Setting.NOTHING) Optional<String> file)
    implements Step {

  @Override
  public String text() {
    return AdminTaking.text("fences", client, file);
  }

  @Override
  public void run(Stage stage) throws Exception {
    AdminTaking.run(stage, "fence", text(), client, file);
  }
}
