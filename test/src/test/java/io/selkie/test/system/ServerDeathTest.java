package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Goal: when the server ends, by SIGTERM or SIGKILL, under load, nothing that was acknowledged is
 * lost, and neither lease nor mapping stays behind (S5).
 *
 * <p>Method: two writers, one-sided and through NFS, number the blocks they write and count those
 * that were acknowledged; the file is read after the server's death.
 */
class ServerDeathTest {

  private static final int BLOCK_BYTES = 4096;
  private static final int BLOCKS = 4096;
  private static final int BLOCKS_BEFORE_DEATH = 200;

  private ServerUnderTest tested;
  private ServerProcess server;

  @BeforeEach
  void start() throws Exception {
    tested =
        ServerUnderTest.start(
            """
            layout:
              recallTimeoutMillis: 1000
              fenceBudgetMillis: 1000
            """);
    server = tested.server();
  }

  @AfterEach
  void stop() throws Exception {
    tested.close();
  }

  /** Writes block after block until the server is gone. */
  private static final class Writer implements AutoCloseable {

    private final Path file;
    private final RawNfs nfs;
    private final RawNfs.OpenFile opened;
    private final AtomicInteger acknowledged = new AtomicInteger();
    private final CountDownLatch wellUnderWay = new CountDownLatch(BLOCKS_BEFORE_DEATH);
    private final AtomicReference<IOException> end = new AtomicReference<>();
    private Thread thread;

    Writer(ServerProcess server, String name) throws Exception {
      file = server.export().resolve(name);
      Files.write(file, new byte[BLOCKS * BLOCK_BYTES]);
      nfs = RawNfs.connect(server.nfs(), "writer of " + name);
      opened = nfs.open(server.exportName(), name);
    }

    Writer oneSided(ServerProcess server) throws Exception {
      RawNfs.Layout layout =
          nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, (long) BLOCKS * BLOCK_BYTES);
      assertThat(layout.status()).isZero();
      assertThat(KernelLeases.on(file)).as("leases while the layout is held").hasSize(1);
      OneSided access = new OneSided(server.rdma(), nfs.sessionId(), layout.extents().getFirst());
      run(block -> access.write((long) block * BLOCK_BYTES, content(block)));
      return this;
    }

    Writer throughNfs() {
      run(block ->
          nfs.compound(
                  Op.putFh(opened.handle().bytes()),
                  Op.write(opened.stateid().bytes(), (long) block * BLOCK_BYTES, content(block)))
              .expectOk());
      return this;
    }

    @FunctionalInterface
    private interface BlockWrite {
      void write(int block) throws IOException;
    }

    private void run(BlockWrite write) {
      thread =
          Thread.ofPlatform()
              .daemon()
              .name("writer")
              .start(() -> {
                try {
                  for (int i = 0; ; i++) {
                    write.write(i % BLOCKS);
                    acknowledged.set(i + 1);
                    wellUnderWay.countDown();
                  }
                } catch (IOException e) {
                  end.set(e);
                }
              });
    }

    void awaitWellUnderWay() throws InterruptedException {
      assertThat(wellUnderWay.await(60, TimeUnit.SECONDS)).as("writing: %s", end.get()).isTrue();
    }

    /** Reads the file without the server: each acknowledged block is there, whole. */
    void assertNothingLost() throws Exception {
      thread.join(TimeUnit.SECONDS.toMillis(60));
      assertThat(thread.isAlive()).isFalse();
      assertThat(end.get()).as("what ended the writer").isNotNull();
      int count = Math.min(acknowledged.get(), BLOCKS);
      assertThat(count).isGreaterThanOrEqualTo(BLOCKS_BEFORE_DEATH);
      byte[] all = Files.readAllBytes(file);
      for (int block = 0; block < count; block++) {
        ByteBuffer found = ByteBuffer.wrap(all, block * BLOCK_BYTES, BLOCK_BYTES).slice();
        assertThat(found).as("block %d", block).isEqualTo(ByteBuffer.wrap(content(block)));
      }
    }

    private static byte[] content(int block) {
      ByteBuffer content = ByteBuffer.allocate(BLOCK_BYTES);
      while (content.hasRemaining()) {
        content.putInt(block ^ 0x5e1c1e00);
      }
      return content.array();
    }

    @Override
    public void close() throws IOException {
      nfs.close();
    }
  }

  @Test
  void sigkillUnderLoadLosesNothingAcknowledgedAndLeavesNoLease() throws Exception {
    try (Writer direct = new Writer(server, "direct").oneSided(server);
        Writer nfs = new Writer(server, "nfs").throughNfs()) {
      direct.awaitWellUnderWay();
      nfs.awaitWellUnderWay();
      server.kill();
      assertThat(KernelLeases.on(direct.file)).as("leases after SIGKILL").isEmpty();
      direct.assertNothingLost();
      nfs.assertNothingLost();
      assertTruncatesAtOnce(direct.file);
    }
  }

  @Test
  void sigtermUnderLoadEndsInTimeWithEverythingGivenBack() throws Exception {
    try (Writer direct = new Writer(server, "direct").oneSided(server);
        Writer nfs = new Writer(server, "nfs").throughNfs()) {
      direct.awaitWellUnderWay();
      nfs.awaitWellUnderWay();
      // Neither client has a back channel: the server must not wait for them for ever.
      assertThat(server.terminate()).as("exit status; it said\n%s", server.log()).isIn(0, 143);
      assertThat(KernelLeases.on(direct.file)).as("leases after SIGTERM").isEmpty();
      direct.assertNothingLost();
      nfs.assertNothingLost();
      assertTruncatesAtOnce(direct.file);
    }
  }

  @Test
  void anotherServerCanTakeThePlaceOfOneThatWasKilled() throws Exception {
    Path file = server.export().resolve("before");
    Files.write(file, new byte[BLOCK_BYTES]);
    byte[] handle;
    try (RawNfs nfs = RawNfs.connect(server.nfs(), "before and after")) {
      handle = nfs.handleOf(server.exportName(), "before");
    }
    server.kill();
    try (ServerProcess next =
            ServerUnderTest.serverOf(server.export(), "").inPlaceOf(server).start();
        RawNfs nfs = RawNfs.connect(next.nfs(), "before and after")) {
      assertThat(nfs.handleOf(next.exportName(), "before"))
          .as("the handle survives a restart")
          .isEqualTo(handle);
      assertThat(nfs.compound(Op.putFh(handle), Op.getFh()).status()).isZero();
    }
  }

  private static void assertTruncatesAtOnce(Path file) throws Exception {
    OtherProcess.Outcome truncated =
        OtherProcess.truncate(NanoClock.system(), file, 1).outcome().get(40, TimeUnit.SECONDS);
    assertThat(truncated.succeeded()).as(truncated.output()).isTrue();
    assertThat(TimeUnit.NANOSECONDS.toMillis(truncated.endedNanos() - truncated.startedNanos()))
        .as("milliseconds, where a lease left behind would cost 45,000")
        .isLessThan(35_000);
  }
}
