package io.selkie.test.drill;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.ConfigException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The scenarios that ship, and those of files. */
final class Library {

  /** Names of those that ship, in the order in which they are played. */
  static final List<String> NAMES =
      List.of(
          "answers-at-once",
          "returns-late",
          "returns-half",
          "never-returns",
          "keeps-writing",
          "connection-lost",
          "lies",
          "names-may-change",
          "seal-under-load",
          "server-killed");

  private static final long FILE_BYTES_MAX = 1 << 20;
  private static final String ENDING = ".yaml";

  private Library() {}

  /** The text of one that ships. */
  static String text(String name) throws IOException {
    try (InputStream in = Library.class.getResourceAsStream(name + ENDING)) {
      if (in == null || !NAMES.contains(name)) {
        throw new IOException(
            "there is no scenario '"
                + name
                + "'; there are "
                + String.join(", ", NAMES)
                + ", or name a file ending in .yaml");
      }
      return new String(in.readAllBytes(), UTF_8);
    }
  }

  /** One that ships, or one of a file when the word has a slash or ends in .yaml. */
  static Scenario load(String word) throws IOException, ConfigException {
    if (!word.endsWith(ENDING) && !word.endsWith(".yml") && !word.contains("/")) {
      return ScenarioReader.read(word, word + ENDING, text(word));
    }
    Path file = Path.of(word);
    if (Files.size(file) > FILE_BYTES_MAX) {
      throw new IOException(word + " has more than " + FILE_BYTES_MAX + " bytes: no scenario");
    }
    String name = String.valueOf(file.getFileName()).replaceAll("\\.ya?ml$", "");
    return ScenarioReader.read(name, word, Files.readString(file));
  }
}
