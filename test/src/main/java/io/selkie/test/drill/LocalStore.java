package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** {@code store}: another process writes to the file, by open(2) and write(2). */
record LocalStore(
    @Setting(max = 64) String file,
    @Setting(value = "0", max = 64 << 20) long offset,
    @Setting(value = "4096", min = 1, max = 16 << 20) long length,
    @Setting(value = "L", min = 1, max = 1) String fill,
    @Setting(Setting.NOTHING) Optional<String> name)
    implements LocalStep {

  @Override
  public String text() {
    return "another process writes " + length + " bytes to " + file;
  }

  @Override
  public List<String> command(Stage stage) throws Exception {
    Path source = Files.createTempFile(stage.scratch(), "store", ".bin");
    byte[] bytes = new byte[(int) length];
    Arrays.fill(bytes, (byte) fill.charAt(0));
    Files.write(source, bytes);
    return List.of(
        "dd",
        "if=" + source,
        "of=" + stage.file(file).path(),
        "oflag=seek_bytes",
        "seek=" + offset,
        "bs=64K",
        "conv=notrunc",
        "status=none");
  }

  @Override
  public void changed(Stage stage) {
    stage.file(file).content().write(offset, length, (byte) fill.charAt(0));
  }
}
