package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/** {@code punch}: another process punches a hole (fallocate). */
record LocalPunch(
    @Setting(max = 64) String file,
    @Setting(max = 64 << 20) long offset,
    @Setting(min = 1, max = 64 << 20) long length,
    @Setting(Setting.NOTHING) Optional<String> name)
    implements LocalStep {

  @Override
  public String text() {
    return "another process punches a hole into " + file;
  }

  @Override
  public List<String> command(Stage stage) throws Exception {
    return List.of(
        "fallocate",
        "--punch-hole",
        "--offset",
        Long.toString(offset),
        "--length",
        Long.toString(length),
        stage.file(file).path().toString());
  }

  @Override
  public void changed(Stage stage) {
    stage.file(file).content().write(offset, length, (byte) 0);
  }
}
