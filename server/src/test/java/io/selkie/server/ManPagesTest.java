package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: each command has a page, with all that its own help says. */
class ManPagesTest {

  @TempDir Path dir;

  @Test
  void eachCommandHasAPage() throws Exception {
    assertThat(Main.commandLine().execute("man-pages", dir.toString())).isZero();
    List<String> names;
    try (Stream<Path> files = Files.list(dir)) {
      names = files.map(file -> file.getFileName().toString()).toList();
    }
    assertThat(names)
        .contains("selkie.1", "selkie-serve.1", "selkie-ctl.1", "selkie-ctl-layouts.1")
        .doesNotContain("selkie-man-pages.1");
    String layouts = Files.readString(dir.resolve("selkie-ctl-layouts.1"));
    assertThat(layouts)
        .startsWith(".TH \"SELKIE\\-CTL\\-LAYOUTS\" 1")
        .contains(
            ".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS", "\\-\\-client=CLIENT", "selkie\\-ctl (1)");
    assertThat(Files.readString(dir.resolve("selkie-ctl.1")))
        .contains(".SH EXIT STATUS", "selkie\\-ctl\\-recall", ".SH EXAMPLES");
  }
}
