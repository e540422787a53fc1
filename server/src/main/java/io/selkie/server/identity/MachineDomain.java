package io.selkie.server.identity;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The DNS domain of this machine, as far as its own files tell: nobody is asked. Stateless. */
public final class MachineDomain {

  /** What a machine without one has. */
  public static final String NONE = "localdomain";

  private MachineDomain() {}

  /**
   * What stands behind the first dot of the host's name, else the domain that the resolver looks in
   * first, else {@link #NONE}.
   *
   * @param hostname such as {@code /proc/sys/kernel/hostname}
   * @param resolver such as {@code /etc/resolv.conf}
   */
  public static String of(Path hostname, Path resolver) {
    for (String line : lines(hostname)) {
      int dot = line.indexOf('.');
      if (dot > 0 && dot < line.length() - 1) {
        return line.substring(dot + 1).strip();
      }
    }
    for (String line : lines(resolver)) {
      String[] words = line.strip().split("\\s+");
      if (words.length > 1
          && (words[0].equals("search") || words[0].equals("domain"))
          && words[1].matches("[A-Za-z0-9.-]*[A-Za-z0-9-][.]?")) {
        return words[1].endsWith(".") ? words[1].substring(0, words[1].length() - 1) : words[1];
      }
    }
    return NONE;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file, ISO_8859_1);
    } catch (IOException _) {
      // Not there: then it does not say.
      return List.of();
    }
  }
}
