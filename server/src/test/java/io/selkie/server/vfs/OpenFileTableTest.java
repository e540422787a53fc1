package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.SignalInfo;
import io.selkie.server.vfs.Export.HandleMode;
import io.selkie.server.vfs.NamespaceChanges.CreateMode;
import io.selkie.server.vfs.NamespaceChanges.Created;
import io.selkie.server.vfs.OpenFileTable.Acquired;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: there is one open file description per inode, and nothing the server does to a leased file
 * beside it touches the lease.
 *
 * <p>Method: the kernel itself says so: it grants an exclusive lease only where no other
 * description exists.
 */
@Timeout(120)
class OpenFileTableTest {
  private static final int THREADS = 8;

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final Kernel kernel = new LinuxKernel();
  private VfsFixture fixture;
  private PassthroughFileSystem vfs;
  private VfsFile file;

  @BeforeEach
  void start() throws IOException {
    fixture = new VfsFixture(kernel, directory, HandleMode.KERNEL);
    vfs = fixture.vfs;
    Files.write(fixture.exported.resolve("f"), new byte[10]);
    file = fixture.walk("f");
  }

  @AfterEach
  void stop() throws IOException {
    assertThat(vfs.openFiles().size()).isZero();
    fixture.close();
    assertThat(fixture.descriptors()).isZero();
  }

  @Test
  void manyOpenersAtOnceGetTheSameDescription() throws Exception {
    OpenFile held = fixture.open(file, true);
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      CountDownLatch start = new CountDownLatch(1);
      List<Future<Integer>> results = new ArrayList<>();
      for (int t = 0; t < THREADS; t++) {
        boolean write = t % 2 == 0;
        results.add(
            threads.submit(() -> {
              start.await();
              int same = 0;
              for (int i = 0; i < 500; i++) {
                OpenFile opened = fixture.open(file, write);
                same += opened == held ? 1 : 0;
                opened.release();
              }
              return same;
            }));
      }
      start.countDown();
      for (Future<Integer> result : results) {
        assertThat(result.get(60, TimeUnit.SECONDS)).isEqualTo(500);
      }
    }
    assertThat(kernel.setLease(held.fd(), LeaseType.WRITE)).isZero();
    held.release();
  }

  @Test
  void openingAndClosingInAStormLeavesNeverTwo() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      List<Future<Integer>> results = new ArrayList<>();
      for (int t = 0; t < THREADS; t++) {
        results.add(
            threads.submit(() -> {
              int leases = 0;
              for (int i = 0; i < 500; i++) {
                OpenFile opened = fixture.open(file, true);
                // Refused by the kernel if any other description were there.
                if (kernel.setLease(opened.fd(), LeaseType.WRITE) >= 0) {
                  leases++;
                }
                opened.release();
              }
              return leases;
            }));
      }
      for (Future<Integer> result : results) {
        assertThat(result.get(60, TimeUnit.SECONDS)).isEqualTo(500);
      }
    }
  }

  @Test
  void upgradeHappensInPlaceAndOnlyWhenAsked() throws IOException {
    OpenFile reader = fixture.open(file, false);
    int fd = reader.fd();
    assertThat(reader.writable()).isFalse();

    Acquired wanted = vfs.open(file, true);
    assertThat(wanted).isEqualTo(new Acquired.UpgradeNeeded(reader));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(20);
      assertThat(vfs.write(reader, data, 0)).isEqualTo(Errno.EBADF.result());
      assertThat(vfs.openFiles().upgrade(reader)).isEqualTo(NFS4_OK);
      assertThat(reader.writable()).isTrue();
      assertThat(reader.fd()).isEqualTo(fd);
      assertThat(vfs.write(reader, data, 0)).isEqualTo(20);
    }
    assertThat(vfs.open(file, true)).isEqualTo(new Acquired.Opened(reader));
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();
    reader.release();
    reader.release();
    reader.release();
    assertThatThrownBy(reader::retain).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(reader::release).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void creatorWhoComesSecondLeavesOneDescriptionThatIsWritable() {
    int own =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(fixture.exported.resolve("f").toString()),
            OpenFlags.RDWR,
            0,
            0);
    OpenFile reader = fixture.open(file, false);

    assertThat(vfs.openFiles().reserve()).isTrue();
    Acquired adopted = vfs.openFiles().adopt(file, own, "f", true);

    assertThat(adopted).isEqualTo(new Acquired.Opened(reader));
    assertThat(reader.writable()).isTrue();
    assertThat(kernel.setLease(reader.fd(), LeaseType.WRITE)).isZero();
    reader.release();
    reader.release();
  }

  @Test
  void nothingDoneToTheFileBesideItsDescriptionBreaksTheLease() throws IOException {
    OpenFile opened = fixture.open(file, true);
    assertThat(kernel.setLeaseSignal(opened.fd(), kernel.firstRealTimeSignal())).isZero();
    assertThat(kernel.setLease(opened.fd(), LeaseType.WRITE)).isZero();

    FileStatus status = fixture.stat(file);
    assertThat(status.size()).isEqualTo(10);
    assertThat(vfs.setMode(file, 0640)).isEqualTo(NFS4_OK);
    assertThat(vfs.setOwner(file, -1, kernel.effectiveGid())).isEqualTo(NFS4_OK);
    assertThat(vfs.setTimes(file, 1, 2, 3, 4)).isEqualTo(NFS4_OK);
    assertThat(vfs.access(file, 0x3f).status()).isEqualTo(NFS4_OK);
    assertThat(vfs.fromHandle(file.handleBytes()).status()).isEqualTo(NFS4_OK);
    assertThat(vfs.readDirectory(fixture.root(), 0, true, new Listing())).isEqualTo(NFS4_OK);
    assertThat(vfs.open(file, false)).isEqualTo(new Acquired.Opened(opened));
    var changes = vfs.changes();
    assertThat(changes.link(file, fixture.root(), Names.bytes("g")).status()).isEqualTo(NFS4_OK);
    assertThat(
            changes
                .rename(fixture.root(), Names.bytes("g"), fixture.root(), Names.bytes("h"))
                .status())
        .isEqualTo(NFS4_OK);
    Created created =
        changes.createFile(
            fixture.root(), Names.bytes("f"), 0600, CreateMode.UNCHECKED, 0, true, made -> NFS4_OK);
    assertThat(created.open()).isEqualTo(new Acquired.Opened(opened));
    assertThat(vfs.setSize(opened, 5)).isEqualTo(NFS4_OK);
    assertThat(changes.remove(fixture.root(), Names.bytes("f")).status()).isEqualTo(NFS4_OK);
    assertThat(changes.remove(fixture.root(), Names.bytes("h")).status()).isEqualTo(NFS4_OK);
    assertThat(fixture.stat(file).linkCount()).isZero();

    assertThat(LeaseType.of(kernel.getLease(opened.fd()))).isEqualTo(LeaseType.WRITE);
    assertThat(kernel.setLease(opened.fd(), LeaseType.NONE)).isZero();
    opened.release();
    opened.release();
    opened.release();
  }

  @Test
  void leaseOfSomebodyElseMakesAnOpenerComeAgain() {
    int signal = kernel.firstRealTimeSignal();
    assertThat(kernel.blockSignals(signal)).isZero();
    int foreign =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(fixture.exported.resolve("f").toString()),
            OpenFlags.RDONLY,
            0,
            0);
    assertThat(kernel.setLeaseSignal(foreign, signal)).isZero();
    assertThat(kernel.setLeaseOwnerThread(foreign, kernel.gettid())).isZero();
    assertThat(kernel.setLease(foreign, LeaseType.READ)).isZero();

    assertThat(vfs.open(file, true)).isEqualTo(new Acquired.Failed(NFS4ERR_DELAY));

    // The break has begun, so that the next try will do.
    assertThat(kernel.waitForSignal(new SignalInfo(), signal)).isEqualTo(signal);
    kernel.close(foreign);
    fixture.open(file, true).release();
  }

  @Test
  void fullTableMakesAnOpenerComeAgain() throws IOException {
    List<OpenFile> held = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      Files.createFile(fixture.exported.resolve("n" + i));
      held.add(fixture.open(fixture.walk("n" + i), false));
    }
    assertThat(vfs.open(file, false)).isEqualTo(new Acquired.Failed(NFS4ERR_DELAY));
    held.removeLast().release();
    held.add(fixture.open(file, false));
    held.forEach(OpenFile::release);
  }

  @Test
  void whoWaitsForACloseGoesOnWhenTheFileIsTakenBack() throws Exception {
    List<Runnable> closes = new ArrayList<>();
    vfs.openFiles().closer((_, close) -> closes.add(close));
    OpenFile opened = fixture.open(file, false);
    opened.releaseElsewhere();
    CountDownLatch over = new CountDownLatch(1);
    Thread waiter =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              vfs.openFiles().awaitClosings(file.exportOrNull());
              over.countDown();
            });
    while (waiter.getState() != Thread.State.WAITING) {
      assertThat(waiter.isAlive()).isTrue();
      Thread.onSpinWait();
    }
    assertThat(vfs.openFiles().find(file.identity())).contains(opened);
    closes.removeFirst().run();
    assertThat(over.await(60, TimeUnit.SECONDS)).isTrue();
    opened.releaseElsewhere();
    closes.removeFirst().run();
  }

  @Test
  void closesOfOneExportAreNotWaitedForByAnother() throws Exception {
    List<Runnable> closes = new ArrayList<>();
    vfs.openFiles().closer((_, close) -> closes.add(close));
    fixture.open(file, false).releaseElsewhere();
    try (Export other =
        Export.open(kernel, "other", fixture.exported.toString(), false, HandleMode.KERNEL)) {
      assertThat(other.device()).isEqualTo(fixture.export.device());
      vfs.openFiles().awaitClosings(other);
    }
    assertThat(closes).hasSize(1);
    closes.removeFirst().run();
  }

  @Test
  void fileWithoutANameIsNotTakenBackFromItsClose() throws Exception {
    List<Runnable> closes = new ArrayList<>();
    vfs.openFiles().closer((_, close) -> closes.add(close));
    OpenFile used = fixture.open(file, false);
    Files.delete(fixture.exported.resolve("f"));
    assertThat(vfs.openFiles().find(file.identity())).as("as long as it has users").contains(used);
    used.release();
    used.releaseElsewhere();

    assertThat(vfs.openFiles().find(file.identity())).isEmpty();
    assertThat(vfs.open(file, false)).isEqualTo(new Acquired.Failed(NFS4ERR_STALE));

    closes.removeFirst().run();
    assertThat(vfs.openFiles().size()).isZero();
  }

  @Test
  void fileThatIsBeingClosedIsNotAtHand() throws Exception {
    try (VfsFixture other = new VfsFixture(kernel, directory, HandleMode.KERNEL)) {
      List<Runnable> closes = new ArrayList<>();
      other.vfs.openFiles().closer((_, close) -> closes.add(close));
      VfsFile f = other.walk("f");
      OpenFile opened = other.open(f, false);
      assertThat(other.vfs.isAtHand(f)).isTrue();
      opened.releaseElsewhere();
      assertThat(other.vfs.isAtHand(f)).as("it can still be had").isTrue();
      opened.setClosing();
      assertThat(other.vfs.isAtHand(f)).isFalse();
      kernel.close(opened.fd());
    }
  }

  @Test
  void readOnlyExportChangesNothing() throws IOException {
    try (VfsFixture readOnly = new VfsFixture(kernel, directory, HandleMode.KERNEL, true, 10)) {
      VfsFile f = readOnly.walk("f");
      assertThat(readOnly.vfs.open(f, true)).isEqualTo(new Acquired.Failed(NFS4ERR_ROFS));
      assertThat(readOnly.vfs.setMode(f, 0777)).isEqualTo(NFS4ERR_ROFS);
      assertThat(readOnly.vfs.changes().remove(readOnly.root(), Names.bytes("f")).status())
          .isEqualTo(NFS4ERR_ROFS);
      assertThat(readOnly.vfs.access(f, 0x3f).granted() & 0x0c).isZero();
      readOnly.open(f, false).release();
    }
  }
}
