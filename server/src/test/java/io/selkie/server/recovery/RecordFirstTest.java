package io.selkie.server.recovery;

import static io.selkie.server.recovery.ClientStoreTest.await;
import static io.selkie.server.recovery.ClientStoreTest.owner;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.Operation;
import io.selkie.server.compound.Principal;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import io.selkie.server.testing.TestTimers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: no OPEN is executed before the client's record is on disk. Method: a disk that fails. */
@Timeout(120)
class RecordFirstTest {

  private final AtomicInteger executed = new AtomicInteger();
  @TempDir Path dir;

  private String open(TestSession session, int deny) {
    return session
        .connection()
        .call(
            session
                .next(0, false)
                .op(
                    NfsOp4.OP_OPEN,
                    o -> {
                      o.int32(0);
                      o.int32(1);
                      o.int32(deny);
                    }))
        .status();
  }

  @Test
  void openIsPutOffWhileTheDiskDoesNotTakeTheRecord() throws Exception {
    LossyDisk disk = new LossyDisk("recordfirst");
    Operation openOperation =
        TestOps.blocking(
            NfsOp4.OP_OPEN,
            c -> {
              c.args().skip(3 * Integer.BYTES);
              executed.incrementAndGet();
              return NfsStat4.NFS4_OK;
            });
    try (ClientStore store =
        ClientStore.open(
            disk.fileName(dir.resolve("clients").toString()), "boot", new TestTimers(), () -> {})) {
      Recovery recovery =
          new Recovery(store, NanoClock.system(), new TestTimers(), Duration.ofSeconds(90));
      List<Operation> gated = RecoveryGates.around(List.of(openOperation), recovery);
      try (TestServer server = TestServer.start(gated.getFirst());
          Nfs41TestClient client = server.connect()) {
        TestSession session = TestSession.open(client, "a");
        recovery.confirmed(session.clientId(), owner("a"), 1, new Principal(1, 0));
        await(recovery.reclaimComplete(session.clientId()));
        disk.failNext(1);
        assertThat(open(session, 0)).isEqualTo("NFS4ERR_DELAY");
        assertThat(executed).hasValue(0);
        assertThat(open(session, 0)).as("after the retry").isEqualTo("NFS4_OK");
        int forces = disk.forces();
        assertThat(open(session, 0)).isEqualTo("NFS4_OK");
        assertThat(disk.forces()).as("once is enough").isEqualTo(forces);
        assertThat(open(session, 1)).isEqualTo("NFS4_OK");
        assertThat(disk.forces()).as("that it denies is new").isGreaterThan(forces);
        assertThat(executed).hasValue(3);
      }
    }
    try (ClientStore next =
        ClientStore.open(
            disk.fileName(dir.resolve("clients").toString()), "boot", new TestTimers(), () -> {})) {
      assertThat(next.atStart().get(owner("a")).denies()).isTrue();
    }
  }
}
