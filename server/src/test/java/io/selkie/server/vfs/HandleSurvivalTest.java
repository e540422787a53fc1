package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.Kernel;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.PosixException;
import io.selkie.server.vfs.Export.HandleMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: a filehandle outlives the server that gave it out, whichever way files are found, and names
 * the same file or none.
 */
class HandleSurvivalTest {
  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final Kernel kernel = new LinuxKernel();

  @BeforeEach
  void makeFiles() throws IOException {
    Files.createDirectories(directory.resolve("export/a/b"));
    Files.write(directory.resolve("export/a/b/f"), new byte[3]);
    Files.write(directory.resolve("export/a/b/g"), new byte[4]);
  }

  @ParameterizedTest
  @CsvSource({"KERNEL,KERNEL", "NAME,NAME", "NAME,KERNEL"})
  void handleNamesTheSameFileAfterARestart(HandleMode before, HandleMode after) throws IOException {
    byte[] file;
    byte[] parent;
    byte[] root;
    try (VfsFixture first = new VfsFixture(kernel, directory, before)) {
      file = first.walk("a/b/f").handleBytes();
      parent = first.walk("a/b").handleBytes();
      root = first.root().handleBytes();
    }
    try (VfsFixture second = new VfsFixture(kernel, directory, after)) {
      Found found = second.vfs.fromHandle(file);
      assertThat(found.status()).isEqualTo(NFS4_OK);
      assertThat(second.stat(found.file()).size()).isEqualTo(3);
      assertThat(found.file()).isEqualTo(second.walk("a/b/f"));
      assertThat(second.vfs.fromHandle(parent).file()).isEqualTo(second.walk("a/b"));
      assertThat(second.vfs.fromHandle(root).file()).isEqualTo(second.root());
    }
  }

  @ParameterizedTest
  @EnumSource(HandleMode.class)
  void fileRenamedWhileTheServerWasDownIsFound(HandleMode mode) throws IOException {
    byte[] file;
    try (VfsFixture first = new VfsFixture(kernel, directory, mode)) {
      file = first.walk("a/b/f").handleBytes();
    }
    Files.move(directory.resolve("export/a/b/f"), directory.resolve("export/a/b/renamed"));
    Files.move(directory.resolve("export/a"), directory.resolve("export/aa"));
    try (VfsFixture second = new VfsFixture(kernel, directory, mode)) {
      assertThat(second.stat(second.vfs.fromHandle(file).file()).size()).isEqualTo(3);
    }
  }

  @ParameterizedTest
  @EnumSource(HandleMode.class)
  void renamesThroughTheServerAreRemembered(HandleMode mode) throws IOException {
    byte[] file;
    try (VfsFixture first = new VfsFixture(kernel, directory, mode)) {
      file = first.walk("a/b/f").handleBytes();
      assertThat(
              first
                  .vfs
                  .changes()
                  .rename(first.walk("a"), Names.bytes("b"), first.root(), Names.bytes("moved"))
                  .status())
          .isEqualTo(NFS4_OK);
    }
    try (VfsFixture second = new VfsFixture(kernel, directory, mode)) {
      assertThat(second.vfs.fromHandle(file).file()).isEqualTo(second.walk("moved/f"));
    }
  }

  @ParameterizedTest
  @EnumSource(HandleMode.class)
  void directoryMovedByOthersWhileTheServerRunsKeepsItsHandles(HandleMode mode) throws IOException {
    Files.createDirectory(directory.resolve("export/z"));
    try (VfsFixture fixture = new VfsFixture(kernel, directory, mode)) {
      VfsFile b = fixture.walk("a/b");
      VfsFile f = fixture.walk("a/b/f");
      Files.move(directory.resolve("export/a/b"), directory.resolve("export/z/b"));
      assertThat(fixture.vfs.fromHandle(b.handleBytes()).status()).isEqualTo(NFS4_OK);
      assertThat(fixture.vfs.fromHandle(f.handleBytes()).status()).isEqualTo(NFS4_OK);
      assertThat(fixture.vfs.lookupParent(b).file()).isEqualTo(fixture.walk("z"));
    }
  }

  @ParameterizedTest
  @EnumSource(HandleMode.class)
  void anotherFileOfTheSameNameIsNotTakenForIt(HandleMode mode) throws IOException {
    byte[] file;
    try (VfsFixture first = new VfsFixture(kernel, directory, mode)) {
      file = first.walk("a/b/f").handleBytes();
    }
    // Some file systems use the inode number again at once.
    Files.delete(directory.resolve("export/a/b/f"));
    Files.write(directory.resolve("export/a/b/f"), new byte[99]);
    try (VfsFixture second = new VfsFixture(kernel, directory, mode)) {
      assertThat(second.vfs.fromHandle(file).status()).isEqualTo(NFS4ERR_STALE);
    }
  }

  @Test
  void handleOfAnExportThatIsNoMoreIsStale() throws IOException {
    try (VfsFixture fixture = new VfsFixture(kernel, directory, HandleMode.KERNEL)) {
      byte[] file = fixture.walk("a/b/f").handleBytes();
      try (Export other =
              Export.open(kernel, "other", fixture.exported.toString(), false, HandleMode.KERNEL);
          PassthroughFileSystem vfs =
              new PassthroughFileSystem(
                  kernel, List.of(other), fixture.state, VfsFixture.STARTED, 10)) {
        assertThat(vfs.fromHandle(file).status()).isEqualTo(NFS4ERR_STALE);
      }
    }
  }

  @Test
  void withoutAStateDirectoryHandlesEndWithTheServer() throws IOException {
    var random = RandomGenerator.of("L64X128MixRandom");
    try (Export export =
            Export.open(
                kernel, "data", directory.resolve("export").toString(), false, HandleMode.NAME);
        VfsState one = VfsState.inMemory(kernel, random, 10, VfsFixture.CLOCKS);
        VfsState two = VfsState.inMemory(kernel, random, 10, VfsFixture.CLOCKS)) {
      var first = new PassthroughFileSystem(kernel, List.of(export), one, 0, 10);
      var second = new PassthroughFileSystem(kernel, List.of(export), two, 0, 10);
      byte[] root = first.lookup(first.root(), Names.bytes("data")).file().handleBytes();
      assertThat(first.fromHandle(root).status()).isEqualTo(NFS4_OK);
      assertThat(second.fromHandle(root).status()).isEqualTo(NFS4ERR_BADHANDLE);
      assertThat(one.isPersistent()).isFalse();
      first.close();
      second.close();
    }
  }

  @Test
  void stateIsForItsOwnerOnly() throws IOException {
    new VfsFixture(kernel, directory, HandleMode.NAME).close();
    for (String name : new String[] {"handle.key", "handles.index"}) {
      assertThat(
              PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(directory.resolve("state").resolve(name))))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void tornEndOfTheIndexIsCutOff() throws IOException {
    byte[] f;
    byte[] g;
    Path index = directory.resolve("state/handles.index");
    try (VfsFixture first = new VfsFixture(kernel, directory, HandleMode.NAME)) {
      f = first.walk("a/b/f").handleBytes();
    }
    long whole = Files.size(index);
    Files.write(index, new byte[] {1, 2, 3, 4, 0, 1, 0, 0, 9}, StandardOpenOption.APPEND);
    try (VfsFixture second = new VfsFixture(kernel, directory, HandleMode.NAME)) {
      assertThat(Files.size(index)).isEqualTo(whole);
      assertThat(second.vfs.fromHandle(f).status()).isEqualTo(NFS4_OK);
      g = second.walk("a/b/g").handleBytes();
    }
    try (VfsFixture third = new VfsFixture(kernel, directory, HandleMode.NAME)) {
      assertThat(third.vfs.fromHandle(f).status()).isEqualTo(NFS4_OK);
      assertThat(third.vfs.fromHandle(g).status()).isEqualTo(NFS4_OK);
    }
  }

  @Test
  void indexStaysBoundedOnDiskAndInMemory() throws IOException {
    int capacity = 50;
    try (VfsFixture fixture = new VfsFixture(kernel, directory, HandleMode.NAME, false, capacity)) {
      VfsFile root = fixture.root();
      for (int i = 0; i < 6000; i++) {
        String name = "n" + i;
        Files.createFile(fixture.exported.resolve(name));
        fixture.lookup(root, name);
        Files.delete(fixture.exported.resolve(name));
      }
      assertThat(fixture.state.index().size()).isEqualTo(capacity);
      assertThat(Files.size(directory.resolve("state/handles.index"))).isLessThan(300_000);
      byte[] last = fixture.walk("a/b/f").handleBytes();
      try (VfsFixture again = new VfsFixture(kernel, directory, HandleMode.NAME, false, capacity)) {
        assertThat(again.vfs.fromHandle(last).status()).isEqualTo(NFS4_OK);
      }
    }
  }

  @Test
  void fullDiskUnderTheIndexHurtsOnlyTheNextServer() throws IOException {
    var faulty = new FaultInjectingKernel(kernel);
    try (VfsFixture fixture = new VfsFixture(faulty, directory, HandleMode.NAME)) {
      faulty.failAll(KernelCall.PWRITE, Errno.ENOSPC);
      byte[] file = fixture.walk("a/b/f").handleBytes();
      assertThat(fixture.vfs.fromHandle(file).status()).isEqualTo(NFS4_OK);
    }
    try (VfsFixture next = new VfsFixture(kernel, directory, HandleMode.NAME)) {
      next.walk("a/b/f");
    }
  }

  @Test
  void stateOpensWholeOrNotAtAllWhicheverCallFails() throws IOException {
    var faulty = new FaultInjectingKernel(kernel);
    new VfsFixture(faulty, directory, HandleMode.NAME).close();
    long calls = faulty.calls();
    List<Long> refused = new ArrayList<>();
    for (long n = 1; n <= calls; n++) {
      faulty.heal();
      deleteState();
      faulty.failNth(n, Errno.EIO, FaultInjectingKernel.When.INSTEAD);
      long number = n;
      try {
        new VfsFixture(faulty, directory, HandleMode.NAME).close();
      } catch (PosixException e) {
        assertThat(e.errno()).isEqualTo(Errno.EIO);
        assertThat(e).hasMessageContaining(";");
        refused.add(number);
      }
      faulty.heal();
      try (VfsFixture healthy = new VfsFixture(faulty, directory, HandleMode.NAME)) {
        healthy.walk("a/b/f");
      }
    }
    assertThat(refused).hasSizeGreaterThan(8);
  }

  @Test
  void keyThatIsTooShortIsAnErrorNotAnotherKey() throws IOException {
    new VfsFixture(kernel, directory, HandleMode.NAME).close();
    Files.write(directory.resolve("state/handle.key"), new byte[7]);

    assertThatThrownBy(() -> new VfsFixture(kernel, directory, HandleMode.NAME))
        .isInstanceOf(PosixException.class)
        .hasMessageContaining("7 of 16 bytes");
  }

  private void deleteState() throws IOException {
    for (String name :
        new String[] {"handle.key", "handle.key.new", "handles.index", "handles.index.new"}) {
      Files.deleteIfExists(directory.resolve("state").resolve(name));
    }
  }
}
