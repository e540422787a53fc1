package io.selkie.server.ops;

import static io.selkie.protocol.nfs4.LockConst4.READW_LT;
import static io.selkie.protocol.nfs4.LockConst4.READ_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITEW_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITE_LT;
import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import java.io.IOException;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: LOCK, LOCKT and LOCKU answer as RFC 8881 sections 9 and 18.10 to 18.12 say, in each of
 * their statuses.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class LocksTest {

  private static final long TO_END = -1L;

  private ServerFixture fixture;
  private FileCalls first;
  private FileCalls second;
  private byte[] directory;
  private byte[] handle;
  private Stateid4 firstOpen;
  private Stateid4 secondOpen;
  private LockCalls one;
  private LockCalls two;

  @BeforeEach
  void start() throws IOException {
    fixture = new ServerFixture();
    first = fixture.client("first");
    second = fixture.client("second");
    directory = first.handleOf("data");
    FileCalls.Opened opened = first.create(directory, "f");
    handle = opened.handle();
    firstOpen = opened.stateid();
    secondOpen = second.open(directory, "f", BOTH, DENY_NONE).stateid();
    one = new LockCalls(first, handle);
    two = new LockCalls(second, handle);
  }

  @AfterEach
  void stop() throws IOException {
    fixture.close();
  }

  private static Stateid4 ok(LockCalls.Answer answer) {
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    return answer.stateid();
  }

  // ---------------------------------------------------------------- LOCK

  @Test
  void exclusiveLockDeniesOthersAndSaysWhoHoldsWhat() {
    ok(one.lock(firstOpen, "a", WRITE_LT, 100, 50));

    LockCalls.Answer denied = two.lock(secondOpen, "b", READ_LT, 0, TO_END);

    assertThat(denied.status()).isEqualTo("NFS4ERR_DENIED");
    assertThat(denied.denied().offset()).isEqualTo(100);
    assertThat(denied.denied().length()).isEqualTo(50);
    assertThat(denied.denied().type()).isEqualTo(WRITE_LT);
    assertThat(denied.denied().owner())
        .isEqualTo(new LockOwner4(first.session().clientId(), "a".getBytes(UTF_8)));
  }

  @Test
  void sharedLocksOfTwoClientsOverlapAndBothDenyAnExclusiveOne() {
    ok(one.lock(firstOpen, "a", READ_LT, 0, 100));
    Stateid4 shared = ok(two.lock(secondOpen, "b", READ_LT, 50, 100));

    assertThat(two.lock(shared, WRITE_LT, 0, 10).status()).isEqualTo("NFS4ERR_DENIED");
    assertThat(one.lock(firstOpen, "c", WRITE_LT, 140, 5).status()).isEqualTo("NFS4ERR_DENIED");
    ok(two.lock(shared, WRITE_LT, 100, 10));
  }

  @Test
  void twoOwnersOfOneClientConflictToo() {
    ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));

    assertThat(one.lock(firstOpen, "b", WRITE_LT, 5, 1).status()).isEqualTo("NFS4ERR_DENIED");
  }

  @Test
  void seqidOfALockStateidStartsAtOneAndRisesWithEachLockAndUnlock() {
    Stateid4 locked = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    Stateid4 more = ok(one.lock(locked, WRITE_LT, 10, 10));
    Stateid4 less = ok(one.unlock(more, 0, 20));

    assertThat(locked.seqid()).isEqualTo(1);
    assertThat(more).isEqualTo(locked.withSeqid(2));
    assertThat(less).isEqualTo(locked.withSeqid(3));
  }

  @Test
  void anOwnerThatSaysItIsNewThoughItIsKnownGoesOnUnderItsStateid() {
    Stateid4 locked = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));

    assertThat(ok(one.lock(firstOpen, "a", WRITE_LT, 20, 10))).isEqualTo(locked.withSeqid(2));
  }

  @Test
  void olderSeqidIsOldAndNewerIsBad() {
    Stateid4 locked = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    ok(one.lock(locked, WRITE_LT, 10, 10));

    assertThat(one.lock(locked, WRITE_LT, 0, 1).status()).isEqualTo("NFS4ERR_OLD_STATEID");
    assertThat(one.unlock(locked, 0, 1).status()).isEqualTo("NFS4ERR_OLD_STATEID");
    assertThat(one.unlock(locked.withSeqid(3), 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    ok(one.unlock(locked.withSeqid(0), 0, 1));
  }

  @Test
  void stateidsOfTheWrongKindClientOrFileAreBad() {
    Stateid4 locked = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    FileCalls.Opened other = first.create(directory, "g");
    LockCalls ofOther = new LockCalls(first, other.handle());

    assertThat(one.lock(firstOpen, WRITE_LT, 20, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(one.lock(locked, "b", WRITE_LT, 20, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(one.unlock(firstOpen, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(two.lock(locked, WRITE_LT, 20, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(two.unlock(locked, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(ofOther.unlock(locked, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    for (Stateid4 special :
        new Stateid4[] {Stateids.ANONYMOUS, Stateids.READ_BYPASS, Stateids.INVALID}) {
      assertThat(one.lock(special, "b", READ_LT, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
      assertThat(one.lock(special, READ_LT, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
      assertThat(one.unlock(special, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    }
  }

  @Test
  void rangesThatAreNoneAreInvalid() {
    Stateid4 locks = ok(one.lock(firstOpen, "a", READ_LT, 0, 10));

    // No byte, and ends past 2^64 - 1.
    for (long[] range : new long[][] {{0, 0}, {-1L, 0}, {-10, 10}, {2, -2L}}) {
      assertThat(one.lock(firstOpen, "a", READ_LT, range[0], range[1]).status())
          .as("lock %d + %d", range[0], range[1])
          .isEqualTo("NFS4ERR_INVAL");
      assertThat(one.lock(locks, READ_LT, range[0], range[1]).status()).isEqualTo("NFS4ERR_INVAL");
      assertThat(one.test("b", READ_LT, range[0], range[1]).status()).isEqualTo("NFS4ERR_INVAL");
      assertThat(one.unlock(locks, range[0], range[1]).status()).isEqualTo("NFS4ERR_INVAL");
    }
    // The last that there can be.
    for (long[] range : new long[][] {{-10, 9}, {1, -2L}, {-1L, TO_END}, {0, TO_END}}) {
      locks = ok(one.lock(locks, READ_LT, range[0], range[1]));
      locks = ok(one.unlock(locks, range[0], range[1]));
    }
  }

  @Test
  void rangesBeyondWhatTheKernelCanSayAreKeptByTheServerAlone() {
    ok(one.lock(firstOpen, "a", WRITE_LT, -20, 10));
    ok(one.lock(firstOpen, "b", WRITE_LT, -5, TO_END));

    assertThat(two.lock(secondOpen, "c", READ_LT, -11, 1).status()).isEqualTo("NFS4ERR_DENIED");
    ok(two.lock(secondOpen, "c", READ_LT, -10, 5));
    LockCalls.Answer denied = two.test("c", READ_LT, Long.MAX_VALUE, TO_END);
    assertThat(denied.denied().offset()).isEqualTo(-20);
    assertThat(denied.denied().length()).isEqualTo(10);
    assertThat(two.test("c", READ_LT, -3, 1).denied().length()).isEqualTo(TO_END);
  }

  @Test
  void lockNeedsAnOpenThatFitsItsType() {
    Stateid4 readOnly =
        first
            .open(directory, READ, DENY_NONE, "reader", o -> o.int32(0), FileCalls.claimName("f"))
            .stateid();
    Stateid4 writeOnly =
        first
            .open(directory, WRITE, DENY_NONE, "writer", o -> o.int32(0), FileCalls.claimName("f"))
            .stateid();

    assertThat(one.lock(readOnly, "r", WRITE_LT, 0, 1).status()).isEqualTo("NFS4ERR_OPENMODE");
    assertThat(one.lock(writeOnly, "w", READW_LT, 0, 1).status()).isEqualTo("NFS4ERR_OPENMODE");
    ok(one.lock(readOnly, "r", READ_LT, 0, 1));
    ok(one.lock(writeOnly, "w", WRITE_LT, 1, 1));
  }

  @Test
  void thingsThatAreNoFilesAreRefusedByTheirType() throws IOException {
    Files.createSymbolicLink(fixture.export().resolve("link"), fixture.export().resolve("f"));
    byte[] link = first.handleOf("data", "link");
    Stateid4 some = new Stateid4(0, 77, 77);

    LockCalls onDirectory = new LockCalls(first, directory);
    assertThat(onDirectory.lock(some, "a", READ_LT, 0, 1).status()).isEqualTo("NFS4ERR_ISDIR");
    assertThat(onDirectory.test("a", READ_LT, 0, 1).status()).isEqualTo("NFS4ERR_ISDIR");
    assertThat(onDirectory.unlock(some, 0, 1).status()).isEqualTo("NFS4ERR_ISDIR");
    LockCalls onLink = new LockCalls(first, link);
    assertThat(onLink.lock(some, "a", READ_LT, 0, 1).status()).isEqualTo("NFS4ERR_SYMLINK");
    assertThat(onLink.test("a", READ_LT, 0, 1).status()).isEqualTo("NFS4ERR_SYMLINK");
  }

  @Test
  void withoutAFilehandleThereIsNothingToLock() {
    LockArgs4.Lock args = new LockArgs4.Lock(READ_LT, false, 0, 1, firstOpen, LockCalls.owner("a"));
    assertThat(first.call(c -> c.op(NfsOp4.OP_LOCK, args::encode), NfsOp4.OP_LOCK).status())
        .isEqualTo("NFS4ERR_NOFILEHANDLE");
  }

  @Test
  void typesThatThereAreNotAreMalformed() {
    assertThat(one.lock(firstOpen, "a", 5, 0, 1).status()).isEqualTo("NFS4ERR_BADXDR");
    assertThat(one.test("a", 0, 0, 1).status()).isEqualTo("NFS4ERR_BADXDR");
  }

  @Test
  void reclaimAfterRecoveryIsNotAdmitted() {
    LockArgs4.Lock reclaim =
        new LockArgs4.Lock(WRITE_LT, true, 0, 10, firstOpen, LockCalls.owner("a"));

    assertThat(one.lock(reclaim).status()).isEqualTo("NFS4ERR_NO_GRACE");
  }

  @Test
  void upgradeAndDowngradeAreInPlace() {
    Stateid4 locks = ok(one.lock(firstOpen, "a", READ_LT, 0, 100));
    locks = ok(one.lock(locks, WRITE_LT, 40, 20));
    assertThat(two.test("b", READ_LT, 0, 40).status()).isEqualTo("NFS4_OK");
    LockCalls.Answer denied = two.test("b", READ_LT, 0, 100);
    assertThat(denied.denied().offset()).isEqualTo(40);
    assertThat(denied.denied().length()).isEqualTo(20);

    ok(one.lock(locks, READ_LT, 40, 20));

    assertThat(two.test("b", READ_LT, 0, 100).status()).isEqualTo("NFS4_OK");
    LockCalls.Answer whole = two.test("b", WRITE_LT, 99, 1);
    assertThat(whole.denied().offset()).isZero();
    assertThat(whole.denied().length()).isEqualTo(100);
  }

  // ---------------------------------------------------------------- LOCKT and LOCKU

  @Test
  void testLeavesOutTheOwnersOwnLocks() {
    ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));

    assertThat(one.test("a", WRITEW_LT, 0, 10).status()).isEqualTo("NFS4_OK");
    assertThat(one.test("b", READW_LT, 0, 10).status()).isEqualTo("NFS4ERR_DENIED");
    // Of the same name, but another client's.
    assertThat(two.test("a", READ_LT, 0, 10).status()).isEqualTo("NFS4ERR_DENIED");
  }

  @Test
  void unlockInTheMiddleLeavesBothEnds() {
    Stateid4 locks = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 100));
    ok(one.unlock(locks, 40, 20));

    ok(two.lock(secondOpen, "b", WRITE_LT, 40, 20));
    assertThat(two.test("b", WRITE_LT, 39, 1).denied().length()).isEqualTo(40);
    assertThat(two.test("b", WRITE_LT, 60, 1).denied().offset()).isEqualTo(60);
  }

  @Test
  void unlockOfWhatIsNotLockedSucceeds() {
    Stateid4 locks = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));

    ok(one.unlock(locks, 500, TO_END));
  }

  // ---------------------------------------------------------------- stateids

  @Test
  void lockStateidOutlivesItsLocksUntilItIsFreed() {
    Stateid4 locks = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    assertThat(one.free(locks)).isEqualTo("NFS4ERR_LOCKS_HELD");
    assertThat(one.testStateid(locks)).isEqualTo(NfsStat4.NFS4_OK);

    Stateid4 empty = ok(one.unlock(locks, 0, TO_END));

    assertThat(one.testStateid(locks)).isEqualTo(NfsStat4.NFS4ERR_OLD_STATEID);
    assertThat(one.free(locks)).isEqualTo("NFS4ERR_OLD_STATEID");
    assertThat(two.free(empty)).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(one.free(empty)).isEqualTo("NFS4_OK");
    assertThat(one.free(empty)).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(one.testStateid(empty)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    assertThat(one.lock(empty, WRITE_LT, 0, 1).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    Stateid4 anew = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    assertThat(anew.otherHigh()).isNotEqualTo(empty.otherHigh());
  }

  @Test
  void readsAndWritesMayNameALockAndAreJudgedByItsOpen() {
    Stateid4 readOnly =
        second
            .open(directory, READ, DENY_NONE, "reader", o -> o.int32(0), FileCalls.claimName("f"))
            .stateid();
    Stateid4 locks = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    Stateid4 shared = ok(two.lock(readOnly, "r", READ_LT, 20, 10));
    byte[] data = "locked".getBytes(UTF_8);

    assertThat(first.write(handle, locks, 0, 0, data).status()).isEqualTo("NFS4_OK");
    assertThat(first.read(handle, locks, 0, 100).bytes()).isEqualTo(data);
    assertThat(second.read(handle, shared, 0, 100).bytes()).isEqualTo(data);
    assertThat(second.write(handle, shared, 0, 0, data).status()).isEqualTo("NFS4ERR_OPENMODE");
    // Locks are advisory: an open is enough to write what somebody else has locked.
    assertThat(second.write(handle, secondOpen, 0, 0, data).status()).isEqualTo("NFS4_OK");
    assertThat(second.read(handle, locks, 0, 100).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    ok(one.lock(locks, WRITE_LT, 50, 1));
    assertThat(first.read(handle, locks, 0, 1).status()).isEqualTo("NFS4ERR_OLD_STATEID");
    assertThat(first.setAttr(handle, locks.withSeqid(0), FileCalls.size(3))).isEqualTo("NFS4_OK");
  }

  @Test
  void currentStateidAfterOpenAndLockIsThatOfEach() {
    LockArgs4.Lock lock =
        new LockArgs4.Lock(WRITE_LT, false, 0, 10, Stateids.CURRENT, LockCalls.owner("a"));
    LockArgs4.Unlock unlock = new LockArgs4.Unlock(WRITE_LT, Stateids.CURRENT, 0, 5);
    CompoundReply reply =
        first
            .connection()
            .call(
                FileCalls.putFh(directory)
                    .apply(first.session().next(0, false))
                    .op(
                        NfsOp4.OP_OPEN,
                        o -> {
                          o.int32(0);
                          o.int32(BOTH);
                          o.int32(DENY_NONE);
                          o.int64(0);
                          o.opaque("x".getBytes(UTF_8));
                          o.int32(0);
                          FileCalls.claimName("f").accept(o);
                        })
                    .op(NfsOp4.OP_LOCK, lock::encode)
                    .op(NfsOp4.OP_LOCKU, unlock::encode));

    assertThat(reply.status()).isEqualTo("NFS4_OK");
    assertThat(two.test("b", WRITE_LT, 0, 5).status()).isEqualTo("NFS4_OK");
    assertThat(two.test("b", WRITE_LT, 5, 5).status()).isEqualTo("NFS4ERR_DENIED");
  }

  // ---------------------------------------------------------------- ends

  @Test
  void closeFreesTheLocksOfThatOpenAndNoOther() {
    Stateid4 otherOpen =
        first
            .open(directory, BOTH, DENY_NONE, "other", o -> o.int32(0), FileCalls.claimName("f"))
            .stateid();
    Stateid4 locks = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    ok(one.lock(otherOpen, "b", WRITE_LT, 10, 10));

    assertThat(first.close(handle, firstOpen)).isEqualTo("NFS4_OK");

    assertThat(two.test("c", WRITE_LT, 0, 10).status()).isEqualTo("NFS4_OK");
    assertThat(two.test("c", WRITE_LT, 10, 10).status()).isEqualTo("NFS4ERR_DENIED");
    assertThat(one.unlock(locks, 0, 10).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(one.testStateid(locks)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
  }

  @Test
  void lockOfOneOwnerThroughTwoOpensFollowsTheLastRequest() {
    Stateid4 otherOpen =
        first
            .open(directory, BOTH, DENY_NONE, "other", o -> o.int32(0), FileCalls.claimName("f"))
            .stateid();
    Stateid4 locks = ok(one.lock(firstOpen, "a", WRITE_LT, 0, 100));
    Stateid4 others = ok(one.lock(otherOpen, "a", READ_LT, 50, 100));

    // Section 9.5: the seqid of the other stateid does not rise.
    assertThat(one.testStateid(locks)).isEqualTo(NfsStat4.NFS4_OK);
    assertThat(others.otherHigh()).isNotEqualTo(locks.otherHigh());
    assertThat(first.close(handle, firstOpen)).isEqualTo("NFS4_OK");
    assertThat(two.test("b", WRITE_LT, 0, 50).status()).isEqualTo("NFS4_OK");
    assertThat(two.test("b", WRITE_LT, 0, 51).status()).isEqualTo("NFS4ERR_DENIED");
    ok(one.unlock(others, 0, TO_END));
    assertThat(two.test("b", WRITE_LT, 0, TO_END).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void clientThatIsGoneHoldsNoLocksAndOneWithLocksIsBusy() {
    ok(one.lock(firstOpen, "a", WRITE_LT, 0, 10));
    long clientId = first.session().clientId();
    var destroyed = second.connection().call(Compound.of().destroyClientid(clientId));
    assertThat(destroyed.next(NfsOp4.OP_DESTROY_CLIENTID)).isEqualTo("NFS4ERR_CLIENTID_BUSY");

    assertThat(fixture.server().sessions().revoke(clientId)).isTrue();

    await(() -> two.lock(secondOpen, "b", WRITE_LT, 0, 10).status().equals("NFS4_OK"));
  }

  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
