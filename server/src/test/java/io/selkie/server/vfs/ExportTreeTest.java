package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.PosixException;
import io.selkie.server.vfs.Export.HandleMode;
import io.selkie.server.vfs.NamespaceChanges.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: many exports are one tree, in which each client walks among those that are for it. */
@Timeout(120)
class ExportTreeTest {

  private static final long STARTED = 1_700_000_000L;

  private final Kernel kernel = new LinuxKernel();
  private final List<Export> opened = new ArrayList<>();
  private VfsState state;
  private PassthroughFileSystem vfs;

  @TempDir(factory = RealFileSystem.class)
  private Path directory;

  @BeforeEach
  void start() throws IOException {
    state =
        VfsState.inMemory(kernel, RandomGenerator.of("L64X128MixRandom"), 1000, VfsFixture.CLOCKS);
    Files.createDirectories(directory.resolve("one/sub/deep"));
    Files.createDirectories(directory.resolve("two"));
    Files.createDirectories(directory.resolve("three"));
    Files.createFile(directory.resolve("one/sub/deep/covered"));
    Files.createFile(directory.resolve("two/in two"));
    vfs =
        new PassthroughFileSystem(
            kernel,
            List.of(
                export("a/b/one", "one"),
                export("a/b/one/sub/deep", "two"),
                export("a/three", "three")),
            state,
            STARTED,
            100);
  }

  @AfterEach
  void stop() {
    vfs.close();
    opened.forEach(Export::close);
    state.close();
  }

  private Export export(String name, String path) throws PosixException {
    Export export =
        Export.open(kernel, name, directory.resolve(path).toString(), false, HandleMode.KERNEL);
    opened.add(export);
    return export;
  }

  private VfsFile walk(Predicate<Export> visible, String... names) {
    VfsFile file = vfs.root();
    for (String name : names) {
      Found found = vfs.lookup(file, Names.bytes(name), visible);
      assertThat(found.status()).as(name).isEqualTo(NFS4_OK);
      file = found.file();
    }
    return file;
  }

  private VfsFile walk(String... names) {
    return walk(export -> true, names);
  }

  private List<String> list(VfsFile file, Predicate<Export> visible) {
    Listing listing = new Listing();
    assertThat(vfs.readDirectory(file, 0, true, visible, listing)).isEqualTo(NFS4_OK);
    assertThat(listing.ended()).isTrue();
    return listing.names();
  }

  private static Predicate<Export> only(String... names) {
    return export -> Set.of(names).contains(export.name());
  }

  @Test
  void namesOfSeveralLevelsAreDirectories() {
    assertThat(list(vfs.root(), e -> true)).containsExactly("a");
    assertThat(list(walk("a"), e -> true)).containsExactlyInAnyOrder("b", "three");
    assertThat(walk("a", "b").isPseudoRoot()).isTrue();
    assertThat(walk("a", "b", "one").isExportRoot()).isTrue();
    assertThat(vfs.lookupParent(walk("a", "three")).file()).isEqualTo(walk("a"));
    assertThat(vfs.lookupParent(walk("a")).file()).isEqualTo(vfs.root());
    assertThat(vfs.fromHandle(walk("a", "b").handleBytes()).file()).isEqualTo(walk("a", "b"));
    FileStatus b = new FileStatus();
    assertThat(vfs.getAttributes(walk("a", "b"), b)).isEqualTo(NFS4_OK);
    assertThat(b.isDirectory()).isTrue();
    assertThat(vfs.changes().create(walk("a"), Names.bytes("x"), new Kind.Directory(0)).status())
        .isEqualTo(NFS4ERR_ROFS);
  }

  @Test
  void oneCrossesFromAnExportIntoTheOneThatLiesInIt() {
    VfsFile sub = walk("a", "b", "one", "sub");
    assertThat(sub.export().orElseThrow().name()).isEqualTo("a/b/one");
    VfsFile deep = walk("a", "b", "one", "sub", "deep");
    assertThat(deep.export().orElseThrow().name()).isEqualTo("a/b/one/sub/deep");
    assertThat(list(deep, e -> true)).containsExactly("in two");
    assertThat(vfs.lookupParent(deep).file()).isEqualTo(sub);
    Listing listing = new Listing();
    assertThat(vfs.readDirectory(sub, 0, true, listing)).isEqualTo(NFS4_OK);
    assertThat(listing.names()).containsExactly("deep");
    assertThat(listing.files()).containsExactly(deep);
  }

  @Test
  void numberOfWhatIsCoveredIsThatOfTheDirectoryThere() throws IOException {
    VfsFile deep = walk("a", "b", "one", "sub", "deep");
    FileStatus status = new FileStatus();
    assertThat(vfs.getAttributes(deep, status)).isEqualTo(NFS4_OK);
    assertThat(vfs.mountedOnFileId(deep, status))
        .isEqualTo(Files.getAttribute(directory.resolve("one/sub/deep"), "unix:ino"));
    VfsFile three = walk("a", "three");
    Listing listing = new Listing();
    vfs.readDirectory(walk("a"), 0, true, listing);
    assertThat(listing.files()).contains(three);
    assertThat(vfs.mountedOnFileId(three, status)).isNotEqualTo(status.inode());
  }

  @Test
  void placeOfAnExportIsInUse() {
    VfsFile sub = walk("a", "b", "one", "sub");
    byte[] deep = Names.bytes("deep");
    assertThat(vfs.changes().remove(sub, deep).status()).isEqualTo(NFS4ERR_FILE_OPEN);
    assertThat(vfs.changes().rename(sub, deep, sub, Names.bytes("x")).status())
        .isEqualTo(NFS4ERR_FILE_OPEN);
    assertThat(vfs.changes().rename(sub, Names.bytes("x"), sub, deep).status())
        .isEqualTo(NFS4ERR_FILE_OPEN);
  }

  @Test
  void clientSeesWhatIsForItAndTheWayThere() {
    Predicate<Export> inner = only("a/b/one/sub/deep");
    assertThat(list(walk(inner, "a"), inner)).containsExactly("b");
    VfsFile one = walk(inner, "a", "b", "one");
    assertThat(one.isPseudoRoot()).isTrue();
    VfsFile deep = walk(inner, "a", "b", "one", "sub", "deep");
    assertThat(list(deep, inner)).containsExactly("in two");
    assertThat(vfs.lookupParent(deep, inner).file().isPseudoRoot()).isTrue();
    assertThat(list(vfs.root(), e -> false)).isEmpty();
  }

  @Test
  void whatIsCoveredIsHiddenFromWhomTheInnerExportIsNotFor() {
    Predicate<Export> outer = only("a/b/one");
    VfsFile sub = walk(outer, "a", "b", "one", "sub");
    assertThat(vfs.lookup(sub, Names.bytes("deep"), outer).status()).isEqualTo(NFS4ERR_NOENT);
    assertThat(list(sub, outer)).isEmpty();
  }

  @Test
  void exportsComeAndGoAndTheOthersNoticeNothing() throws IOException {
    VfsFile one = walk("a", "b", "one");
    VfsFile three = walk("a", "three");
    OpenFile open =
        ((OpenFileTable.Acquired.Opened)
                vfs.open(walk("a", "b", "one", "sub", "deep", "in two"), true))
            .file();
    long change = changeOf(walk("a"));
    Export gone = three.export().orElseThrow();
    List<Export> left = new ArrayList<>(vfs.exports());
    left.remove(gone);
    Files.createDirectories(directory.resolve("four"));
    left.add(export("four", "four"));
    vfs.serve(left, STARTED);
    vfs.retire(gone);

    assertThat(vfs.fromHandle(three.handleBytes()).status()).isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.getAttributes(three, new FileStatus())).isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.changes().create(three, Names.bytes("x"), new Kind.Directory(0)).status())
        .isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.fromHandle(one.handleBytes()).file()).isEqualTo(one);
    assertThat(vfs.getAttributes(open, new FileStatus())).isEqualTo(NFS4_OK);
    assertThat(list(vfs.root(), e -> true)).containsExactlyInAnyOrder("a", "four");
    assertThat(list(walk("a"), e -> true)).containsExactly("b");
    assertThat(changeOf(walk("a"))).isNotEqualTo(change);
    assertThat(descriptorsOn("three")).isZero();
    open.release();
  }

  @Test
  void listingGoesOnWhileExportsComeAndGo() throws IOException {
    for (int i = 0; i < 8; i++) {
      Files.createDirectories(directory.resolve("x" + i));
    }
    List<Export> many = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      many.add(export("x" + i, "x" + i));
    }
    vfs.serve(many, STARTED);
    Listing first = new Listing(3);
    vfs.readDirectory(vfs.root(), 0, false, first);
    Export gone =
        many.stream().filter(e -> e.name().equals(first.names().get(0))).findAny().orElseThrow();
    many.remove(gone);
    vfs.serve(many, STARTED);
    Listing rest = new Listing();
    assertThat(vfs.readDirectory(vfs.root(), first.lastCookie(), false, rest)).isEqualTo(NFS4_OK);
    List<String> all = new ArrayList<>(first.names());
    all.addAll(rest.names());
    assertThat(all).containsExactlyInAnyOrder("x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7");
  }

  @Test
  void placeThatDoesNotExistIsRefusedAndNothingChanges() throws IOException {
    List<Export> more = new ArrayList<>(vfs.exports());
    Files.createDirectories(directory.resolve("four"));
    more.add(export("a/three/nowhere/x", "four"));
    assertThatThrownBy(() -> vfs.serve(more, STARTED))
        .isInstanceOf(PosixException.class)
        .hasMessageContaining("a/three/nowhere/x")
        .hasMessageContaining("make the directory");
    assertThat(vfs.exports()).hasSize(3);
  }

  private long changeOf(VfsFile file) {
    FileStatus status = new FileStatus();
    assertThat(vfs.getAttributes(file, status)).isEqualTo(NFS4_OK);
    return vfs.changeOf(status);
  }

  private long descriptorsOn(String name) throws IOException {
    try (var fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(
              fd -> {
                try {
                  return Files.readSymbolicLink(fd).startsWith(directory.resolve(name));
                } catch (IOException e) {
                  return false;
                }
              })
          .count();
    }
  }
}
