package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Capability;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.SystemFacts;
import io.selkie.server.vfs.Export.HandleMode;
import io.selkie.server.vfs.NamespaceChanges.Kind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: each operation does to the real file system what NFS says it does, both ways of handles.
 */
@ParameterizedClass
@EnumSource(HandleMode.class)
class PassthroughFileSystemTest {
  @TempDir(factory = RealFileSystem.class)
  Path directory;

  @Parameter HandleMode mode;

  private final Kernel kernel = new LinuxKernel();
  private VfsFixture fixture;
  private PassthroughFileSystem vfs;
  private Path exported;

  @BeforeEach
  void start() throws IOException {
    fixture = new VfsFixture(kernel, directory, mode);
    vfs = fixture.vfs;
    exported = fixture.exported;
  }

  @AfterEach
  void stop() throws IOException {
    assertThat(vfs.openFiles().size()).isZero();
    fixture.close();
    assertThat(fixture.descriptors()).isZero();
  }

  @Test
  void handleModeIsTheOneThePrivilegesAllow() throws IOException {
    boolean may = SystemFacts.of(kernel).capabilities().contains(Capability.CAP_DAC_READ_SEARCH);
    assertThat(fixture.export.handleMode()).isEqualTo(may ? mode : HandleMode.NAME);
  }

  @Test
  void namesThatAreNoneAreRefusedAsTheRfcSays() {
    VfsFile root = fixture.root();
    assertThat(fixture.statusOf(root, "")).isEqualTo(NFS4ERR_INVAL);
    assertThat(fixture.statusOf(root, ".")).isEqualTo(NFS4ERR_BADNAME);
    assertThat(fixture.statusOf(root, "..")).isEqualTo(NFS4ERR_BADNAME);
    assertThat(fixture.statusOf(root, "a/b")).isEqualTo(NFS4ERR_BADCHAR);
    assertThat(fixture.statusOf(root, "a\0b")).isEqualTo(NFS4ERR_BADCHAR);
    assertThat(fixture.statusOf(root, "x".repeat(256))).isEqualTo(NFS4ERR_NAMETOOLONG);
    assertThat(fixture.statusOf(root, "x".repeat(255))).isEqualTo(NFS4ERR_NOENT);
    assertThat(vfs.changes().create(root, Names.bytes(".."), new Kind.Directory(0700)).status())
        .isEqualTo(NFS4ERR_BADNAME);
    assertThat(vfs.changes().remove(root, Names.bytes(".")).status()).isEqualTo(NFS4ERR_BADNAME);
    assertThat(vfs.changes().rename(root, Names.bytes("a"), root, Names.bytes("../x")).status())
        .isEqualTo(NFS4ERR_BADCHAR);
  }

  @Test
  void parentOfAnExportIsTheRootOfAllAndAboveThatIsNothing() throws IOException {
    Files.createDirectories(exported.resolve("a/b"));
    VfsFile b = fixture.walk("a/b");

    Found a = vfs.lookupParent(b);
    assertThat(a.file()).isEqualTo(fixture.walk("a"));
    assertThat(vfs.lookupParent(a.file()).file()).isEqualTo(fixture.root());
    assertThat(vfs.lookupParent(fixture.root()).file().isPseudoRoot()).isTrue();
    assertThat(vfs.lookupParent(vfs.root()).status()).isEqualTo(NFS4ERR_NOENT);
    Files.createFile(exported.resolve("f"));
    assertThat(vfs.lookupParent(fixture.walk("f")).status()).isEqualTo(NFS4ERR_NOTDIR);
  }

  @Test
  void rootOfAllIsReadOnlyAndListsTheExports() {
    FileStatus status = fixture.stat(vfs.root());
    assertThat(status.isDirectory()).isTrue();
    assertThat(status.ctimeSec()).isEqualTo(VfsFixture.STARTED);
    assertThat(fixture.statusOf(vfs.root(), "other")).isEqualTo(NFS4ERR_NOENT);
    assertThat(
            vfs.changes().create(vfs.root(), Names.bytes("x"), new Kind.Directory(0700)).status())
        .isEqualTo(NFS4ERR_ROFS);
    assertThat(vfs.setMode(vfs.root(), 0777)).isEqualTo(NFS4ERR_ROFS);
    assertThat(vfs.access(vfs.root(), 0x3f).granted()).isEqualTo(0x03);
    assertThat(vfs.getFileSystemStatus(vfs.root(), new FileSystemStatus())).isEqualTo(NFS4_OK);
    var names = new Listing();
    assertThat(vfs.readDirectory(vfs.root(), 0, true, names)).isEqualTo(NFS4_OK);
    assertThat(names.names()).containsExactly("data");
    assertThat(names.files().getFirst()).isEqualTo(fixture.root());
    assertThat(vfs.readDirectory(vfs.root(), names.lastCookie(), false, new Listing()))
        .isEqualTo(NFS4_OK);
    assertThat(vfs.readDirectory(vfs.root(), 9, false, new Listing()))
        .isEqualTo(NFS4ERR_BAD_COOKIE);
    assertThat(vfs.fromHandle(vfs.root().handleBytes()).file()).isEqualTo(vfs.root());
  }

  @Test
  void lookingUpInWhatIsNoDirectoryTellsLinksFromOthers() throws IOException {
    Files.createFile(exported.resolve("f"));
    Files.createSymbolicLink(exported.resolve("l"), exported);

    assertThat(fixture.statusOf(fixture.walk("f"), "x")).isEqualTo(NFS4ERR_NOTDIR);
    assertThat(fixture.statusOf(fixture.walk("l"), "x")).isEqualTo(NFS4ERR_SYMLINK);
    assertThat(
            vfs.changes()
                .create(fixture.walk("l"), Names.bytes("x"), new Kind.Directory(0700))
                .status())
        .isEqualTo(NFS4ERR_SYMLINK);
    assertThat(vfs.readDirectory(fixture.walk("f"), 0, false, new Listing()))
        .isEqualTo(NFS4ERR_NOTDIR);
  }

  @Test
  void attributesAreSetAndSeen() throws IOException {
    Path path = Files.write(exported.resolve("f"), new byte[100]);
    VfsFile file = fixture.walk("f");
    long before = fixture.vfs.changeOf(fixture.stat(file));

    assertThat(vfs.setMode(file, 0604)).isEqualTo(NFS4_OK);
    assertThat(vfs.setOwner(file, -1, kernel.effectiveGid())).isEqualTo(NFS4_OK);
    assertThat(vfs.setTimes(file, 5, 6, 7, 8)).isEqualTo(NFS4_OK);
    OpenFile open = fixture.open(file, true);
    assertThat(vfs.setSize(open, 10)).isEqualTo(NFS4_OK);
    assertThat(vfs.setSize(open, -1)).isEqualTo(NFS4ERR_FBIG);
    open.release();

    FileStatus status = fixture.stat(file);
    assertThat(status.permissions()).isEqualTo(0604);
    assertThat(status.atimeSec()).isEqualTo(5);
    assertThat(status.size()).isEqualTo(10);
    assertThat(fixture.vfs.changeOf(status)).isNotEqualTo(before);
    assertThat(Files.size(path)).isEqualTo(10);
    FileSystemStatus space = new FileSystemStatus();
    assertThat(vfs.getFileSystemStatus(file, space)).isEqualTo(NFS4_OK);
    assertThat(space.blocks()).isPositive();
    assertThat(vfs.mountedOnFileId(file, status)).isEqualTo(status.inode());
    assertThat(vfs.mountedOnFileId(fixture.root(), status)).isNotEqualTo(status.inode());
  }

  @Test
  void accessTellsWhatTheServersUserMay() throws IOException {
    Path path = Files.createFile(exported.resolve("f"));
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));

    var result = vfs.access(fixture.walk("f"), 0x3f);
    assertThat(result.status()).isEqualTo(NFS4_OK);
    // LOOKUP and DELETE mean nothing for a file; it cannot be executed, by nobody at all.
    assertThat(result.supported()).isEqualTo(0x01 | 0x04 | 0x08 | 0x20);
    assertThat(result.granted()).isEqualTo(0x01 | 0x04 | 0x08);
    assertThat(vfs.access(fixture.root(), 0x3f).granted()).isEqualTo(0x1f);
    assertThat(vfs.access(fixture.walk("f"), 0x04).granted()).isEqualTo(0x04);
  }

  @Test
  void everyKindOfFileIsMadeWithItsMode() {
    VfsFile root = fixture.root();
    assertMade(root, "d", new Kind.Directory(01777), FileStatus.TYPE_DIRECTORY, 01777);
    assertMade(root, "p", new Kind.Fifo(0666), FileStatus.TYPE_FIFO, 0666);
    assertMade(root, "s", new Kind.Socket(0622), FileStatus.TYPE_SOCKET, 0622);
    assertMade(
        root, "l", new Kind.SymbolicLink(Names.bytes("../x/y")), FileStatus.TYPE_SYMBOLIC_LINK, -1);
    var link = vfs.readLink(fixture.walk("l"));
    assertThat(link.status()).isEqualTo(NFS4_OK);
    assertThat(link.target()).asString().isEqualTo("../x/y");
    assertThat(vfs.readLink(fixture.walk("d")).status()).isEqualTo(NFS4ERR_WRONG_TYPE);
    assertThat(vfs.readLink(vfs.root()).status()).isEqualTo(NFS4ERR_WRONG_TYPE);
    assertThat(vfs.changes().create(root, Names.bytes("d"), new Kind.Fifo(0600)).status())
        .isEqualTo(NFS4ERR_EXIST);
  }

  @Test
  void directoriesTakeOverTheSetGroupIdOfTheirDirectory() {
    assertMade(fixture.root(), "team", new Kind.Directory(02775), FileStatus.TYPE_DIRECTORY, 02775);
    VfsFile team = fixture.walk("team");
    assertMade(team, "d", new Kind.Directory(0755), FileStatus.TYPE_DIRECTORY, 02755);
    assertMade(team, "p", new Kind.Fifo(0640), FileStatus.TYPE_FIFO, 0640);
  }

  @Test
  void devicesNeedThePrivilege() throws IOException {
    boolean may = SystemFacts.of(kernel).capabilities().contains(Capability.CAP_MKNOD);

    Made made =
        vfs.changes()
            .create(fixture.root(), Names.bytes("c"), new Kind.CharacterDevice(0600, 1, 3));

    assertThat(made.status()).isEqualTo(may ? NFS4_OK : NFS4ERR_PERM);
    if (may) {
      assertThat(fixture.stat(made.file()).rdevMinor()).isEqualTo(3);
    }
  }

  @Test
  void onlyRegularFilesAreOpened() throws IOException {
    Files.createDirectory(exported.resolve("d"));
    Files.createSymbolicLink(exported.resolve("l"), Path.of("d"));
    vfs.changes().create(fixture.root(), Names.bytes("p"), new Kind.Fifo(0600));

    assertThat(openStatus("d")).isEqualTo(NFS4ERR_ISDIR);
    assertThat(openStatus("l")).isEqualTo(NFS4ERR_SYMLINK);
    assertThat(openStatus("p")).isEqualTo(NFS4ERR_WRONG_TYPE);
    assertThat(vfs.open(vfs.root(), false))
        .isEqualTo(new OpenFileTable.Acquired.Failed(NFS4ERR_ISDIR));
  }

  @Test
  void dataGoesInAndOut() throws IOException {
    Files.createFile(exported.resolve("f"));
    OpenFile file = fixture.open(fixture.walk("f"), true);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocateFrom("hello");
      assertThat(vfs.write(file, out, 3)).isEqualTo(6);
      assertThat(vfs.commit(file)).isEqualTo(NFS4_OK);
      MemorySegment in = arena.allocate(100);
      assertThat(vfs.read(file, in, 3)).isEqualTo(6);
      assertThat(in.getString(0)).isEqualTo("hello");
      FileStatus status = new FileStatus();
      assertThat(vfs.getAttributes(file, status)).isEqualTo(NFS4_OK);
      assertThat(status.size()).isEqualTo(9);
    }
    assertThat(file.describe()).isEqualTo("data/f");
    file.release();
    assertThat(Files.size(exported.resolve("f"))).isEqualTo(9);
  }

  @Test
  void linksAreMadeOfAnythingButDirectories() throws IOException {
    Files.write(exported.resolve("f"), new byte[5]);
    Files.createDirectory(exported.resolve("d"));
    VfsFile d = fixture.walk("d");

    var changed = vfs.changes().link(fixture.walk("f"), d, Names.bytes("g"));
    assertThat(changed.status()).isEqualTo(NFS4_OK);
    assertThat(changed.directory().after()).isNotEqualTo(changed.directory().before());
    assertThat(fixture.walk("d/g")).isEqualTo(fixture.walk("f"));
    assertThat(fixture.stat(fixture.walk("f")).linkCount()).isEqualTo(2);
    assertThat(vfs.changes().link(fixture.walk("f"), d, Names.bytes("g")).status())
        .isEqualTo(NFS4ERR_EXIST);
    assertThat(vfs.changes().link(d, fixture.root(), Names.bytes("dd")).status())
        .isEqualTo(NFS4ERR_ISDIR);
    assertThat(vfs.changes().link(vfs.root(), d, Names.bytes("x")).status())
        .isEqualTo(NFS4ERR_XDEV);
  }

  @Test
  void removingTellsEmptyFromFull() throws IOException {
    Files.createDirectories(exported.resolve("d/e"));
    VfsFile root = fixture.root();
    VfsFile e = fixture.walk("d/e");

    assertThat(vfs.changes().remove(root, Names.bytes("d")).status()).isEqualTo(NFS4ERR_NOTEMPTY);
    assertThat(vfs.changes().remove(fixture.walk("d"), Names.bytes("e")).status())
        .isEqualTo(NFS4_OK);
    assertThat(vfs.changes().remove(root, Names.bytes("d")).status()).isEqualTo(NFS4_OK);
    assertThat(vfs.changes().remove(root, Names.bytes("d")).status()).isEqualTo(NFS4ERR_NOENT);
    assertThat(exported.resolve("d")).doesNotExist();
    assertThat(vfs.fromHandle(e.handleBytes()).status()).isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.getAttributes(e, new FileStatus())).isEqualTo(NFS4ERR_STALE);
  }

  @Test
  void removedFileLivesOnWhileItIsOpen() throws IOException {
    Files.write(exported.resolve("f"), new byte[7]);
    VfsFile file = fixture.walk("f");
    OpenFile open = fixture.open(file, false);

    assertThat(vfs.changes().remove(fixture.root(), Names.bytes("f")).status()).isEqualTo(NFS4_OK);

    assertThat(fixture.stat(file).size()).isEqualTo(7);
    assertThat(fixture.stat(file).linkCount()).isZero();
    open.release();
    assertThat(vfs.getAttributes(file, new FileStatus())).isEqualTo(NFS4ERR_STALE);
  }

  @Test
  void renamingKeepsHandlesGoodAlsoOfWhatIsBelow() throws IOException {
    Files.createDirectories(exported.resolve("a/b/c"));
    Files.write(exported.resolve("a/b/c/f"), new byte[3]);
    Files.createDirectory(exported.resolve("z"));
    VfsFile file = fixture.walk("a/b/c/f");
    VfsFile c = fixture.walk("a/b/c");

    var renamed =
        vfs.changes()
            .rename(fixture.walk("a"), Names.bytes("b"), fixture.walk("z"), Names.bytes("bb"));

    assertThat(renamed.status()).isEqualTo(NFS4_OK);
    assertThat(exported.resolve("z/bb/c/f")).exists();
    assertThat(fixture.stat(file).size()).isEqualTo(3);
    assertThat(fixture.lookup(c, "f")).isEqualTo(file);
    assertThat(vfs.lookupParent(vfs.lookupParent(c).file()).file()).isEqualTo(fixture.walk("z"));
  }

  @Test
  void renamingOntoAnotherKindIsRefused() throws IOException {
    Files.createDirectories(exported.resolve("d/full"));
    Files.createFile(exported.resolve("f"));
    Files.createDirectory(exported.resolve("e"));
    VfsFile root = fixture.root();

    assertThat(rename(root, "f", root, "d")).isEqualTo(NFS4ERR_EXIST);
    assertThat(rename(root, "d", root, "f")).isEqualTo(NFS4ERR_EXIST);
    assertThat(rename(root, "e", root, "d")).isEqualTo(NFS4ERR_EXIST);
    assertThat(rename(root, "none", root, "x")).isEqualTo(NFS4ERR_NOENT);
    assertThat(rename(root, "d", fixture.walk("d/full"), "x")).isEqualTo(NFS4ERR_INVAL);
    assertThat(rename(root, "e", fixture.walk("f"), "x")).isEqualTo(NFS4ERR_NOTDIR);
    assertThat(rename(vfs.root(), "data", root, "x")).isEqualTo(NFS4ERR_ROFS);
  }

  @Test
  void handlesThatAreNoneOfOursAreRefused() throws IOException {
    Files.createFile(exported.resolve("f"));
    byte[] handle = fixture.walk("f").handleBytes();
    handle[10] ^= 1;

    assertThat(vfs.fromHandle(handle).status()).isEqualTo(NFS4ERR_BADHANDLE);
    assertThat(vfs.fromHandle(new byte[0]).status()).isEqualTo(NFS4ERR_BADHANDLE);
    assertThat(vfs.fromHandle(new byte[128]).status()).isEqualTo(NFS4ERR_BADHANDLE);
  }

  private void assertMade(VfsFile root, String name, Kind kind, int type, int permissions) {
    Made made = vfs.changes().create(root, Names.bytes(name), kind);
    assertThat(made.status()).as(name).isEqualTo(NFS4_OK);
    assertThat(made.directory().after()).isGreaterThanOrEqualTo(made.directory().before());
    FileStatus status = fixture.stat(made.file());
    assertThat(status.type()).isEqualTo(type);
    if (permissions >= 0) {
      assertThat(status.permissions()).as(name).isEqualTo(permissions);
    }
  }

  private int rename(VfsFile from, String oldName, VfsFile to, String newName) {
    return vfs.changes().rename(from, Names.bytes(oldName), to, Names.bytes(newName)).status();
  }

  private int openStatus(String name) {
    return ((OpenFileTable.Acquired.Failed) vfs.open(fixture.walk(name), false)).status();
  }
}
