package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.RenameFlags;
import io.selkie.server.vfs.Export.HandleMode;
import io.selkie.server.vfs.NamespaceChanges.CreateMode;
import io.selkie.server.vfs.NamespaceChanges.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Goal: nothing outside of the export is ever reached: by links, by ways up, by races. */
@ParameterizedClass
@EnumSource(HandleMode.class)
class EscapeTest {
  @TempDir(factory = RealFileSystem.class)
  Path directory;

  @Parameter HandleMode mode;

  private final Kernel kernel = new LinuxKernel();
  private VfsFixture fixture;
  private PassthroughFileSystem vfs;
  private Path outside;

  @BeforeEach
  void start() throws IOException {
    fixture = new VfsFixture(kernel, directory, mode);
    vfs = fixture.vfs;
    outside = Files.createDirectory(directory.resolve("outside"));
    Files.write(outside.resolve("secret"), new byte[9]);
  }

  @AfterEach
  void stop() throws IOException {
    fixture.close();
    assertThat(fixture.descriptors()).isZero();
  }

  @Test
  void symbolicLinksLeadNowhere() throws IOException {
    for (String target : new String[] {outside.toString(), "../outside", "/proc/self/root", "."}) {
      Path link = fixture.exported.resolve("link");
      Files.deleteIfExists(link);
      Files.createSymbolicLink(link, Path.of(target));
      VfsFile file = fixture.walk("link");

      assertThat(fixture.stat(file).isSymbolicLink()).isTrue();
      assertThat(fixture.statusOf(file, "secret")).isEqualTo(NFS4ERR_SYMLINK);
      assertThat(vfs.readDirectory(file, 0, true, new Listing())).isEqualTo(NFS4ERR_SYMLINK);
      assertThat(vfs.open(file, false))
          .isEqualTo(new OpenFileTable.Acquired.Failed(NFS4ERR_SYMLINK));
      assertThat(
              vfs.changes()
                  .createFile(
                      file,
                      Names.bytes("new"),
                      0600,
                      CreateMode.UNCHECKED,
                      0,
                      true,
                      made -> NFS4_OK)
                  .status())
          .isEqualTo(NFS4ERR_SYMLINK);
      assertThat(vfs.changes().remove(file, Names.bytes("secret")).status())
          .isEqualTo(NFS4ERR_SYMLINK);
    }
    assertThat(outside.resolve("secret")).exists();
    assertThat(outside.resolve("new")).doesNotExist();
  }

  @Test
  void creatingOverALinkDoesNotCreateItsTarget() throws IOException {
    Files.createSymbolicLink(fixture.exported.resolve("link"), outside.resolve("made"));

    for (CreateMode createMode : CreateMode.values()) {
      int status =
          vfs.changes()
              .createFile(
                  fixture.root(), Names.bytes("link"), 0600, createMode, 1, true, made -> NFS4_OK)
              .status();
      assertThat(status)
          .isEqualTo(createMode == CreateMode.UNCHECKED ? NFS4ERR_SYMLINK : NFS4ERR_EXIST);
    }
    assertThat(outside.resolve("made")).doesNotExist();
  }

  @Test
  void directoryMovedOutTakesItsHandlesWithIt() throws IOException {
    Files.createDirectories(fixture.exported.resolve("d/e"));
    VfsFile d = fixture.walk("d");
    VfsFile e = fixture.walk("d/e");

    Files.move(fixture.exported.resolve("d"), outside.resolve("d"));

    assertThat(vfs.fromHandle(d.handleBytes()).status()).isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.fromHandle(e.handleBytes()).status()).isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.lookupParent(e).status()).isEqualTo(NFS4ERR_STALE);
    assertThat(fixture.statusOf(d, "e")).isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.changes().create(e, Names.bytes("x"), new Kind.Directory(0700)).status())
        .isEqualTo(NFS4ERR_STALE);
    Files.move(outside.resolve("d"), fixture.exported.resolve("back"));
    fixture.walk("back/e");
    assertThat(vfs.fromHandle(e.handleBytes()).status()).isEqualTo(NFS4_OK);
  }

  @Test
  void fileMovedOutIsStale() throws IOException {
    Path path = Files.write(fixture.exported.resolve("f"), new byte[3]);
    VfsFile file = fixture.walk("f");

    Files.move(path, outside.resolve("f"));

    assertThat(vfs.getAttributes(file, new FileStatus())).isEqualTo(NFS4ERR_STALE);
    assertThat(vfs.open(file, false)).isEqualTo(new OpenFileTable.Acquired.Failed(NFS4ERR_STALE));
  }

  @Test
  void exportThatWasMovedIsStillTheSameDirectory() throws IOException {
    Files.createDirectories(fixture.exported.resolve("d"));
    VfsFile d = fixture.walk("d");

    Files.move(fixture.exported, directory.resolve("elsewhere"));

    assertThat(fixture.stat(d).isDirectory()).isTrue();
    assertThat(vfs.lookupParent(d).file().isExportRoot()).isTrue();
    assertThat(fixture.walk("d")).isEqualTo(d);
  }

  @Test
  void mountPointsAreNotEntered() throws IOException {
    // /proc has been mounted on below the root everywhere; exporting the root is the simplest way.
    try (Export root = Export.open(kernel, "rootfs", "/", true, mode);
        PassthroughFileSystem all =
            new PassthroughFileSystem(
                kernel, List.of(root), fixture.state, VfsFixture.STARTED, 10)) {
      VfsFile top = all.lookup(all.root(), Names.bytes("rootfs")).file();
      assertThat(all.lookup(top, Names.bytes("proc")).status()).isEqualTo(NFS4ERR_ACCESS);
      assertThat(all.lookup(top, Names.bytes("usr")).status()).isEqualTo(NFS4_OK);
    }
  }

  @Test
  void racingRenamesNeverShowAnythingOutside() throws Exception {
    // A directory flies in and out of the export, a link and a directory change places.
    Files.createDirectories(fixture.exported.resolve("d/e"));
    Files.createDirectory(fixture.exported.resolve("x"));
    Files.createSymbolicLink(fixture.exported.resolve("y"), outside);
    VfsFile d = fixture.walk("d");
    Set<Long> allowed = new TreeSet<>();
    for (String path : new String[] {"", "x", "y"}) {
      allowed.add(
          (Long)
              Files.getAttribute(
                  fixture.exported.resolve(path), "unix:ino", LinkOption.NOFOLLOW_LINKS));
    }
    AtomicBoolean stop = new AtomicBoolean();
    CountDownLatch moving = new CountDownLatch(10);
    CompletableFuture<Void> mover =
        CompletableFuture.runAsync(
            () -> moveAbout(stop, moving), task -> Thread.ofPlatform().start(task));
    assertThat(moving.await(60, TimeUnit.SECONDS)).isTrue();

    int reached = 0;
    try {
      for (int i = 0; i < 4_000; i++) {
        Found parent = vfs.lookupParent(d);
        if (parent.status() == NFS4_OK) {
          reached++;
          assertThat(allowed).contains(parent.file().identity().inode());
        } else {
          assertThat(parent.status()).isEqualTo(NFS4ERR_STALE);
        }
        Found x = vfs.lookup(fixture.root(), Names.bytes("x"));
        if (x.status() == NFS4_OK) {
          assertThat(allowed).contains(x.file().identity().inode());
          Found secret = vfs.lookup(x.file(), Names.bytes("secret"));
          assertThat(secret.status()).isIn(NFS4ERR_SYMLINK, NFS4ERR_NOENT, NFS4ERR_STALE);
        }
      }
    } finally {
      stop.set(true);
      mover.get(60, TimeUnit.SECONDS);
    }
    assertThat(reached).isPositive();
  }

  private void moveAbout(AtomicBoolean stop, CountDownLatch moving) {
    byte[] inside = Names.bytes(fixture.exported.resolve("d").toString());
    byte[] out = Names.bytes(outside.resolve("d").toString());
    byte[] x = Names.bytes(fixture.exported.resolve("x").toString());
    byte[] y = Names.bytes(fixture.exported.resolve("y").toString());
    while (!stop.get()) {
      kernel.renameat2(Kernel.AT_FDCWD, inside, Kernel.AT_FDCWD, out, 0);
      kernel.renameat2(Kernel.AT_FDCWD, out, Kernel.AT_FDCWD, inside, 0);
      kernel.renameat2(Kernel.AT_FDCWD, x, Kernel.AT_FDCWD, y, RenameFlags.EXCHANGE);
      moving.countDown();
    }
  }
}
