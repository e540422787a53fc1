package io.selkie.dist;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.FallbackReason;
import io.selkie.lease.Sealer;
import io.selkie.rdma.RdmaException;
import io.selkie.server.admin.AdminException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Goal: the guides know each error by its name, and point to what there is. */
class GuidesTest {

  private static final Path DOCS = Path.of(System.getProperty("selkie.root"), "docs");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#]+)(#[^)]*)?\\)");
  private static final Pattern DECISION = Pattern.compile("(?m)^## D(\\d+)\\.");

  @Test
  void eachTypedErrorIsExplained() throws IOException {
    List<String> lines = Files.readAllLines(DOCS.resolve("ERRORS.md"));
    Stream.of(
            FallbackReason.values(),
            Sealer.Refusal.Reason.values(),
            RdmaException.Reason.values(),
            AdminException.Code.values())
        .flatMap(Stream::of)
        .forEach(error ->
            assertThat(lines)
                .as("a line on %s of %s", error, ((Enum<?>) error).getDeclaringClass().getName())
                .anyMatch(line -> line.startsWith("| `" + ((Enum<?>) error).name() + "` |")));
  }

  @Test
  void linksLeadSomewhere() throws IOException {
    try (Stream<Path> guides = Files.list(DOCS)) {
      for (Path guide : guides.filter(file -> file.toString().endsWith(".md")).toList()) {
        LINK.matcher(Files.readString(guide))
            .results()
            .map(found -> found.group(1))
            .filter(link -> !link.contains("://"))
            .forEach(link ->
                assertThat(DOCS.resolve(link)).as("%s in %s", link, guide.getFileName()).exists());
      }
    }
  }

  @Test
  void decisionsAreNumberedInOrder() throws IOException {
    List<Integer> numbers =
        DECISION
            .matcher(Files.readString(DOCS.resolve("DECISIONS.md")))
            .results()
            .map(found -> Integer.valueOf(found.group(1)))
            .toList();
    assertThat(numbers).isNotEmpty().doesNotHaveDuplicates().isSorted();
  }
}
