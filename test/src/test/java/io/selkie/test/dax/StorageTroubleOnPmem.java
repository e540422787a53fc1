package io.selkie.test.dax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.time.NanoClock;
import io.selkie.lease.PmemFileSystem;
import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: whatever is done to a file system under live layouts, they come back or are fenced, the
 * client is told, the server lives, and whoever works on another file system notices nothing.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(400)
class StorageTroubleOnPmem {
  private static final int BYTES = 64 * 1024;
  private static final long WAIT_SECONDS = 200;

  /** Who cannot be asked is fenced soon. */
  private static final String IMPATIENT =
      "layout: {recallTimeoutMillis: 5000, fenceBudgetMillis: 1000,"
          + " storagePatienceMillis: 20000}\n";

  private ServerOnPmem server;
  private Mounted troubled;
  private Mounted other;

  private void start(String config, PmemFileSystem type, PmemFileSystem bystander)
      throws Exception {
    troubled = type.make();
    other = bystander.make();
    serve(config);
  }

  private void serve(String config) throws Exception {
    for (Mounted mounted : List.of(troubled, other)) {
      Files.write(mounted.root().resolve("file"), content());
    }
    server = ServerOnPmem.start(config, troubled, other);
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
    troubled.close();
    other.close();
  }

  private static byte[] content() {
    byte[] content = new byte[BYTES];
    for (int i = 0; i < BYTES; i++) {
      content[i] = (byte) (i * 31 + (i >> 9));
    }
    return content;
  }

  /** A client with a layout for writing of the one file. */
  private final class Holder implements AutoCloseable {
    private final RawNfs nfs;
    private final RawNfs.OpenFile file;
    private RawNfs.Layout layout;
    private OneSided access;

    Holder(Mounted mounted, boolean backChannel) throws IOException {
      String owner = mounted.type() + (backChannel ? " answers" : " is silent");
      nfs =
          backChannel
              ? RawNfs.connectWithBackChannel(server.nfs(), owner)
              : RawNfs.connect(server.nfs(), owner);
      file = nfs.open(ServerOnPmem.nameOf(mounted), "file");
      assertThat(get()).isZero();
    }

    /** The status of a LAYOUTGET. */
    final int get() throws IOException {
      RawNfs.Layout got = nfs.layoutGet(file, file.stateid(), Op.IOMODE_RW, 0, BYTES);
      if (got.status() == 0) {
        layout = got;
        access = new OneSided(server.rdma(), nfs.sessionId(), got.extents().getFirst());
      }
      return got.status();
    }

    void giveBack(RawNfs.Recall recall) throws IOException {
      assertThat(recall.handle()).isEqualTo(file.handle());
      nfs.compound(
              Op.putFh(file.handle().bytes()),
              Op.layoutReturn(layout.stateid().bytes(), Op.IOMODE_RW, 0, -1))
          .expectOk();
    }

    /** Writes, and reads what was written, one-sided and through NFS. */
    void work(byte with) throws IOException {
      byte[] some = new byte[5000];
      Arrays.fill(some, with);
      access.write(777, some);
      assertThat(access.read(777, some.length)).isEqualTo(some);
      RawNfs.Reply reply =
          nfs.compound(Op.putFh(file.handle().bytes()), Op.read(file.stateid().bytes(), 0, BYTES))
              .expectOk();
      reply.result(Op.PUTFH);
      reply.result(Op.READ);
      reply.body().getInt();
      assertThat(Arrays.copyOfRange(reply.opaque(), 777, 777 + some.length)).isEqualTo(some);
    }

    @Override
    public void close() throws IOException {
      access.close();
      nfs.close();
    }
  }

  /** Tries until it is so; a run of a program in between is all the haste there is. */
  private static void eventually(String what, Callable<Boolean> question) throws Exception {
    NanoClock clock = NanoClock.system();
    long deadline = clock.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
    while (!question.call()) {
      assertThat(clock.nanoTime()).as("not in time: %s", what).isLessThan(deadline);
      PmemFileSystem.run("true");
    }
  }

  @ParameterizedTest(name = "freezing recalls and others go on: {0}")
  @EnumSource(names = {"XFS_ALWAYS", "EXT4_ALWAYS"})
  void freezingRecallsAndOthersGoOn(PmemFileSystem type) throws Exception {
    start(IMPATIENT, type, PmemFileSystem.XFS_REFLINK_INODE);
    try (Holder polite = new Holder(troubled, true);
        Holder bystander = new Holder(other, true)) {
      PmemFileSystem.run("fsfreeze", "-f", troubled.root().toString());
      try {
        bystander.work((byte) 1);
        polite.giveBack(polite.nfs.awaitRecall());
        assertThat(polite.get()).as("no layout while it is frozen").isNotZero();
        bystander.work((byte) 2);
        try (Holder late = new Holder(other, false)) {
          late.work((byte) 3);
        }
        assertThat(server.server().arbiter().layoutCount()).isPositive();
      } finally {
        PmemFileSystem.run("fsfreeze", "-u", troubled.root().toString());
      }
      eventually("layouts after the thaw", () -> polite.get() == 0);
      polite.work((byte) 4);
    }
  }

  @Test
  void whoDoesNotAnswerIsFencedWhileItIsFrozen() throws Exception {
    start(IMPATIENT, PmemFileSystem.XFS_ALWAYS, PmemFileSystem.EXT4_ALWAYS);
    try (Holder silent = new Holder(troubled, false)) {
      silent.work((byte) 1);
      PmemFileSystem.run("fsfreeze", "-f", troubled.root().toString());
      try {
        eventually("the fence", () -> server.server().arbiter().layoutCount() == 0);
        assertThatThrownBy(() -> silent.access.read(0, 16)).isInstanceOf(IOException.class);
      } finally {
        PmemFileSystem.run("fsfreeze", "-u", troubled.root().toString());
      }
    }
  }

  /** Blocks stay where they are, so there is nothing to take back. */
  @ParameterizedTest(name = "growing disturbs nobody: {0}")
  @EnumSource(names = {"XFS_REFLINK_ALWAYS", "EXT4_ALWAYS"})
  void growingDisturbsNobody(PmemFileSystem type) throws Exception {
    other = PmemFileSystem.XFS_INODE.make();
    if (type.isXfs()) {
      troubled = type.make(List.of("-d", "size=320m"));
    } else {
      troubled = type.make();
      troubled.unmount();
      PmemFileSystem.run("resize2fs", "-f", type.device(), "200M");
      troubled.mount();
    }
    serve("");
    try (Holder holder = new Holder(troubled, true)) {
      holder.work((byte) 1);
      long before = Files.getFileStore(troubled.root()).getTotalSpace();

      if (type.isXfs()) {
        PmemFileSystem.run("xfs_growfs", "-d", troubled.root().toString());
      } else {
        PmemFileSystem.run("resize2fs", type.device());
      }

      assertThat(Files.getFileStore(troubled.root()).getTotalSpace()).isGreaterThan(before);
      holder.work((byte) 2);
      assertThat(server.server().arbiter().layoutCount()).isEqualTo(1);
    }
  }

  @ParameterizedTest(name = "becoming read-only recalls: {0}")
  @EnumSource(names = {"XFS_ALWAYS", "EXT4_ALWAYS"})
  void becomingReadOnlyRecalls(PmemFileSystem type) throws Exception {
    start(IMPATIENT, type, PmemFileSystem.XFS_REFLINK_INODE);
    String root = troubled.root().toString();
    try (Holder polite = new Holder(troubled, true)) {
      assertThatThrownBy(() -> PmemFileSystem.run("mount", "-o", "remount,ro", root))
          .as("not while somebody writes")
          .isInstanceOf(IOException.class);
      polite.work((byte) 1);

      // What the kernel does to every file system when an administrator presses the key for it:
      // never outside of the guest.
      assertThat(Path.of("/job/tests")).as("this is the guest").exists();
      Files.writeString(Path.of("/proc/sysrq-trigger"), "u");

      polite.giveBack(polite.nfs.awaitRecall());
      assertThat(polite.get()).isNotZero();
      PmemFileSystem.run("mount", "-o", "remount,rw", root);
      eventually("layouts when it can be written", () -> polite.get() == 0);
      polite.work((byte) 2);
    } finally {
      PmemFileSystem.run("mount", "-o", "remount,rw", other.root().toString());
    }
  }

  /** As when its device is gone or answers with errors: nothing of it can be trusted any more. */
  @ParameterizedTest(name = "shutting down fences: {0}")
  @EnumSource(names = {"XFS_ALWAYS", "EXT4_ALWAYS"})
  void shuttingDownFences(PmemFileSystem type) throws Exception {
    start("", type, PmemFileSystem.XFS_REFLINK_INODE);
    try (Holder holder = new Holder(troubled, true);
        Holder bystander = new Holder(other, true)) {
      holder.work((byte) 1);

      PmemFileSystem.run("xfs_io", "-x", "-c", "shutdown", troubled.root().toString());

      eventually("the fence", () -> server.server().arbiter().layoutCount() == 1);
      assertThatThrownBy(() -> holder.access.read(0, 16)).isInstanceOf(IOException.class);
      assertThat(holder.get()).isNotZero();
      bystander.work((byte) 2);
    }
  }

  /** Last, because the device that comes back is another one to whoever had it. */
  @Test
  @Order(Integer.MAX_VALUE)
  void losingTheDeviceFences() throws Exception {
    start("", PmemFileSystem.XFS_REFLINK_ALWAYS, PmemFileSystem.XFS_REFLINK_INODE);
    String device =
        PmemFileSystem.run("sh", "-c", "basename $(readlink -f /sys/block/pmem1/device)").strip();
    Path driver = Path.of("/sys/bus/nd/drivers/nd_pmem");
    try (Holder holder = new Holder(troubled, true);
        Holder bystander = new Holder(other, true)) {
      holder.work((byte) 1);

      Files.writeString(driver.resolve("unbind"), device);

      eventually("the fence", () -> server.server().arbiter().layoutCount() == 1);
      assertThatThrownBy(() -> holder.access.read(0, 16)).isInstanceOf(IOException.class);
      assertThat(holder.get()).isNotZero();
      bystander.work((byte) 2);
    } finally {
      Files.writeString(driver.resolve("bind"), device);
    }
  }
}
