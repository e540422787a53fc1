package io.selkie.server.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.AdminConfig;
import io.selkie.posix.NameService;
import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import jdk.net.UnixDomainPrincipal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: only those whom the configuration names get in, whatever the mode of the socket says. */
class SocketPlaceTest {

  private static final int MEMBER = 4711;

  @TempDir Path dir;

  /** User 4711 is in the group of the socket, nobody else is in any. */
  private final class Names implements NameService {
    @Override
    public OptionalInt userNamed(String name) {
      return name.matches("\\d+") ? OptionalInt.of(Integer.parseInt(name)) : OptionalInt.empty();
    }

    @Override
    public OptionalInt groupNamed(String name) {
      return OptionalInt.empty();
    }

    @Override
    public Optional<String> nameOfUser(int uid) {
      return Optional.empty();
    }

    @Override
    public Optional<String> nameOfGroup(int gid) {
      return Optional.empty();
    }

    @Override
    public Optional<int[]> groupsOf(int uid) throws UnavailableException {
      try {
        int gid = (Integer) Files.getAttribute(dir.resolve("s"), "unix:gid");
        return Optional.of(uid == MEMBER ? new int[] {gid + 1, gid} : new int[] {gid + 1});
      } catch (IOException e) {
        throw new UnavailableException(e.toString());
      }
    }
  }

  private SocketPlace place(String mode) {
    return new SocketPlace(
        dir.resolve("s"),
        new AdminConfig(true, Optional.empty(), Optional.empty(), Optional.empty(), mode, false),
        new Names());
  }

  private UnixDomainPrincipal user(int uid) throws IOException {
    UserPrincipalLookupService lookup = dir.getFileSystem().getUserPrincipalLookupService();
    GroupPrincipal group = Files.readAttributes(dir, PosixFileAttributes.class).group();
    return new UnixDomainPrincipal(lookup.lookupPrincipalByName(Integer.toString(uid)), group);
  }

  @Test
  void rootAndTheServersUserGetInAndOthersDoNot() throws Exception {
    SocketPlace place = place("0600");
    try (ServerSocketChannel _ = place.open(1)) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(place.path())))
          .isEqualTo("rw-------");
      assertThat(place.admits(user(0))).isTrue();
      int self = (Integer) Files.getAttribute(place.path(), "unix:uid");
      assertThat(place.admits(user(self))).isTrue();
      assertThat(place.admits(user(MEMBER))).isFalse();
      Files.setPosixFilePermissions(place.path(), PosixFilePermissions.fromString("rw-rw-rw-"));
      assertThat(place.admits(user(MEMBER))).as("a mode that somebody changed").isFalse();
    }
  }

  @Test
  void membersOfTheGroupGetInWhenTheModeLetsThem() throws Exception {
    SocketPlace place = place("0660");
    try (ServerSocketChannel _ = place.open(1)) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(place.path())))
          .isEqualTo("rw-rw----");
      assertThat(place.admits(user(MEMBER))).isTrue();
      assertThat(place.admits(user(MEMBER + 1))).isFalse();
    }
  }

  @Test
  void numbersOfDevicesAreReadAsTheKernelWritesThem() {
    assertThat(Selection.packed(0xfe00)).isEqualTo(254L << 32);
    // makedev(0x12345, 0xabcde)
    assertThat(Selection.packed(0x12000abc345deL)).isEqualTo(0x12345L << 32 | 0xabcdeL);
  }

  @Test
  void exportsOfPathsAreFoundByTheLongestName() {
    ExportNames names = new ExportNames(List.of("a", "a/b"));
    assertThat(names.export("a/b/c")).isEqualTo("a/b");
    assertThat(names.below("a/b/c")).isEqualTo("/c");
    assertThat(names.export("a/c/d")).isEqualTo("a");
    assertThat(names.below("a/c/d")).isEqualTo("/c/d");
    assertThat(names.export("ab/c")).isEmpty();
    assertThat(names.below("ab/c")).isEqualTo("ab/c");
  }
}
