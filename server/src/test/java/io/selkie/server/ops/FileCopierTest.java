package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.layout.LayoutArbiter;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.ActingKernel;
import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FsUser;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.vfs.ChangeClock;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.OpenFileTable;
import io.selkie.server.vfs.PassthroughFileSystem;
import io.selkie.server.vfs.VfsFile;
import io.selkie.server.vfs.VfsState;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a copy reads nothing of its source that clients may have gone past. */
class FileCopierTest {

  private static final int LENGTH = 10_000;

  @TempDir Path directory;

  /** Files that share no blocks, so that every copy reads. */
  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());

  private final List<String> asked = new ArrayList<>();
  private boolean refuses;
  private int closed;
  private Export export;
  private VfsState state;
  private PassthroughFileSystem fs;
  private OpenFile source;
  private OpenFile target;

  @BeforeEach
  void start() throws IOException {
    kernel.failAll(KernelCall.CLONE_RANGE, Errno.EOPNOTSUPP);
    Path exported = Files.createDirectory(directory.resolve("export"));
    Files.write(exported.resolve("source"), "s".repeat(LENGTH).getBytes(UTF_8));
    Files.createFile(exported.resolve("target"));
    export = Export.open(kernel, "data", exported.toString(), false, Export.HandleMode.NAME);
    state =
        VfsState.open(
            kernel,
            directory.resolve("state").toString(),
            RandomGenerator.of("L64X128MixRandom"),
            100,
            new ChangeClock.Clocks(InstantSource.system(), NanoClock.system(), "test"));
    fs = new PassthroughFileSystem(kernel, List.of(export), state, 0, 10);
    VfsFile root = fs.lookup(fs.root(), Names.bytes("data")).file();
    source = open(root, "source", false);
    target = open(root, "target", true);
  }

  private OpenFile open(VfsFile root, String name, boolean write) {
    VfsFile file = fs.lookup(root, Names.bytes(name)).file();
    return ((OpenFileTable.Acquired.Opened) fs.open(file, write)).file();
  }

  @AfterEach
  void stop() {
    source.release();
    target.release();
    fs.close();
    state.close();
    export.close();
  }

  private LayoutArbiter arbiter() {
    return (LayoutArbiter)
        Proxy.newProxyInstance(
            LayoutArbiter.class.getClassLoader(),
            new Class<?>[] {LayoutArbiter.class},
            (_, method, arguments) -> {
              assertThat(method.getName()).isEqualTo("beforeChange");
              boolean ofSource = arguments[0].equals(source.identity());
              asked.add((ofSource ? "source " : "target ") + arguments[1]);
              if (refuses && arguments[1] == FileChange.READ_STORED) {
                return new ChangePermit.Delay("a layout for writing", false);
              }
              return (ChangePermit.Granted) () -> closed++;
            });
  }

  private long copy(Set<Long> bypassed) {
    var acting = new ActingKernel(kernel, Optional.empty());
    var services =
        new FileServices(
            kernel,
            acting,
            fs,
            null,
            null,
            null,
            null,
            arbiter(),
            new ServerMetrics(),
            null,
            null,
            Set.of(),
            new StorageExports(Set.of(), Set.of(), bypassed),
            null,
            null);
    List<FileIdentity> obstacles = new ArrayList<>();
    acting.begin(FsUser.of(kernel.effectiveUid(), 0), false);
    try {
      return new FileCopier(services).copy(source, 0, target, 0, LENGTH, 1, obstacles);
    } finally {
      acting.end();
    }
  }

  @Test
  void whereClientsGoPastThePageCacheTheirLayoutsForWritingGoFirst() {
    Set<Long> device = Set.of(source.identity().device());
    assertThat(copy(device)).isEqualTo(LENGTH);
    assertThat(asked).containsExactly("target " + FileChange.WRITE, "source READ_STORED");
    assertThat(closed).isEqualTo(2);
  }

  @Test
  void nothingIsReadWhileSomebodyHasOne() throws IOException {
    refuses = true;
    Set<Long> device = Set.of(source.identity().device());
    assertThat(copy(device)).isEqualTo(FileCopier.DELAYED);
    assertThat(Files.size(directory.resolve("export/target"))).isZero();
    assertThat(closed).as("the target's leave").isEqualTo(1);
  }

  @Test
  void elsewhereTheSourceIsNobodysBusiness() {
    assertThat(copy(Set.of())).isEqualTo(LENGTH);
    assertThat(asked).containsExactly("target " + FileChange.WRITE);
  }
}
