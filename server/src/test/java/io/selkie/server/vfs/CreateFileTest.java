package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FaultInjectingKernel.When;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.server.vfs.Export.HandleMode;
import io.selkie.server.vfs.NamespaceChanges.CreateMode;
import io.selkie.server.vfs.NamespaceChanges.Created;
import io.selkie.server.vfs.OpenFileTable.Acquired;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: files are made once, as asked, or not at all. */
class CreateFileTest {
  private static final long VERIFIER = 0x8123_4567_89ab_cdefL;

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
  private VfsFixture fixture;

  @BeforeEach
  void start() throws IOException {
    fixture = new VfsFixture(kernel, directory, HandleMode.KERNEL);
  }

  @AfterEach
  void stop() throws IOException {
    assertThat(fixture.vfs.openFiles().size()).isZero();
    fixture.close();
    assertThat(fixture.descriptors()).isZero();
  }

  @Test
  void makerMayWriteWhateverTheModeSays() throws IOException {
    Created created = create("f", 0444, CreateMode.GUARDED, 0, true);

    assertThat(created.status()).isEqualTo(NFS4_OK);
    assertThat(created.created()).isTrue();
    assertThat(created.directory().after()).isNotEqualTo(created.directory().before());
    OpenFile open = opened(created);
    try (Arena arena = Arena.ofConfined()) {
      assertThat(fixture.vfs.write(open, arena.allocate(5), 0)).isEqualTo(5);
    }
    assertThat(fixture.stat(created.file()).permissions()).isEqualTo(0444);
    assertThat(kernel.setLease(open.fd(), LeaseType.WRITE)).isZero();
    open.release();
    assertThat(Files.size(fixture.exported.resolve("f"))).isEqualTo(5);
  }

  @Test
  void existingFileIsOpenedUncheckedAndRefusedGuarded() throws IOException {
    Files.write(fixture.exported.resolve("f"), new byte[3]);

    Created unchecked = create("f", 0600, CreateMode.UNCHECKED, 0, true);
    assertThat(unchecked.status()).isEqualTo(NFS4_OK);
    assertThat(unchecked.created()).isFalse();
    assertThat(fixture.stat(unchecked.file()).size()).isEqualTo(3);
    opened(unchecked).release();
    assertThat(create("f", 0600, CreateMode.GUARDED, 0, true).status()).isEqualTo(NFS4ERR_EXIST);
    Files.createDirectory(fixture.exported.resolve("d"));
    assertThat(create("d", 0600, CreateMode.UNCHECKED, 0, true).status()).isEqualTo(NFS4ERR_ISDIR);
  }

  @Test
  void retriedExclusiveCreateFindsItsOwnFileAndNoOther() throws IOException {
    Created first = create("f", 0600, CreateMode.EXCLUSIVE, VERIFIER, true);
    assertThat(first.status()).isEqualTo(NFS4_OK);
    opened(first).release();
    // A restart in between must not matter.
    fixture.close();
    fixture = new VfsFixture(kernel, directory, HandleMode.KERNEL);

    Created retry = create("f", 0600, CreateMode.EXCLUSIVE, VERIFIER, true);
    assertThat(retry.status()).isEqualTo(NFS4_OK);
    assertThat(retry.created()).isTrue();
    assertThat(retry.file().identity()).isEqualTo(first.file().identity());
    opened(retry).release();

    assertThat(create("f", 0600, CreateMode.EXCLUSIVE, VERIFIER + 1, true).status())
        .isEqualTo(NFS4ERR_EXIST);
    assertThat(create("f", 0600, CreateMode.EXCLUSIVE, VERIFIER + (1L << 32), true).status())
        .isEqualTo(NFS4ERR_EXIST);
    Files.write(fixture.exported.resolve("f"), new byte[1]);
    assertThat(create("f", 0600, CreateMode.EXCLUSIVE, VERIFIER, true).status())
        .isEqualTo(NFS4ERR_EXIST);
  }

  @Test
  void oneOfManyGuardedCreatorsWins() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      CountDownLatch start = new CountDownLatch(1);
      List<Future<Integer>> results = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        results.add(
            threads.submit(() -> {
              start.await();
              int won = 0;
              for (int i = 0; i < 50; i++) {
                Created created = create("n" + i, 0600, CreateMode.GUARDED, 0, true);
                if (created.status() == NFS4_OK) {
                  won++;
                  opened(created).release();
                } else {
                  assertThat(created.status()).isEqualTo(NFS4ERR_EXIST);
                }
              }
              return won;
            }));
      }
      start.countDown();
      int won = 0;
      for (Future<Integer> result : results) {
        won += result.get(60, TimeUnit.SECONDS);
      }
      assertThat(won).isEqualTo(50);
    }
  }

  @Test
  void manyUncheckedCreatorsShareOneDescription() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int i = 0; i < 50; i++) {
        String name = "n" + i;
        CountDownLatch start = new CountDownLatch(1);
        List<Future<OpenFile>> results = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
          results.add(
              threads.submit(() -> {
                start.await();
                return opened(create(name, 0600, CreateMode.UNCHECKED, 0, true));
              }));
        }
        start.countDown();
        OpenFile first = results.getFirst().get(60, TimeUnit.SECONDS);
        for (Future<OpenFile> result : results) {
          assertThat(result.get(60, TimeUnit.SECONDS)).isSameAs(first);
        }
        assertThat(kernel.setLease(first.fd(), LeaseType.WRITE)).isZero();
        for (int t = 0; t < 4; t++) {
          first.release();
        }
      }
    }
  }

  @Test
  void whicheverCallFailsNothingLeaksAndAHalfMadeFileIsNoneOfOthers() throws IOException {
    opened(create("warm", 0600, CreateMode.EXCLUSIVE, VERIFIER, true)).release();
    long before = kernel.calls();
    opened(create("probe", 0600, CreateMode.EXCLUSIVE, VERIFIER, true)).release();
    long calls = kernel.calls() - before;
    assertThat(calls).isGreaterThan(10);
    long idle = fixture.descriptors();

    for (When when : When.values()) {
      for (long n = 1; n <= calls; n++) {
        String name = when + "-" + n;
        kernel.heal();
        kernel.failNth(n, Errno.EIO, when);
        Created created = create(name, 0600, CreateMode.EXCLUSIVE, VERIFIER, true);
        if (created.status() == NFS4_OK) {
          opened(created).release();
        }
        kernel.heal();
        assertThat(fixture.vfs.openFiles().size()).as("after fault %s", name).isZero();
        assertThat(fixture.descriptors()).as("after fault %s", name).isEqualTo(idle);
        // The client tries again with the same verifier and gets its file, in the end.
        Created again = create(name, 0600, CreateMode.EXCLUSIVE, VERIFIER, true);
        if (again.status() == NFS4ERR_EXIST) {
          // The one fault that cannot be told from success: made, and reported as failed.
          assertThat(when).isEqualTo(When.AFTERWARDS);
          assertThat(created.status()).isEqualTo(NFS4ERR_IO);
        } else {
          assertThat(again.status()).as("after fault %s", name).isEqualTo(NFS4_OK);
          opened(again).release();
        }
      }
    }
  }

  @Test
  void fullTableIsMetBeforeTheFileIsThere() throws IOException {
    List<OpenFile> open = new ArrayList<>();
    for (int i = 0; i < VfsFixture.OPEN_FILES; i++) {
      open.add(opened(create("n" + i, 0600, CreateMode.GUARDED, 0, true)));
    }
    for (CreateMode mode : CreateMode.values()) {
      assertThat(create("f", 0600, mode, VERIFIER, true).status())
          .as("%s", mode)
          .isEqualTo(NFS4ERR_DELAY);
      assertThat(fixture.exported.resolve("f")).as("%s", mode).doesNotExist();
    }
    Created there = create("n0", 0600, CreateMode.UNCHECKED, 0, true);
    assertThat(opened(there)).as("open already").isSameAs(open.getFirst());
    open.add(opened(there));
    open.removeLast().release();
    open.removeLast().release();
    open.add(opened(create("f", 0600, CreateMode.GUARDED, 0, true)));
    open.forEach(OpenFile::release);
  }

  @Test
  void fileThatTookTheNameOfAHalfMadeOneStays() throws IOException {
    fixture.close();
    Path name = fixture.exported.resolve("f");
    Path other = Files.writeString(fixture.exported.resolve("other"), "another's");
    LinuxKernel real = new LinuxKernel();
    AtomicBoolean moved = new AtomicBoolean();
    Kernel moving =
        (Kernel)
            Proxy.newProxyInstance(
                Kernel.class.getClassLoader(),
                new Class<?>[] {Kernel.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("fsync")
                      && Files.exists(name)
                      && moved.compareAndSet(false, true)) {
                    Files.move(other, name, StandardCopyOption.REPLACE_EXISTING);
                    return Errno.EIO.result();
                  }
                  return method.invoke(real, arguments);
                });
    fixture = new VfsFixture(moving, directory, HandleMode.KERNEL);

    assertThat(create("f", 0600, CreateMode.GUARDED, 0, true).status()).isEqualTo(NFS4ERR_IO);

    assertThat(name).hasContent("another's");
  }

  private Created create(
      String name, int mode, CreateMode createMode, long verifier, boolean write) {
    return fixture
        .vfs
        .changes()
        .createFile(
            fixture.root(), Names.bytes(name), mode, createMode, verifier, write, made -> NFS4_OK);
  }

  private static OpenFile opened(Created created) {
    assertThat(created.status()).isEqualTo(NFS4_OK);
    return ((Acquired.Opened) created.open()).file();
  }
}
