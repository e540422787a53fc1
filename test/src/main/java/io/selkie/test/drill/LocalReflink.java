package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * {@code reflink}: another process clones the file ({@code cp --reflink}). A file system that
 * cannot fails it, unless {@code copyIfUnable} is said; the file is opened and read then all the
 * same.
 */
record LocalReflink(
    @Setting(max = 64) String file,
    @Setting(min = 1, max = 64) String to,
    @Setting("false") boolean copyIfUnable,
    @Setting(Setting.NOTHING) Optional<String> name)
    implements LocalStep {

  @Override
  public String text() {
    return "another process clones " + file + " as " + to;
  }

  @Override
  public List<String> command(Stage stage) throws Exception {
    Path from = stage.file(file).path();
    return List.of(
        "cp",
        copyIfUnable ? "--reflink=auto" : "--reflink=always",
        from.toString(),
        from.resolveSibling(to).toString());
  }

  @Override
  public void changed(Stage stage) {
    DrillFile from = stage.file(file);
    stage.add(new DrillFile(to, from.path().resolveSibling(to), from.content().copy()));
  }
}
