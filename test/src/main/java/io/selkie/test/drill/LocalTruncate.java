package io.selkie.test.drill;

import io.selkie.config.Setting;
import io.selkie.test.support.OtherProcess;
import java.util.List;
import java.util.Optional;

/** {@code truncate}: another process cuts the file, or makes it longer by zeroes. */
record LocalTruncate(
    @Setting(max = 64) String file,
    @Setting(max = 64 << 20) long sizeBytes,
    @Setting(Setting.NOTHING) Optional<String> name)
    implements LocalStep {

  @Override
  public String text() {
    return "another process sets the size of " + file + " to " + sizeBytes;
  }

  @Override
  public List<String> command(Stage stage) throws Exception {
    return OtherProcess.truncateCommand(stage.file(file).path(), sizeBytes);
  }

  @Override
  public void changed(Stage stage) {
    stage.file(file).content().truncate(sizeBytes);
  }
}
