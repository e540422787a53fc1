package io.selkie.server.admin;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.server.media.MediaErrors;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Goal: programs read what ctl and HTTP print, so the names of its fields stay. A new field is
 * added to the list; one that goes, or is called otherwise, breaks somebody's program.
 */
class RowsTest {

  private static String fields(Class<?> row) {
    return row.getSimpleName()
        + ": "
        + Arrays.stream(row.getRecordComponents())
            .map(RecordComponent::getName)
            .collect(Collectors.joining(" "));
  }

  @Test
  void namesOfFieldsAreThoseThatProgramsKnow() throws IOException {
    List<String> known;
    try (var in = RowsTest.class.getResourceAsStream("rows.txt")) {
      known = new String(in.readAllBytes(), UTF_8).lines().toList();
    }
    assertThat(
            Stream.concat(
                    Arrays.stream(Rows.class.getDeclaredClasses()),
                    Stream.of(MediaErrors.BadRow.class))
                .map(RowsTest::fields))
        .containsExactlyInAnyOrderElementsOf(known);
  }
}
