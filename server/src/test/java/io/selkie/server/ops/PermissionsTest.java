package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static io.selkie.server.ops.FileCalls.mode;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: where the server may act as others, each request may what its own user may, no more and no
 * less; elsewhere everybody is the server's own user. Method: files belong to the user of this
 * test, and a client calls as another one. The kernel decides, so as root this is the real thing.
 */
@Timeout(120)
class PermissionsTest {

  private static final boolean PRIVILEGED = new LinuxKernel().effectiveUid() == 0;
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
    assertThat(stranger.open(root, "private", READ, DENY_NONE).status()).isEqualTo(refusal());
    assertThat(stranger.open(root, "public", READ, DENY_NONE).status()).isEqualTo("NFS4_OK");
    assertThat(stranger.open(root, "public", WRITE, DENY_NONE).status()).isEqualTo(refusal());
    byte[] handle = owner.handleOf("data", "private");
    assertThat(stranger.read(handle, Stateids.ANONYMOUS, 0, 1).status()).isEqualTo(refusal());
    byte[] data = {1};
    assertThat(stranger.write(handle, Stateids.ANONYMOUS, 0, Nfs4Const.UNSTABLE4, data).status())
        .isEqualTo(refusal());
    assertThat(owner.read(handle, Stateids.ANONYMOUS, 0, 1).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void strangerMayNotChangeNamesOrAttributes() throws IOException {
    // One for each: where the server has no privilege, everybody is its own user and may.
    for (String name : List.of("removed", "renamed", "f")) {
      permissions(Files.writeString(file(name), "x"), "rw-rw-rw-");
    }
    byte[] handle = owner.handleOf("data", "f");
    assertThat(stranger.remove(root, "removed")).isEqualTo(refusal());
    assertThat(stranger.rename(root, "renamed", root, "g")).isEqualTo(refusal());
    assertThat(stranger.mkdir(root, "d").status()).isEqualTo(refusal());
    assertThat(stranger.create(root, "new").status()).isEqualTo(refusal());
    assertThat(stranger.setAttr(handle, Stateids.ANONYMOUS, mode(0777)))
        .isEqualTo(PRIVILEGED ? "NFS4ERR_PERM" : "NFS4_OK");
    assertThat(stranger.setAttr(handle, Stateids.ANONYMOUS, FileCalls.size(0)))
        .isEqualTo("NFS4_OK");
  }

  @Test
  void stickyDirectoryKeepsOthersEntries() throws IOException {
    Path shared = Files.createDirectory(file("shared"));
    permissions(shared, "rwxrwxrwx");
    Files.createFile(shared.resolve("f"));
    Files.createFile(shared.resolve("kept"));
    byte[] directory = owner.handleOf("data", "shared");
    assertThat(owner.setAttr(directory, Stateids.ANONYMOUS, mode(01777))).isEqualTo("NFS4_OK");
    assertThat(stranger.remove(directory, "kept")).isEqualTo(refusal());
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
    assertThat(granted(stranger, handle, asked)).isEqualTo(PRIVILEGED ? 0 : asked);
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
    assertThat(stranger.lookup(directory, "f").status()).isEqualTo(refusal());
    assertThat(stranger.list(directory, 4096)).containsExactly("f");
    permissions(closed, "rwx--x--x");
    assertThat(stranger.lookup(directory, "f").status()).isEqualTo("NFS4_OK");
    assertThat(stranger.readDir(directory, 0, 0, 4096, new Bitmap4()).status())
        .isEqualTo(refusal());
  }

  @Test
  void whoMayOnlyReadADirectoryIsToldNothingOfItsFiles() throws IOException {
    Path closed = Files.createDirectory(file("closed"));
    Files.createFile(closed.resolve("f"));
    permissions(closed, "rwxr--r--");
    byte[] directory = owner.handleOf("data", "closed");
    Bitmap4 all =
        new Bitmap4().set(FileAttributes.FATTR4_SIZE).set(FileAttributes.FATTR4_FILEHANDLE);
    assertThat(stranger.readDir(directory, 0, 0, 4096, all).status()).isEqualTo(refusal());
    assertThat(owner.readDir(directory, 0, 0, 4096, all).status()).isEqualTo("NFS4_OK");

    all.set(FileAttributes.FATTR4_RDATTR_ERROR);
    assertThat(told(stranger, directory, all))
        .isEqualTo(
            PRIVILEGED
                ? new Bitmap4().set(FileAttributes.FATTR4_RDATTR_ERROR).toString()
                : all.toString());
    assertThat(told(owner, directory, all)).isEqualTo(all.toString());

    Bitmap4 numbers =
        new Bitmap4()
            .set(FileAttributes.FATTR4_RDATTR_ERROR)
            .set(FileAttributes.FATTR4_MOUNTED_ON_FILEID);
    assertThat(told(stranger, directory, numbers)).isEqualTo(numbers.toString());
  }

  /** Which attributes the first entry comes with. */
  private static String told(FileCalls client, byte[] directory, Bitmap4 asked) {
    var in = client.readDir(directory, 0, 0, 4096, asked).in();
    in.int64();
    assertThat(in.bool()).isTrue();
    in.int64();
    assertThat(in.opaque(255)).isEqualTo(new byte[] {'f'});
    return new Bitmap4().decode(in).toString();
  }

  @Test
  void groupsOfTheCallerCount() throws IOException {
    Path shared = permissions(Files.writeString(file("shared"), "x"), "rw-r-----");
    if (PRIVILEGED) {
      Files.setAttribute(shared, "unix:gid", 7100);
    }
    try (FileCalls member = server.client("member", STRANGER, STRANGER, 7099, 7100);
        FileCalls other = server.client("other", STRANGER, STRANGER, 7099)) {
      assertThat(member.open(root, "shared", READ, DENY_NONE).status()).isEqualTo("NFS4_OK");
      assertThat(member.open(root, "shared", WRITE, DENY_NONE).status()).isEqualTo(refusal());
      assertThat(other.open(root, "shared", READ, DENY_NONE).status()).isEqualTo(refusal());
    }
  }

  @Test
  void whatACallerMakesIsItsOwn() throws IOException {
    permissions(server.export(), "rwxrwxrwx");
    assertThat(stranger.create(root, "f").status()).isEqualTo("NFS4_OK");
    assertThat(stranger.mkdir(root, "d").status()).isEqualTo("NFS4_OK");
    int expected = PRIVILEGED ? STRANGER : new LinuxKernel().effectiveUid();
    assertThat(Files.getAttribute(file("f"), "unix:uid")).isEqualTo(expected);
    assertThat(Files.getAttribute(file("d"), "unix:uid")).isEqualTo(expected);
  }

  @Test
  void ownerMayGoOnWhateverBecameOfTheMode() throws IOException {
    permissions(server.export(), "rwxrwxrwx");
    FileCalls.Opened opened = stranger.create(root, "f");
    assertThat(stranger.setAttr(opened.handle(), Stateids.ANONYMOUS, mode(0))).isEqualTo("NFS4_OK");
    byte[] data = {1};
    assertThat(
            stranger
                .write(opened.handle(), opened.stateid(), 0, Nfs4Const.UNSTABLE4, data)
                .status())
        .isEqualTo("NFS4_OK");
    assertThat(stranger.read(opened.handle(), opened.stateid(), 0, 1).status())
        .isEqualTo("NFS4_OK");
  }

  private static String refusal() {
    return PRIVILEGED ? "NFS4ERR_ACCESS" : "NFS4_OK";
  }

  private static Path permissions(Path path, String bits) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(bits));
  }

  private Path file(String name) {
    return server.export().resolve(name);
  }
}
