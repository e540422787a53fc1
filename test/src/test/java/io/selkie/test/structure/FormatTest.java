package io.selkie.test.structure;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Goal: every source is as the formatter writes it, so that no difference is about layout. */
class FormatTest {

  @Test
  void everySourceIsFormatted() {
    var formatter = ToolProvider.findFirst("google-java-format").orElseThrow();
    var unformatted = new StringWriter();
    var errors = new StringWriter();
    String[] arguments =
        Stream.concat(
                Stream.of("--dry-run", "--set-exit-if-changed"),
                SourceTree.javaFiles().stream().map(Object::toString))
            .toArray(String[]::new);

    int exit =
        formatter.run(new PrintWriter(unformatted, true), new PrintWriter(errors, true), arguments);

    assertThat(unformatted.toString().lines().sorted())
        .as("sources that are not formatted: run bin/format")
        .isEmpty();
    assertThat(errors.toString()).as("what the formatter complains of").isEmpty();
    assertThat(exit).isZero();
  }
}
