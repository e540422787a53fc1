package io.selkie.server.ops;

import static io.selkie.protocol.nfs4.LockConst4.WRITEW_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITE_LT;
import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import java.io.IOException;
import java.util.HexFormat;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: who waits for a lock hears by CB_NOTIFY_LOCK that it is free (RFC 8881 section 20.11). */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class NotifyLockTest {

  /** A CB_NOTIFY_LOCK as it came. */
  private record Notified(String handle, LockOwner4 owner) {}

  private final LinkedBlockingQueue<Notified> notified = new LinkedBlockingQueue<>();
  private ServerFixture fixture;
  private FileCalls holder;
  private FileCalls waiter;
  private byte[] directory;
  private FileCalls.Opened held;
  private Stateid4 waitersOpen;

  @BeforeEach
  void start() throws IOException {
    fixture = new ServerFixture();
    holder = fixture.client("holder");
    waiter = fixture.client("waiter");
    waiter.connection().onCallback(this::answer);
    directory = holder.handleOf("data");
    held = holder.create(directory, "f");
    waitersOpen = waiter.open(directory, "f", BOTH, DENY_NONE).stateid();
  }

  @AfterEach
  void stop() throws IOException {
    fixture.close();
  }

  private void answer(XdrReader in, XdrWriter out) {
    in.skipVariableOpaque(1024);
    in.int32();
    in.int32();
    int count = in.int32();
    in.int32();
    SessionId4 session = SessionId4.decode(in);
    int sequenceId = in.int32();
    int slotId = in.int32();
    in.int32();
    in.bool();
    in.int32();
    int operation = in.int32();
    if (count == 2 && operation == NfsCbOp4.OP_CB_NOTIFY_LOCK) {
      String handle = HexFormat.of().formatHex(in.opaque(Nfs4Const.NFS4_FHSIZE));
      notified.add(new Notified(handle, LockOwner4.decode(in)));
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
    out.int32(operation);
    out.int32(NfsStat4.NFS4_OK);
  }

  private LockCalls of(FileCalls client) {
    return new LockCalls(client, held.handle());
  }

  private Notified next() throws InterruptedException {
    Notified next = notified.poll(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(next).as("a CB_NOTIFY_LOCK").isNotNull();
    return next;
  }

  @Test
  void unlockTellsTheWaiterWhichThenHasTheLock() throws Exception {
    Stateid4 locks = of(holder).lock(held.stateid(), "h", WRITE_LT, 0, 100).stateid();
    assertThat(of(waiter).lock(waitersOpen, "w", WRITEW_LT, 10, 10).status())
        .isEqualTo("NFS4ERR_DENIED");

    assertThat(of(holder).unlock(locks, 0, 100).status()).isEqualTo("NFS4_OK");

    assertThat(next())
        .isEqualTo(
            new Notified(
                HexFormat.of().formatHex(held.handle()),
                new LockOwner4(waiter.session().clientId(), "w".getBytes(UTF_8))));
    assertThat(of(waiter).lock(waitersOpen, "w", WRITEW_LT, 10, 10).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void closeTellsTheWaiterToo() throws Exception {
    of(holder).lock(held.stateid(), "h", WRITE_LT, 0, 100);
    of(waiter).lock(waitersOpen, "w", WRITEW_LT, 10, 10);

    assertThat(holder.close(held.handle(), held.stateid())).isEqualTo("NFS4_OK");

    assertThat(next().owner().clientId()).isEqualTo(waiter.session().clientId());
  }

  @Test
  void theEndOfAClientTellsWhoWaitedForIt() throws Exception {
    of(holder).lock(held.stateid(), "h", WRITE_LT, 0, 100);
    of(waiter).lock(waitersOpen, "w", WRITEW_LT, 10, 10);

    assertThat(fixture.server().sessions().revoke(holder.session().clientId())).isTrue();

    assertThat(next().owner().clientId()).isEqualTo(waiter.session().clientId());
  }

  @Test
  void openSaysThatSuchCallsMayCome() {
    CompoundReply reply =
        waiter
            .connection()
            .call(
                FileCalls.putFh(directory)
                    .apply(waiter.session().next(0, false))
                    .op(
                        NfsOp4.OP_OPEN,
                        o -> {
                          o.int32(0);
                          o.int32(BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
                          o.int32(DENY_NONE);
                          o.int64(0);
                          o.opaque("x".getBytes(UTF_8));
                          o.int32(0);
                          FileCalls.claimName("f").accept(o);
                        }));
    reply.sequenceOk();
    reply.next(NfsOp4.OP_PUTFH);
    assertThat(reply.next(NfsOp4.OP_OPEN)).isEqualTo("NFS4_OK");
    Stateids.decode(reply.in());
    reply.in().skip(FileOperation.CHANGE_INFO_BYTES);
    assertThat(reply.in().int32())
        .isEqualTo(
            OpenConst4.OPEN4_RESULT_LOCKTYPE_POSIX | OpenConst4.OPEN4_RESULT_MAY_NOTIFY_LOCK);
  }
}
