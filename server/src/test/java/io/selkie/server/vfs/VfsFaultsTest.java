package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FaultInjectingKernel.When;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.server.vfs.Export.HandleMode;
import io.selkie.server.vfs.NamespaceChanges.Kind;
import io.selkie.server.vfs.OpenFileTable.Acquired;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: whichever call into the kernel fails in whichever operation, the answer is a status, no
 * descriptor is left behind and the next try works.
 */
@ParameterizedClass
@EnumSource(HandleMode.class)
class VfsFaultsTest {
  @TempDir(factory = RealFileSystem.class)
  Path directory;

  @Parameter HandleMode mode;

  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
  private final FileStatus status = new FileStatus();
  private VfsFixture fixture;
  private VfsFile root;
  private VfsFile dir;
  private VfsFile file;
  private int made;

  @BeforeEach
  void start() throws IOException {
    fixture = new VfsFixture(kernel, directory, mode);
    Files.createDirectories(fixture.exported.resolve("d/e"));
    Files.write(fixture.exported.resolve("d/f"), new byte[3]);
    Files.createSymbolicLink(fixture.exported.resolve("d/l"), Path.of("f"));
    root = fixture.root();
    dir = fixture.walk("d");
    file = fixture.walk("d/f");
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  @Test
  void everyOperationSurvivesEveryFault() throws IOException {
    for (Map.Entry<String, IntSupplier> operation : operations().entrySet()) {
      String name = operation.getKey();
      // Once to fill what is kept at hand, once to count.
      assertThat(operation.getValue().getAsInt()).as(name).isEqualTo(NFS4_OK);
      long before = kernel.calls();
      assertThat(operation.getValue().getAsInt()).as(name).isEqualTo(NFS4_OK);
      long calls = kernel.calls() - before;
      assertThat(calls).as(name).isPositive();
      long idle = descriptors();
      for (When when : When.values()) {
        for (long n = 1; n <= calls; n++) {
          kernel.failNth(n, Errno.EIO, when);
          int result = operation.getValue().getAsInt();
          kernel.heal();
          String what = name + " with call " + n + " of " + calls + " failing " + when;
          assertThat(result).as(what).isIn(NFS4_OK, NFS4ERR_IO, NFS4ERR_STALE, NFS4ERR_ACCESS);
          assertThat(descriptors()).as(what).isEqualTo(idle);
          assertThat(fixture.vfs.openFiles().size()).as(what).isZero();
          assertThat(operation.getValue().getAsInt()).as("again: " + what).isEqualTo(NFS4_OK);
        }
      }
    }
  }

  private Map<String, IntSupplier> operations() {
    PassthroughFileSystem vfs = fixture.vfs;
    NamespaceChanges changes = vfs.changes();
    Map<String, IntSupplier> operations = new LinkedHashMap<>();
    operations.put("lookup", () -> vfs.lookup(dir, Names.bytes("f")).status());
    operations.put("lookupParent", () -> vfs.lookupParent(dir).status());
    operations.put("fromHandle", () -> vfs.fromHandle(file.handleBytes()).status());
    operations.put("getAttributes", () -> vfs.getAttributes(file, status));
    operations.put("fsstat", () -> vfs.getFileSystemStatus(file, new FileSystemStatus()));
    operations.put("setMode", () -> vfs.setMode(file, 0600));
    operations.put("setTimes", () -> vfs.setTimes(file, 1, 1, 1, 1));
    operations.put("access", () -> vfs.access(file, 0x3f).status());
    operations.put(
        "readLink",
        () -> {
          Found link = vfs.lookup(dir, Names.bytes("l"));
          return link.status() == NFS4_OK ? vfs.readLink(link.file()).status() : link.status();
        });
    operations.put("readDirectory", () -> vfs.readDirectory(dir, 0, true, new Listing()));
    operations.put(
        "open",
        () -> {
          Acquired acquired = vfs.open(file, true);
          if (acquired instanceof Acquired.Opened opened) {
            opened.file().release();
            return NFS4_OK;
          }
          return ((Acquired.Failed) acquired).status();
        });
    operations.put(
        "mkdir and rmdir",
        () -> {
          byte[] name = next();
          int result = changes.create(dir, name, new Kind.Directory(0700)).status();
          return result == NFS4_OK ? changes.remove(dir, name).status() : result;
        });
    operations.put(
        "symlink",
        () -> changes.create(dir, next(), new Kind.SymbolicLink(Names.bytes("x"))).status());
    operations.put("link", () -> changes.link(file, dir, next()).status());
    operations.put(
        "rename",
        () -> {
          byte[] from = next();
          makeFile(from);
          return changes.rename(dir, from, root, next()).status();
        });
    operations.put(
        "remove",
        () -> {
          byte[] name = next();
          makeFile(name);
          return changes.remove(dir, name).status();
        });
    return operations;
  }

  /** Those that nobody means to keep. */
  private long descriptors() throws IOException {
    return fixture.descriptors() - fixture.vfs.directoriesCached();
  }

  /** Not through the kernel under test, so that its calls are not counted. */
  private void makeFile(byte[] name) {
    try {
      Files.createFile(fixture.exported.resolve("d").resolve(Names.text(name)));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private byte[] next() {
    return Names.bytes("n" + made++);
  }
}
