package io.selkie.server.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateDirectoryTest {

  private final RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
  @TempDir Path dir;

  @Test
  void epochCountsUpAndTheServerStaysWhoItIs() throws IOException {
    byte[] id;
    int epoch;
    try (StateDirectory first = StateDirectory.open(dir.resolve("a/b"), random)) {
      epoch = first.bootEpoch();
      id = first.serverId();
    }
    try (StateDirectory second = StateDirectory.open(dir.resolve("a/b"), random)) {
      assertThat(second.bootEpoch()).isEqualTo(epoch + 1);
      assertThat(second.serverId()).isEqualTo(id).hasSize(16);
    }
  }

  @Test
  void directoryInUseIsRefusedWithTheOwner() throws IOException {
    try (StateDirectory first = StateDirectory.open(dir, random)) {
      assertThatThrownBy(() -> StateDirectory.open(dir, random))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("belongs to a running server, process ")
          .hasMessageContaining("--state-dir");
      assertThat(first.bootEpoch()).isEqualTo(1);
    }
    StateDirectory.open(dir, random).close();
  }

  @Test
  void damageIsToldNotGuessedAt() throws IOException {
    StateDirectory.open(dir, random).close();
    Files.writeString(dir.resolve("epoch"), "seven");
    assertThatThrownBy(() -> StateDirectory.open(dir, random)).hasMessageContaining("'seven'");
    Files.writeString(dir.resolve("epoch"), "7");
    Files.writeString(dir.resolve("server-id"), "");
    assertThatThrownBy(() -> StateDirectory.open(dir, random)).hasMessageContaining("server's id");
  }

  @Test
  void defaultIsWhereThisUserCanWrite() throws IOException {
    Path system = dir.resolve("system");
    Path home = dir.resolve("home");
    Path own = home.resolve(".local/state/selkie");
    assertThat(StateDirectory.defaultPath(1000, system, Optional.empty(), home)).isEqualTo(own);
    assertThat(StateDirectory.defaultPath(1000, system, Optional.of("relative"), home))
        .isEqualTo(own);
    assertThat(StateDirectory.defaultPath(1000, system, Optional.of("/state"), home))
        .isEqualTo(Path.of("/state/selkie"));
    // Root makes the system's place; where that is not possible it takes what is.
    assertThat(StateDirectory.defaultPath(0, system, Optional.empty(), home)).isEqualTo(system);
    assertThat(StateDirectory.defaultPath(1000, system, Optional.empty(), home)).isEqualTo(system);
    Path file = Files.createFile(dir.resolve("file"));
    assertThat(StateDirectory.defaultPath(0, file.resolve("below"), Optional.empty(), home))
        .isEqualTo(own);
    StateDirectory.open(own, random).close();
  }

  @Test
  void placeThatCannotBeIsToldWithWhatToDo() throws IOException {
    Files.createFile(dir.resolve("file"));
    assertThatThrownBy(() -> StateDirectory.open(dir.resolve("file/below"), random))
        .hasMessageContaining("cannot be made")
        .hasMessageContaining("--state-dir");
  }
}
