package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static io.selkie.server.ops.FileCalls.mode;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.FileStatus;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.AuthSys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what the server's own user may do and the caller may not is refused. Method: files belong
 * to the user of this test, and a client calls as another one.
 */
@Timeout(60)
class PermissionsTest {

  private static final int STRANGER = new LinuxKernel().effectiveUid() + 4711;

  private ServerFixture server;
  private FileCalls owner;
  private FileCalls stranger;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    permissions(server.export(), "rwxr-xr-x");
    owner = server.client("owner");
    stranger = server.client("stranger", STRANGER);
    root = owner.handleOf("data");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  @Test
  void strangerMayNotOpenWhatItsBitsForbid() throws IOException {
    permissions(Files.writeString(file("private"), "x"), "rw-------");
    permissions(Files.writeString(file("public"), "x"), "rw-r--r--");
    assertThat(stranger.open(root, "private", READ, DENY_NONE).status())
        .isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.open(root, "public", READ, DENY_NONE).status()).isEqualTo("NFS4_OK");
    assertThat(stranger.open(root, "public", WRITE, DENY_NONE).status())
        .isEqualTo("NFS4ERR_ACCESS");
    byte[] handle = owner.handleOf("data", "private");
    assertThat(stranger.read(handle, Stateids.ANONYMOUS, 0, 1).status())
        .isEqualTo("NFS4ERR_ACCESS");
    byte[] data = {1};
    assertThat(stranger.write(handle, Stateids.ANONYMOUS, 0, Nfs4Const.UNSTABLE4, data).status())
        .isEqualTo("NFS4ERR_ACCESS");
    assertThat(owner.read(handle, Stateids.ANONYMOUS, 0, 1).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void strangerMayNotChangeNamesOrAttributes() throws IOException {
    permissions(Files.writeString(file("f"), "x"), "rw-rw-rw-");
    byte[] handle = owner.handleOf("data", "f");
    assertThat(stranger.remove(root, "f")).isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.rename(root, "f", root, "g")).isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.mkdir(root, "d").status()).isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.create(root, "new").status()).isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.setAttr(handle, Stateids.ANONYMOUS, mode(0777))).isEqualTo("NFS4ERR_PERM");
    assertThat(stranger.setAttr(handle, Stateids.ANONYMOUS, FileCalls.size(0)))
        .isEqualTo("NFS4_OK");
  }

  @Test
  void stickyDirectoryKeepsOthersEntries() throws IOException {
    Path shared = Files.createDirectory(file("shared"));
    permissions(shared, "rwxrwxrwx");
    Files.createFile(shared.resolve("f"));
    byte[] directory = owner.handleOf("data", "shared");
    assertThat(owner.setAttr(directory, Stateids.ANONYMOUS, mode(01777))).isEqualTo("NFS4_OK");
    assertThat(stranger.remove(directory, "f")).isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.mkdir(directory, "own").status()).isEqualTo("NFS4_OK");
    assertThat(owner.setAttr(directory, Stateids.ANONYMOUS, mode(0777))).isEqualTo("NFS4_OK");
    assertThat(stranger.remove(directory, "f")).isEqualTo("NFS4_OK");
  }

  @Test
  void accessSaysTheSame() throws IOException {
    permissions(Files.writeString(file("f"), "x"), "rw-r-----");
    byte[] handle = owner.handleOf("data", "f");
    int asked = Nfs4Const.ACCESS4_READ | Nfs4Const.ACCESS4_MODIFY;
    assertThat(granted(owner, handle, asked)).isEqualTo(asked);
    assertThat(granted(stranger, handle, asked)).isZero();
  }

  private static int granted(FileCalls client, byte[] handle, int asked) {
    var in = client.on(handle, NfsOp4.OP_ACCESS, o -> o.int32(asked)).in();
    in.int32();
    return in.int32();
  }

  @Test
  void searchOfADirectoryNeedsItsBit() throws IOException {
    Path closed = Files.createDirectory(file("closed"));
    Files.createFile(closed.resolve("f"));
    permissions(closed, "rwxr--r--");
    byte[] directory = owner.handleOf("data", "closed");
    assertThat(stranger.lookup(directory, "f").status()).isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.list(directory, 4096)).containsExactly("f");
    permissions(closed, "rwx--x--x");
    assertThat(stranger.lookup(directory, "f").status()).isEqualTo("NFS4_OK");
    assertThat(
            stranger.readDir(directory, 0, 0, 4096, new io.selkie.protocol.nfs4.Bitmap4()).status())
        .isEqualTo("NFS4ERR_ACCESS");
  }

  @Test
  void groupsOfTheCallerCount() {
    FileStatus file = new FileStatus().mode(FileStatus.TYPE_REGULAR | 0640).uid(1).gid(50);
    AuthSys member = new AuthSys().set(2, 3, 40, 50);
    AuthSys other = new AuthSys().set(2, 3, 40);
    assertThat(Permissions.granted(file, member, Permissions.READ)).isTrue();
    assertThat(Permissions.granted(file, member, Permissions.WRITE)).isFalse();
    assertThat(Permissions.granted(file, other, Permissions.READ)).isFalse();
    // The owner has the owner's bits only, even where others have more.
    FileStatus odd = new FileStatus().mode(FileStatus.TYPE_REGULAR | 0077).uid(2).gid(50);
    assertThat(Permissions.granted(odd, member)).isZero();
    AuthSys root = new AuthSys().set(0, 0);
    assertThat(Permissions.granted(odd, root, Permissions.READ | Permissions.WRITE)).isTrue();
  }

  private static void permissions(Path path, String bits) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(bits));
  }

  private Path file(String name) {
    return server.export().resolve(name);
  }
}
