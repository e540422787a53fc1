package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: what the machine's own files say is what is answered. */
@Timeout(120)
class SystemNameServiceTest {

  private final NameService names = new SystemNameService();

  @Test
  void usersAndGroupsOfTheFilesAreFoundBothWays() throws Exception {
    for (String line : lines("/etc/passwd")) {
      String[] fields = line.split(":");
      int uid = Integer.parseInt(fields[2]);
      assertThat(names.userNamed(fields[0])).hasValue(uid);
      assertThat(names.groupsOf(uid).orElseThrow()).contains(Integer.parseInt(fields[3]));
    }
    for (String line : lines("/etc/group")) {
      String[] fields = line.split(":");
      assertThat(names.groupNamed(fields[0])).hasValue(Integer.parseInt(fields[2]));
    }
    assertThat(names.nameOfUser(0)).contains("root");
    assertThat(names.nameOfGroup(0)).contains("root");
  }

  private static List<String> lines(String file) throws IOException {
    return Files.readAllLines(Path.of(file)).stream()
        .filter(line -> line.matches("[a-z][^:]*:[^:]*:\\d+:.*"))
        .limit(20)
        .toList();
  }

  @Test
  void whoIsNotThereIsNotFound() throws Exception {
    assertThat(names.userNamed("no such user here")).isEmpty();
    assertThat(names.groupNamed("no such group here")).isEmpty();
    assertThat(names.nameOfUser(1_999_999_999)).isEmpty();
    assertThat(names.nameOfGroup(1_999_999_999)).isEmpty();
    assertThat(names.groupsOf(1_999_999_999)).isEmpty();
  }
}
