package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.testing.CompoundReply;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: OPEN_DOWNGRADE and CLOSE answer as RFC 8881 sections 8.2, 9.9, 18.2 and 18.18 say, in each
 * of their statuses.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class OpenStateidTest {

  private static final int DENY_WRITE = OpenConst4.OPEN4_SHARE_DENY_WRITE;

  private ServerFixture fixture;
  private FileCalls client;
  private FileCalls other;
  private byte[] directory;
  private byte[] handle;
  private Stateid4 open;

  @BeforeEach
  void start() throws IOException {
    fixture = new ServerFixture();
    client = fixture.client("client");
    other = fixture.client("other");
    directory = client.handleOf("data");
    FileCalls.Opened created = client.create(directory, "f");
    handle = created.handle();
    open = client.open(directory, "f", READ, DENY_NONE).stateid();
  }

  @AfterEach
  void stop() throws IOException {
    fixture.close();
  }

  private FileCalls.Answer downgrade(FileCalls by, byte[] of, Stateid4 stateid, int access) {
    return downgrade(by, of, stateid, access, DENY_NONE);
  }

  private static FileCalls.Answer downgrade(
      FileCalls by, byte[] of, Stateid4 stateid, int access, int deny) {
    return by.on(
        of,
        NfsOp4.OP_OPEN_DOWNGRADE,
        o -> {
          Stateids.encode(o, stateid);
          o.int32(0);
          o.int32(access);
          o.int32(deny);
        });
  }

  @Test
  void downgradeCountsUpEvenWhenNothingChanges() {
    FileCalls.Answer same = downgrade(client, handle, open, BOTH);
    assertThat(same.status()).isEqualTo("NFS4_OK");
    assertThat(Stateids.decode(same.in())).isEqualTo(open.withSeqid(3));

    int wish = OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;
    FileCalls.Answer less = downgrade(client, handle, open.withSeqid(0), READ | wish);
    assertThat(less.status()).isEqualTo("NFS4_OK");
    assertThat(Stateids.decode(less.in())).isEqualTo(open.withSeqid(4));
  }

  @Test
  void downgradeLetsOthersDenyWhatWasGivenUp() {
    assertThat(other.open(directory, "f", READ, DENY_WRITE).status())
        .isEqualTo("NFS4ERR_SHARE_DENIED");
    downgrade(client, handle, open, READ);

    assertThat(other.open(directory, "f", READ, DENY_WRITE).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void downgradeToWhatWasNeverOpenedIsInvalid() {
    assertThat(downgrade(client, handle, open, WRITE).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(downgrade(client, handle, open, READ, DENY_WRITE).status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(downgrade(client, handle, open, 0).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(downgrade(client, handle, open, 4).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(downgrade(client, handle, open, READ, 4).status()).isEqualTo("NFS4ERR_INVAL");
  }

  @Test
  void downgradeAndCloseTellOldSeqidsFromBadOnes() {
    assertThat(downgrade(client, handle, open.withSeqid(1), READ).status())
        .isEqualTo("NFS4ERR_OLD_STATEID");
    assertThat(client.close(handle, open.withSeqid(1))).isEqualTo("NFS4ERR_OLD_STATEID");
    assertThat(downgrade(client, handle, open.withSeqid(3), READ).status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(client.close(handle, open.withSeqid(3))).isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void downgradeAndCloseRefuseWhatIsNoOpenOfTheirs() {
    byte[] elsewhere = client.create(directory, "g").handle();
    Stateid4 lock = new LockCalls(client, handle).lock(open, "a", 1, 0, 1).stateid();
    for (Stateid4 wrong :
        new Stateid4[] {
          Stateids.ANONYMOUS, Stateids.READ_BYPASS, Stateids.INVALID, Stateids.CURRENT, lock
        }) {
      assertThat(downgrade(client, handle, wrong, READ).status()).isEqualTo("NFS4ERR_BAD_STATEID");
      assertThat(client.close(handle, wrong)).isEqualTo("NFS4ERR_BAD_STATEID");
    }
    assertThat(downgrade(other, handle, open, READ).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(other.close(handle, open)).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(downgrade(client, elsewhere, open, READ).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(client.close(elsewhere, open)).isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void closeWithZeroEndsAllOpensOfTheOwner() {
    assertThat(client.close(handle, open.withSeqid(0))).isEqualTo("NFS4_OK");

    assertThat(client.close(handle, open.withSeqid(0))).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(downgrade(client, handle, open, READ).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(client.read(handle, open, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(new LockCalls(client, handle).free(open)).isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void openIsNotFreedWhileItIsOpen() {
    assertThat(new LockCalls(client, handle).free(open)).isEqualTo("NFS4ERR_LOCKS_HELD");
  }

  @Test
  void closeOfTheCurrentStateidKeepsItsSeqid() {
    CompoundReply reply =
        client
            .connection()
            .call(
                FileCalls.putFh(directory)
                    .apply(client.session().next(0, false))
                    .op(
                        NfsOp4.OP_OPEN,
                        o -> {
                          o.int32(0);
                          o.int32(READ);
                          o.int32(DENY_NONE);
                          o.int64(0);
                          o.opaque("x".getBytes(UTF_8));
                          o.int32(0);
                          FileCalls.claimName("f").accept(o);
                        })
                    .op(
                        NfsOp4.OP_OPEN_DOWNGRADE,
                        o -> {
                          Stateids.encode(o, Stateids.CURRENT);
                          o.int32(0);
                          o.int32(READ);
                          o.int32(DENY_NONE);
                        })
                    .op(
                        NfsOp4.OP_CLOSE,
                        o -> {
                          o.int32(0);
                          Stateids.encode(o, Stateids.CURRENT);
                        }));

    assertThat(reply.status()).isEqualTo("NFS4_OK");
  }
}
