package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: what clients report of their layouts is counted; and the small answers of NFSv4.1. */
@Timeout(120)
class LayoutReportsTest {

  private ServerFixture server;
  private FileCalls client;
  private Calls42 calls;
  private byte[] root;
  private Opened opened;
  private HeldLayout layout;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    Files.write(server.export().resolve("f"), new byte[100_000]);
    client = server.client("alice");
    calls = new Calls42(client);
    root = client.handleOf("data");
    opened = client.open(root, "f", BOTH, DENY_NONE);
    layout =
        HeldLayout.get(client, opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_READ);
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private String layoutError(Stateid4 stateid, int opcode, int error, int times) {
    return calls
        .on(
            opened.handle(),
            NfsOp4.OP_LAYOUTERROR,
            o -> {
              o.int64(0);
              o.int64(-1);
              Stateids.encode(o, stateid);
              o.int32(times);
              for (int i = 0; i < times; i++) {
                new DeviceId4(1, 2).encode(o);
                o.int32(error);
                o.int32(opcode);
              }
            })
        .status();
  }

  private String layoutStats(Stateid4 stateid) {
    return calls
        .on(
            opened.handle(),
            NfsOp4.OP_LAYOUTSTATS,
            o -> {
              o.int64(0);
              o.int64(-1);
              Stateids.encode(o, stateid);
              for (long value = 1; value <= 4; value++) {
                o.int64(value);
              }
              new DeviceId4(1, 2).encode(o);
              o.int32(LayoutConst4.LAYOUT4_RDMA);
              o.opaque(new byte[5]);
            })
        .status();
  }

  @Test
  void errorsAreCountedByWhatTheyWere() {
    Stateid4 stateid = layout.stateid();
    assertThat(layoutError(stateid, NfsOp4.OP_READ, NfsStat4.NFS4ERR_NXIO, 3)).isEqualTo("NFS4_OK");
    assertThat(layoutError(stateid, 4711, 4711, 50)).isEqualTo("NFS4_OK");
    assertThat(server.server().metrics().values())
        .containsEntry("selkie_layout_errors_total{op=\"read\",status=\"nfs4err_nxio\"}", 3L)
        .containsEntry("selkie_layout_errors_total{op=\"illegal\",status=\"other\"}", 50L);
    assertThat(layoutError(opened.stateid(), NfsOp4.OP_READ, NfsStat4.NFS4ERR_NXIO, 1))
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(layoutError(stateid, NfsOp4.OP_READ, NfsStat4.NFS4ERR_NXIO, 2000))
        .isEqualTo("NFS4ERR_BADXDR");
  }

  @Test
  void statisticsAreCounted() {
    assertThat(layoutStats(layout.stateid())).isEqualTo("NFS4_OK");
    assertThat(layoutStats(opened.stateid())).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(server.server().metrics().values())
        .containsEntry("selkie_layout_statistics_total", 1L);
    layout.giveBack();
    assertThat(layoutStats(layout.stateid())).isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void directoryDelegationsAreNotToBeHad() {
    Answer answer = dirDelegation(client, root);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(answer.in().int32()).as("GDD4_UNAVAIL").isEqualTo(1);
    assertThat(answer.in().bool()).isFalse();
    assertThat(dirDelegation(client, opened.handle()).status()).isEqualTo("NFS4ERR_NOTDIR");
  }

  static Answer dirDelegation(FileCalls client, byte[] handle) {
    return client.on(
        handle,
        NfsOp4.OP_GET_DIR_DELEGATION,
        o -> {
          o.bool(true);
          o.int32(0);
          o.int64(0);
          o.int32(0);
          o.int64(0);
          o.int32(0);
          o.int32(0);
          o.int32(0);
        });
  }

  @Test
  void ssvIsRefusedToClientsThatHaveNone() {
    Answer answer =
        client.call(
            c ->
                c.op(
                    NfsOp4.OP_SET_SSV,
                    o -> {
                      o.opaque(new byte[32]);
                      o.opaque(new byte[32]);
                    }),
            NfsOp4.OP_SET_SSV);
    assertThat(answer.status()).isEqualTo("NFS4ERR_INVAL");
  }
}
