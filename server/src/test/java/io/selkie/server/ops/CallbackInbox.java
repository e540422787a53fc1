package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.testing.Nfs41TestClient;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Takes a client's callbacks, answers each with NFS4_OK, and keeps what they said. */
final class CallbackInbox {

  /** A CB_OFFLOAD; the verifier is 0 unless it says NFS4_OK. */
  @SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
  record Ended(
      byte[] handle, Stateid4 stateid, String status, long bytes, long verifier, int referring) {}

  /** A CB_RECALL_ANY. */
  record Any(int keep, Bitmap4 types) {}

  /** A CB_LAYOUTRECALL of a file. */
  @SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
  record LayoutRecalled(byte[] handle, Stateid4 stateid) {}

  private final LinkedBlockingQueue<Any> anies = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<Ended> ended = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<Integer> recalls = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<LayoutRecalled> layouts = new LinkedBlockingQueue<>();

  static CallbackInbox of(FileCalls client) {
    return of(client.connection());
  }

  static CallbackInbox of(Nfs41TestClient connection) {
    CallbackInbox inbox = new CallbackInbox();
    connection.onCallback(inbox::take);
    return inbox;
  }

  Ended nextEnded() throws InterruptedException {
    Ended next = ended.poll(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(next).as("a CB_OFFLOAD").isNotNull();
    return next;
  }

  Any nextAny() throws InterruptedException {
    Any next = anies.poll(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(next).as("a CB_RECALL_ANY").isNotNull();
    return next;
  }

  boolean hasAny() {
    return !anies.isEmpty();
  }

  void awaitRecall() throws InterruptedException {
    int _ = nextRecall();
  }

  /** The operation of the next callback that is no CB_OFFLOAD. */
  int nextRecall() throws InterruptedException {
    Integer next = recalls.poll(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(next).as("a recall").isNotNull();
    return next;
  }

  /** The next CB_LAYOUTRECALL, which is counted as a recall too. */
  LayoutRecalled nextLayoutRecall() throws InterruptedException {
    LayoutRecalled next = layouts.poll(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(next).as("a CB_LAYOUTRECALL").isNotNull();
    return next;
  }

  int endedCount() {
    return ended.size();
  }

  int recallCount() {
    return recalls.size();
  }

  private void take(XdrReader in, XdrWriter out) {
    in.skipVariableOpaque(100);
    in.int32();
    in.int32();
    in.int32();
    assertThat(in.int32()).isEqualTo(NfsCbOp4.OP_CB_SEQUENCE);
    SessionId4 session = SessionId4.decode(in);
    int sequenceId = in.int32();
    int slotId = in.int32();
    in.int32();
    in.bool();
    int referring = 0;
    int lists = in.int32();
    for (int i = 0; i < lists; i++) {
      SessionId4.decode(in);
      int calls = in.int32();
      referring += calls;
      in.skip(calls * 8);
    }
    int opcode = in.int32();
    if (opcode == NfsCbOp4.OP_CB_OFFLOAD) {
      ended.add(offload(in, referring));
    } else if (opcode == NfsCbOp4.OP_CB_RECALL_ANY) {
      anies.add(new Any(in.int32(), new Bitmap4().decode(in)));
    } else {
      if (opcode == NfsCbOp4.OP_CB_LAYOUTRECALL) {
        layouts.add(layoutRecall(in));
      }
      recalls.add(opcode);
    }
    out.int32(NfsStat4.NFS4_OK);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    out.int32(NfsStat4.NFS4_OK);
    session.encode(out);
    out.int32(sequenceId);
    out.int32(slotId);
    out.int32(15);
    out.int32(15);
    out.int32(opcode);
    out.int32(NfsStat4.NFS4_OK);
  }

  private static LayoutRecalled layoutRecall(XdrReader in) {
    in.skip(3 * Integer.BYTES);
    assertThat(in.int32()).isEqualTo(LayoutConst4.LAYOUTRECALL4_FILE);
    byte[] handle = in.opaque(Nfs4Const.NFS4_FHSIZE);
    in.skip(2 * Long.BYTES);
    return new LayoutRecalled(handle, Stateids.decode(in));
  }

  private static Ended offload(XdrReader in, int referring) {
    byte[] handle = in.opaque(Nfs4Const.NFS4_FHSIZE);
    Stateid4 stateid = Stateids.decode(in);
    int status = in.int32();
    long verifier = 0;
    long bytes;
    if (status == NfsStat4.NFS4_OK) {
      assertThat(in.int32()).as("callback ids").isZero();
      bytes = in.int64();
      assertThat(in.int32()).isEqualTo(Nfs4Const.UNSTABLE4);
      verifier = in.int64();
    } else {
      bytes = in.int64();
    }
    return new Ended(handle, stateid, NfsStat4.name(status), bytes, verifier, referring);
  }
}
