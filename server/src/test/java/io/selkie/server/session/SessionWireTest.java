package io.selkie.server.session;

import static io.selkie.protocol.nfs4.SessionConst4.CDFC4_FORE_OR_BOTH;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.CallbackChannel.LayoutRecall;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.PcapFile;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: a dissector that we did not write understands every session operation and callback, good
 * and refused. Method: the raw client's bytes as a capture file, read by tshark.
 */
@Tag("debian")
@Timeout(120)
class SessionWireTest {

  private static final List<String> EXPECTED =
      List.of(
          "EXCHANGE_ID",
          "CREATE_SESSION",
          "SEQUENCE",
          "BIND_CONN_TO_SESSION",
          "BACKCHANNEL_CTL",
          "RECLAIM_COMPLETE",
          "TEST_STATEID",
          "FREE_STATEID",
          "SECINFO_NO_NAME",
          "DESTROY_SESSION",
          "DESTROY_CLIENTID",
          "CB_LAYOUTRECALL");

  @TempDir Path directory;

  @Test
  void dissectorFindsNothingMalformed() throws Exception {
    Path file = directory.resolve("session.pcap");
    try (PcapFile tap = new PcapFile(file);
        TestServer server = TestServer.start(TestOps.putRootFh());
        Nfs41TestClient client = server.connect().tap(tap)) {
      converse(server, client);
    }
    String frames = tshark(file, "-Y", "rpc");
    assertThat(frames).contains(EXPECTED);
    assertThat(tshark(file, "-Y", "_ws.malformed || _ws.expert.severity == error")).isEmpty();
  }

  private static void converse(TestServer server, Nfs41TestClient client) {
    client.callProcedure(0);
    TestSession session = TestSession.open(client, "wire");
    session.call(c -> c.op(NfsOp4.OP_PUTROOTFH).op(NfsOp4.OP_SECINFO_NO_NAME, o -> o.int32(0)));
    session.call(c -> c.op(NfsOp4.OP_TEST_STATEID, SessionWireTest::twoStateids));
    session.call(c -> c.op(NfsOp4.OP_FREE_STATEID, o -> Stateids.encode(o, new Stateid4(1, 2, 3))));
    session.call(c ->
        c.op(
            NfsOp4.OP_BACKCHANNEL_CTL,
            o -> {
              o.int32(0x40000000);
              o.int32(1);
              o.int32(0);
            }));
    client.call(Compound.of().bind(session.id(), CDFC4_FORE_OR_BOTH));
    recall(server, client, session);
    // Refusals are dissected too.
    client.call(session.again(0, true).op(NfsOp4.OP_PUTROOTFH));
    client.call(Compound.of().minorVersion(3));
    client.call(Compound.of().sequence(new SessionId4(1, 2), 1, 0, 0, false));
    client.call(Compound.of().exchangeId("wire", 1, 0x8));
    client.call(Compound.of().destroySession(session.id()));
    client.call(Compound.of().destroyClientid(session.clientId()));
  }

  private static void twoStateids(XdrWriter out) {
    out.int32(2);
    Stateids.encode(out, new Stateid4(1, 2, 3));
    Stateids.encode(out, Stateids.ANONYMOUS);
  }

  private static void recall(TestServer server, Nfs41TestClient client, TestSession session) {
    client.onCallback(SessionWireTest::answer);
    CompletableFuture<Integer> answered = new CompletableFuture<>();
    server
        .sessions()
        .callbackChannel()
        .layoutRecall(
            new LayoutRecall(
                1,
                session.clientId(),
                new FileIdentity(1, 2, 3),
                new byte[] {1, 2, 3, 4},
                LayoutConst4.LAYOUT4_BLOCK_VOLUME,
                LayoutConst4.LAYOUTIOMODE4_ANY,
                false,
                0,
                -1,
                new Stateid4(1, 2, 3)),
            (outcome, status) -> answered.complete(status));
    assertThat(Nfs41TestClient.await(answered)).isZero();
  }

  private static void answer(XdrReader in, XdrWriter out) {
    in.skip(5 * Integer.BYTES);
    SessionId4 session = SessionId4.decode(in);
    out.int32(0);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    out.int32(0);
    session.encode(out);
    out.int32(in.int32());
    out.int32(in.int32());
    out.int64(0);
    out.int32(NfsCbOp4.OP_CB_LAYOUTRECALL);
    out.int32(0);
  }

  private static String tshark(Path file, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("tshark", "-n", "-r", file.toString()));
    command.addAll(List.of(arguments));
    Path errors = Files.createTempFile(file.getParent(), "tshark", ".err");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
    return out;
  }
}
