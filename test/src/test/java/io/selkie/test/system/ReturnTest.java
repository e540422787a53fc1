package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.test.support.LongRecall;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Goal: a layout that is given back in time is over without a fence. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReturnTest {

  private static final int NFS4ERR_LAYOUTTRYLATER = 10058;
  private static final int NFS4ERR_RECALLCONFLICT = 10061;
  private static final int FILE_BYTES = 65536;

  private ServerUnderTest tested;
  private ServerProcess server;
  private Path file;
  private String name;
  private int number;

  @BeforeAll
  void start() throws Exception {
    tested = ServerUnderTest.start(LongRecall.config());
    server = tested.server();
  }

  @BeforeEach
  void makeFile() throws Exception {
    name = "returned-" + ++number;
    file = Files.write(server.export().resolve(name), new byte[FILE_BYTES]);
  }

  @AfterEach
  void serverIsSound() throws Exception {
    tested.assertSound();
  }

  @AfterAll
  void stop() throws Exception {
    tested.close();
  }

  @Test
  void whileARecallRunsNobodyGetsALayoutOfTheFile() throws Exception {
    try (RawNfs holder = RawNfs.connect(server.nfs(), "holder");
        RawNfs other = RawNfs.connect(server.nfs(), "other")) {
      RawNfs.OpenFile held = holder.open(server.exportName(), name);
      RawNfs.OpenFile wanted = other.open(server.exportName(), name);
      RawNfs.Layout layout = holder.layoutGet(held, held.stateid(), Op.IOMODE_RW, 0, FILE_BYTES);
      assertThat(layout.status()).isZero();
      OtherProcess.Running truncating = truncate(1000);
      RawNfs.Layout latest = askUntilRecalled(holder, held, layout, truncating);
      assertThat(holder.layoutGet(held, latest.stateid(), Op.IOMODE_RW, 0, FILE_BYTES).status())
          .as("for the holder")
          .isEqualTo(NFS4ERR_RECALLCONFLICT);
      assertThat(other.layoutGet(wanted, wanted.stateid(), Op.IOMODE_RW, 0, FILE_BYTES).status())
          .as("for another client")
          .isEqualTo(NFS4ERR_LAYOUTTRYLATER);
      returned(holder, held, latest);
      assertThat(truncating.outcome().get(40, TimeUnit.SECONDS).succeeded()).isTrue();
    }
  }

  @Test
  void clientThatReturnsItsLayoutInTimeLetsTheOtherProcessGoOnAtOnce() throws Exception {
    try (RawNfs nfs = RawNfs.connect(server.nfs(), "polite")) {
      RawNfs.OpenFile opened = nfs.open(server.exportName(), name);
      RawNfs.Layout layout = nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, FILE_BYTES);
      OtherProcess.Running truncating = truncate(0);
      RawNfs.Layout latest = askUntilRecalled(nfs, opened, layout, truncating);
      returned(nfs, opened, latest);
      OtherProcess.Outcome truncated = truncating.outcome().get(40, TimeUnit.SECONDS);
      assertThat(truncated.succeeded()).isTrue();
      assertThat(file).isEmptyFile();
      assertThat(KernelLeases.on(file)).isEmpty();
    }
  }

  private static void returned(RawNfs nfs, RawNfs.OpenFile opened, RawNfs.Layout layout)
      throws IOException {
    assertThat(
            nfs.compound(
                    Op.putFh(opened.handle().bytes()),
                    Op.layoutReturn(layout.stateid().bytes(), 3, 0, -1))
                .status())
        .isZero();
  }

  /**
   * Asks for more until the recall is seen, which is before the other process can be done; the
   * layout as it was then. The one request that the break overtakes may be told to try later.
   */
  private static RawNfs.Layout askUntilRecalled(
      RawNfs nfs, RawNfs.OpenFile opened, RawNfs.Layout first, OtherProcess.Running truncating)
      throws IOException {
    RawNfs.Layout latest = first;
    RawNfs.Layout next = first;
    while (next.status() == 0 && !truncating.outcome().isDone()) {
      latest = next;
      next = nfs.layoutGet(opened, latest.stateid(), Op.IOMODE_RW, 0, FILE_BYTES);
    }
    assertThat(next.status()).isIn(NFS4ERR_LAYOUTTRYLATER, NFS4ERR_RECALLCONFLICT);
    return latest;
  }

  private OtherProcess.Running truncate(long size) throws IOException {
    return OtherProcess.truncate(NanoClock.system(), file, size);
  }
}
