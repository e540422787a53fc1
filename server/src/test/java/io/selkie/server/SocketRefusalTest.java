package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.SelkieConfig;
import io.selkie.server.admin.AdminClient;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a server whose administrators' socket would not be theirs alone does not start. */
@Timeout(600)
class SocketRefusalTest {

  @TempDir Path dir;

  private SelkieConfig config(String admin) throws Exception {
    Files.createDirectories(dir.resolve("export"));
    return ConfigLoader.parse(
        "test",
        """
        exports: [{path: %s}]
        listen: 127.0.0.1:0
        rdma: {listen: 127.0.0.1:0}
        stateDirectory: %s
        admin: {%s}
        """
            .formatted(dir.resolve("export"), dir.resolve("state"), admin),
        CommandLineSettings.NONE);
  }

  private void refuses(String admin, String... words) throws Exception {
    SelkieConfig config = config(admin);
    assertThatThrownBy(() -> SelkieServer.start(config))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll(words);
  }

  @Test
  void directoryThatOthersMayWriteToIsRefused() throws Exception {
    Path open = Files.createDirectory(dir.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    refuses("socket: " + open.resolve("s"), "others may write", "chmod o-w");
  }

  @Test
  void whatIsThereAndIsNoSocketIsLeftAlone() throws Exception {
    Path file = Files.writeString(dir.resolve("precious"), "data");
    refuses("socket: " + file, "is no socket", "move it away");
    assertThat(file).hasContent("data");
  }

  @Test
  void socketOfAnotherServerIsLeftAlone() throws Exception {
    Path path = dir.resolve("s");
    try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      other.bind(UnixDomainSocketAddress.of(path));
      refuses("socket: " + path, "another server");
    }
  }

  @Test
  void socketThatADeadServerLeftIsReplaced() throws Exception {
    Path path = dir.resolve("s");
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(path));
    }
    assertThat(path).exists();
    try (SelkieServer server = SelkieServer.start(config("socket: " + path));
        AdminClient client = AdminClient.connect(path)) {
      assertThat(server.adminSocket()).isEqualTo(Optional.of(path));
      assertThat(client).isNotNull();
    }
    assertThat(path).doesNotExist();
  }

  @Test
  void placeThatIsNotThereIsSaid() throws Exception {
    refuses("socket: " + dir.resolve("none/s"), "has no directory", "make it");
    refuses("group: no-such-group-anywhere", "cannot be made");
  }

  @Test
  void switchedOffThereIsNone() throws Exception {
    try (SelkieServer server = SelkieServer.start(config("enabled: false"))) {
      assertThat(server.adminSocket()).isEmpty();
      assertThat(dir.resolve("state/ctl.sock")).doesNotExist();
    }
  }
}
