package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * {@code rename}: another process gives the file another name. The scenario goes on calling it as
 * before.
 */
record LocalRename(
    @Setting(max = 64) String file,
    @Setting(min = 1, max = 64) String to,
    @Setting(Setting.NOTHING) Optional<String> name)
    implements LocalStep {

  @Override
  public String text() {
    return "another process renames " + file + " to " + to;
  }

  @Override
  public List<String> command(Stage stage) throws Exception {
    Path from = stage.file(file).path();
    return List.of("mv", "-T", from.toString(), from.resolveSibling(to).toString());
  }

  @Override
  public void changed(Stage stage) {
    DrillFile renamed = stage.file(file);
    renamed.moved(renamed.path().resolveSibling(to));
  }
}
