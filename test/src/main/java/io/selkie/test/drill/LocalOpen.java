package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/**
 * {@code open}: another process opens the file and closes it. The program is dd, because it waits
 * for the lease as open(2) does.
 */
record LocalOpen(
    @Setting(max = 64) String file,
    @Setting("write") OpenMode mode,
    @Setting(Setting.NOTHING) Optional<String> name)
    implements LocalStep {

  /** What for. */
  enum OpenMode {
    /** O_RDONLY. */
    READ,
    /** O_WRONLY. */
    WRITE;

    String word() {
      return this == READ ? "read" : "write";
    }
  }

  @Override
  public String text() {
    return "another process opens " + file + " to " + mode.word();
  }

  @Override
  public List<String> command(Stage stage) throws Exception {
    String path = stage.file(file).path().toString();
    return mode == OpenMode.READ
        ? List.of("dd", "if=" + path, "of=/dev/null", "count=0", "status=none")
        : List.of("dd", "if=/dev/null", "of=" + path, "conv=notrunc", "count=0", "status=none");
  }

  @Override
  public void changed(Stage stage) {
    // Who only opens a file changes nothing.
  }
}
