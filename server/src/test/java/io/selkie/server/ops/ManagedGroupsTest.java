package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.posix.SystemNameService;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: with {@code identity.manageGroups} a user's groups are those that this machine knows, and
 * those that a request claims count for nothing. Method: one of the users that every system has,
 * and files for the members of a group. Without privileges everybody is the server's own user.
 */
@Timeout(120)
class ManagedGroupsTest {

  private static final boolean PRIVILEGED = new LinuxKernel().effectiveUid() == 0;
  private static final int INVENTED = 7100;
  private static final int INVENTED_TOO = 7101;

  /** Someone who has a group, and it; not root, who needs none. */
  private record Member(int uid, int gid) {
    static Member any() throws Exception {
      SystemNameService names = new SystemNameService();
      for (int uid = 1; uid < 1000; uid++) {
        int[] groups = names.groupsOf(uid).orElse(new int[0]);
        if (groups.length > 0 && groups[0] != 0) {
          return new Member(uid, groups[0]);
        }
      }
      throw new AssertionError("this system knows no user below 1000");
    }
  }

  private static ServerFixture server(boolean managed) throws IOException {
    ServerFixture server =
        new ServerFixture(
            new LinuxKernel(),
            "",
            "{enabled: false}",
            "recallTimeoutMillis: 500",
            "identity: {manageGroups: %s}".formatted(managed));
    Files.setPosixFilePermissions(server.export(), PosixFilePermissions.fromString("rwxrwxrwx"));
    return server;
  }

  private static void fileFor(ServerFixture server, String name, int gid) throws IOException {
    Path file = Files.createFile(server.export().resolve(name));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
    if (PRIVILEGED) {
      Files.setAttribute(file, "unix:gid", gid);
    }
  }

  private static String read(FileCalls client, String name) {
    return client.open(client.handleOf("data"), name, READ, DENY_NONE).status();
  }

  @Test
  void groupsAreLookedUpAndThoseOfTheRequestDoNotCount() throws Exception {
    Member member = Member.any();
    try (ServerFixture server = server(true)) {
      fileFor(server, "known", member.gid());
      fileFor(server, "invented", INVENTED);
      fileFor(server, "invented too", INVENTED_TOO);

      FileCalls without = server.client("without", member.uid(), INVENTED_TOO);
      assertThat(read(without, "known")).isEqualTo("NFS4_OK");

      FileCalls liar = server.client("liar", member.uid(), INVENTED_TOO, INVENTED);
      assertThat(read(liar, "known")).isEqualTo("NFS4_OK");
      assertThat(read(liar, "invented")).isEqualTo(refusal());
      assertThat(read(liar, "invented too")).as("what it names first").isEqualTo(refusal());

      Opened made = liar.create(liar.handleOf("data"), "made");
      assertThat(made.status()).isEqualTo("NFS4_OK");
      if (PRIVILEGED) {
        Path file = server.export().resolve("made");
        assertThat(Files.getAttribute(file, "unix:uid")).isEqualTo(member.uid());
        assertThat(Files.getAttribute(file, "unix:gid")).isEqualTo(member.gid());
      }
    }
  }

  @Test
  void withoutItTheGroupsOfTheRequestCount() throws Exception {
    Member member = Member.any();
    try (ServerFixture server = server(false)) {
      fileFor(server, "known", member.gid());
      fileFor(server, "named", INVENTED);
      FileCalls client = server.client("client", member.uid(), INVENTED_TOO, INVENTED);
      assertThat(read(client, "named")).isEqualTo("NFS4_OK");
      assertThat(read(client, "known")).isEqualTo(refusal());
    }
  }

  private static String refusal() {
    return PRIVILEGED ? "NFS4ERR_ACCESS" : "NFS4_OK";
  }
}
