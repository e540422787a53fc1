package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/** {@code unlink}: another process removes the name of the file. */
record LocalUnlink(@Setting(max = 64) String file, @Setting(Setting.NOTHING) Optional<String> name)
    implements LocalStep {

  @Override
  public String text() {
    return "another process removes " + file;
  }

  @Override
  public List<String> command(Stage stage) throws Exception {
    return List.of("rm", stage.file(file).path().toString());
  }

  @Override
  public void changed(Stage stage) {
    stage.file(file).remove();
  }
}
