package io.selkie.server.ops;

import static io.selkie.protocol.nfs4.LockConst4.READ_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITEW_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITE_LT;
import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.PcapFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: a dissector that we did not write understands locks and the callbacks that go with them,
 * good and refused. Method: the raw client's bytes as a capture file, read by tshark.
 */
@Tag("debian")
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class LockWireTest {

  private final LinkedBlockingQueue<Integer> callbacks = new LinkedBlockingQueue<>();

  @TempDir Path directory;

  @Test
  void dissectorFindsNothingMalformed() throws Exception {
    Path file = directory.resolve("locks.pcap");
    try (PcapFile tap = new PcapFile(file);
        ServerFixture fixture = new ServerFixture()) {
      converse(fixture, tap);
    }

    assertThat(tshark(file, "-Y", "rpc"))
        .contains("LOCK", "LOCKT", "LOCKU", "CB_NOTIFY_LOCK", "CB_RECALL_ANY", "CB_RECALL_SLOT");
    assertThat(tshark(file, "-Y", "_ws.malformed || _ws.expert.severity == error")).isEmpty();
  }

  private void converse(ServerFixture fixture, PcapFile tap) throws Exception {
    FileCalls holder = fixture.client("holder");
    FileCalls waiter = fixture.client("waiter");
    waiter.connection().tap(tap).onCallback(this::answer);
    byte[] root = holder.handleOf("data");
    FileCalls.Opened held = holder.create(root, "f");
    Stateid4 open = waiter.open(root, "f", BOTH, DENY_NONE).stateid();
    LockCalls one = new LockCalls(holder, held.handle());
    LockCalls two = new LockCalls(waiter, held.handle());

    Stateid4 locks = one.lock(held.stateid(), "holder", WRITE_LT, 0, 100).stateid();
    assertThat(two.lock(open, "waiter", WRITEW_LT, 0, -1).status()).isEqualTo("NFS4ERR_DENIED");
    assertThat(two.test("waiter", READ_LT, 0, 10).status()).isEqualTo("NFS4ERR_DENIED");
    assertThat(two.test("waiter", READ_LT, 100, 10).status()).isEqualTo("NFS4_OK");
    one.unlock(locks, 0, 100);
    assertThat(callbacks.poll(60, TimeUnit.SECONDS)).isEqualTo(NfsCbOp4.OP_CB_NOTIFY_LOCK);
    Stateid4 got = two.lock(open, "waiter", WRITEW_LT, 0, -1).stateid();
    got = two.lock(got, READ_LT, 5, 10).stateid();
    assertThat(two.lock(got, READ_LT, 5, 0).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(two.free(got)).isEqualTo("NFS4ERR_LOCKS_HELD");
    assertThat(two.unlock(got, 0, -1).status()).isEqualTo("NFS4_OK");

    callBack(
        fixture,
        waiter,
        NfsCbOp4.OP_CB_RECALL_ANY,
        out -> {
          out.int32(5);
          out.int32(1);
          out.int32(3);
        });
    callBack(fixture, waiter, NfsCbOp4.OP_CB_RECALL_SLOT, out -> out.int32(7));
  }

  private static void callBack(
      ServerFixture fixture,
      FileCalls client,
      int opcode,
      java.util.function.Consumer<XdrWriter> arguments) {
    CompletableFuture<Integer> answered = new CompletableFuture<>();
    fixture
        .server()
        .sessions()
        .callBack(
            client.session().clientId(),
            opcode,
            arguments,
            (outcome, status) -> answered.complete(status));
    assertThat(Nfs41TestClient.await(answered)).isEqualTo(NfsStat4.NFS4_OK);
  }

  private void answer(XdrReader in, XdrWriter out) {
    in.skip(5 * Integer.BYTES);
    SessionId4 session = SessionId4.decode(in);
    out.int32(NfsStat4.NFS4_OK);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    out.int32(NfsStat4.NFS4_OK);
    session.encode(out);
    out.int32(in.int32());
    out.int32(in.int32());
    out.int64(0);
    in.int32();
    in.bool();
    in.int32();
    int opcode = in.int32();
    out.int32(opcode);
    out.int32(NfsStat4.NFS4_OK);
    callbacks.add(opcode);
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
