package io.selkie.server.state;

import static io.selkie.protocol.nfs4.LockConst4.READW_LT;
import static io.selkie.protocol.nfs4.LockConst4.READ_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITEW_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITE_LT;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.server.testing.ManualTime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Goal: who waits for a lock is told in turn and soon, nobody is told in vain for long, and nothing
 * here is without a bound.
 *
 * <p>Method: a table on the real kernel with a clock of the test's own.
 */
class LockTableTest {

  private static final FileIdentity FILE = new FileIdentity(1, 2, 3);

  private final Kernel kernel = new LinuxKernel();
  private final ManualTime time = new ManualTime();
  private final List<LockOwner4> told = new ArrayList<>();
  private boolean reachable = true;
  private Path path;
  private int fd;
  private OpenTable opens;
  private LockTable table;

  @BeforeEach
  void open() throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target"));
    Files.createDirectories(base);
    path = Files.createTempFile(base, "locks", "");
    fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path.toString()),
            OpenFlags.RDWR | OpenFlags.CLOEXEC,
            0,
            0);
    opens = new OpenTable(7, 1000, 1000);
    table = table(LockLimits.DEFAULT);
  }

  @AfterEach
  void close() throws IOException {
    kernel.close(fd);
    Files.delete(path);
  }

  private LockTable table(LockLimits limits) {
    LockTable made =
        new LockTable(
            kernel,
            time,
            time,
            7,
            limits,
            (owner, file, unreachable) -> {
              told.add(owner);
              if (!reachable) {
                unreachable.run();
              }
            });
    opens.onEnd(made::openEnded);
    return made;
  }

  /** An open for reading and writing of the one file. */
  private OpenState openBy(long clientId) {
    OpenOwner owner = new OpenOwner(clientId, new byte[] {1});
    try (OpenHold hold = opens.hold(owner, Optional.of(FILE), new byte[] {9}, 3, 0, false)) {
      OpenResult result = opens.open(owner, 0, new Description(), new byte[] {9}, 3, 0, hold);
      return ((OpenResult.Opened) result).state();
    }
  }

  private final class Description implements SealTarget {
    @Override
    public FileIdentity identity() {
      return FILE;
    }

    @Override
    public int fd() {
      return fd;
    }

    @Override
    public boolean writable() {
      return true;
    }

    @Override
    public String describe() {
      return "the file";
    }

    @Override
    public void retain() {}

    @Override
    public void release() {}
  }

  private static LockOwner4 owner(long clientId) {
    return new LockOwner4(clientId, new byte[] {5});
  }

  private LockResult lock(OpenState open, int type, long offset, long length) {
    return table.lock(
        open,
        owner(open.clientId()),
        new LockArgs4.Lock(type, false, offset, length, open.stateid(), null));
  }

  private static Stateid4 done(LockResult result) {
    assertThat(result).isInstanceOf(LockResult.Done.class);
    return ((LockResult.Done) result).stateid();
  }

  private static void assertDenied(LockResult result) {
    assertThat(result).isInstanceOf(LockResult.Denied.class);
  }

  private void unlock(OpenState open, Stateid4 stateid, long offset, long length) {
    done(
        table.unlock(
            open.clientId(),
            FILE,
            new LockArgs4.Unlock(WRITE_LT, stateid.withSeqid(0), offset, length)));
  }

  // ---------------------------------------------------------------- waiting

  @Test
  void theFirstWhoWaitsIsToldWhenTheLockIsFree() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    assertDenied(lock(openBy(2), WRITEW_LT, 0, 10));
    assertDenied(lock(openBy(3), WRITEW_LT, 5, 10));
    assertThat(table.waiterCount()).isEqualTo(2);

    unlock(a, locks, 50, 50);
    assertThat(told).isEmpty();
    unlock(a, locks, 0, 50);

    assertThat(told).containsExactly(owner(2));
  }

  @Test
  void allWhoCanShareAreToldTogether() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    assertDenied(lock(openBy(2), READW_LT, 0, 10));
    assertDenied(lock(openBy(3), WRITEW_LT, 0, 10));
    assertDenied(lock(openBy(4), READW_LT, 0, 10));

    unlock(a, locks, 0, 100);

    assertThat(told).containsExactly(owner(2), owner(4));
  }

  @Test
  void aDowngradeLetsReadersIn() {
    OpenState a = openBy(1);
    done(lock(a, WRITE_LT, 0, 100));
    assertDenied(lock(openBy(2), READW_LT, 0, 10));

    done(lock(a, READ_LT, 0, 100));

    assertThat(told).containsExactly(owner(2));
  }

  @Test
  void aLockIsKeptForWhoWasToldAgainstThoseWhoWouldWaitToo() {
    OpenState a = openBy(1);
    OpenState b = openBy(2);
    OpenState c = openBy(3);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    assertDenied(lock(b, WRITEW_LT, 0, 10));
    unlock(a, locks, 0, 100);

    assertDenied(lock(c, WRITEW_LT, 0, 10));
    assertDenied(lock(a, READW_LT, 9, 1));
    done(lock(b, WRITEW_LT, 0, 10));

    assertThat(table.waiterCount()).isEqualTo(2);
  }

  @Test
  void whoDoesNotWaitTakesWhatIsFree() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    OpenState b = openBy(2);
    assertDenied(lock(b, WRITEW_LT, 0, 10));
    unlock(a, locks, 0, 100);

    Stateid4 barged = done(lock(openBy(3), WRITE_LT, 0, 10));

    assertDenied(lock(b, WRITEW_LT, 0, 10));
    told.clear();
    table.unlock(3, FILE, new LockArgs4.Unlock(WRITE_LT, barged, 0, 10));
    assertThat(told).as("it kept its place").containsExactly(owner(2));
  }

  @Test
  void whoWasToldAndDoesNotComeMakesWayForTheNext() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    assertDenied(lock(openBy(2), WRITEW_LT, 0, 10));
    OpenState c = openBy(3);
    assertDenied(lock(c, WRITEW_LT, 0, 10));
    unlock(a, locks, 0, 100);

    time.pass(999, TimeUnit.MILLISECONDS);
    assertThat(told).containsExactly(owner(2));
    time.pass(2, TimeUnit.MILLISECONDS);

    assertThat(told).containsExactly(owner(2), owner(3));
    done(lock(c, WRITEW_LT, 0, 10));
    assertThat(table.waiterCount()).isEqualTo(1);
  }

  @Test
  void whoWasToldAndComesLateKeepsAPlaceBehindTheOthers() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    OpenState b = openBy(2);
    assertDenied(lock(b, WRITEW_LT, 0, 10));
    OpenState c = openBy(3);
    assertDenied(lock(c, WRITEW_LT, 0, 10));
    unlock(a, locks, 0, 100);
    time.pass(1, TimeUnit.SECONDS);
    Stateid4 taken = done(lock(c, WRITEW_LT, 0, 10));
    told.clear();

    table.unlock(3, FILE, new LockArgs4.Unlock(WRITE_LT, taken, 0, 10));

    assertThat(told).containsExactly(owner(2));
    assertDenied(lock(c, WRITEW_LT, 0, 10));
    done(lock(b, WRITEW_LT, 0, 10));
  }

  @Test
  void whoNeverComesIsForgottenAfterAFewTimes() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    assertDenied(lock(openBy(2), WRITEW_LT, 0, 10));

    unlock(a, locks, 0, 100);
    for (int i = 0; i < 10; i++) {
      time.pass(1, TimeUnit.SECONDS);
    }

    assertThat(told).hasSize(4).containsOnly(owner(2));
    assertThat(table.waiterCount()).isZero();
  }

  @Test
  void whoCannotBeToldMakesWayAtOnce() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    for (int client = 2; client < 500; client++) {
      assertDenied(lock(openBy(client), WRITEW_LT, 0, 10));
    }
    reachable = false;

    unlock(a, locks, 0, 100);
    time.pass(0, TimeUnit.MILLISECONDS);

    assertThat(told).hasSize(498);
    assertThat(table.waiterCount()).isZero();
  }

  @Test
  void askingOnceMoreWithoutWaitingIsGivingUp() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    OpenState b = openBy(2);
    assertDenied(lock(b, WRITEW_LT, 0, 10));
    assertDenied(lock(b, WRITE_LT, 0, 10));
    assertThat(table.waiterCount()).isZero();

    unlock(a, locks, 0, 100);
    assertThat(told).isEmpty();
  }

  @Test
  void whoIsSilentForLongIsForgotten() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    OpenState b = openBy(2);
    OpenState c = openBy(3);
    assertDenied(lock(b, WRITEW_LT, 0, 10));
    assertDenied(lock(c, WRITEW_LT, 0, 10));
    time.pass(60, TimeUnit.SECONDS);
    assertDenied(lock(c, WRITEW_LT, 0, 10));
    time.pass(60, TimeUnit.SECONDS);

    unlock(a, locks, 0, 100);

    assertThat(told).containsExactly(owner(3));
  }

  @Test
  void waitersGoWithTheirOpen() {
    OpenState a = openBy(1);
    done(lock(a, WRITE_LT, 0, 100));
    OpenState b = openBy(2);
    assertDenied(lock(b, WRITEW_LT, 0, 10));

    opens.close(2, b.stateid(), FILE);

    assertThat(table.waiterCount()).isZero();
    opens.close(1, a.stateid(), FILE);
    assertThat(told).isEmpty();
    assertThat(table.count()).isZero();
  }

  @Test
  void closeTellsWhoWaited() {
    OpenState a = openBy(1);
    done(lock(a, WRITE_LT, 0, 100));
    assertDenied(lock(openBy(2), WRITEW_LT, 0, 10));

    opens.close(1, a.stateid(), FILE);

    assertThat(told).containsExactly(owner(2));
  }

  @Test
  void moreWaitersThanThereIsRoomForHaveToPoll() {
    table = table(new LockLimits(100, 100, 3, 2, Duration.ofSeconds(1), Duration.ofSeconds(90)));
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    OpenState d = openBy(4);
    assertDenied(lock(openBy(2), WRITEW_LT, 0, 1));
    assertDenied(lock(openBy(3), WRITEW_LT, 1, 1));
    assertDenied(lock(d, WRITEW_LT, 2, 1));
    assertThat(table.waiterCount()).isEqualTo(2);

    unlock(a, locks, 0, 100);

    assertThat(told).containsExactly(owner(2), owner(3));
    done(lock(d, WRITEW_LT, 2, 1));
  }

  // ---------------------------------------------------------------- bounds

  @Test
  void oneClientCannotTakeAllLocksAndAllTogetherNoMoreThanThereAre() {
    table = table(new LockLimits(5, 3, 10, 10, Duration.ofSeconds(1), Duration.ofSeconds(90)));
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 1));
    done(lock(a, WRITE_LT, 10, 1));
    done(lock(a, WRITE_LT, 20, 9));
    assertThat(lock(a, WRITE_LT, 40, 1))
        .isEqualTo(new LockResult.Refused(NfsStat4.NFS4ERR_SERVERFAULT));
    assertThat(table.unlock(1, FILE, new LockArgs4.Unlock(WRITE_LT, locks.withSeqid(0), 24, 1)))
        .as("one made into two is one more")
        .isEqualTo(new LockResult.Refused(NfsStat4.NFS4ERR_SERVERFAULT));
    OpenState b = openBy(2);
    done(lock(b, WRITE_LT, 100, 1));
    done(lock(b, WRITE_LT, 200, 1));
    assertThat(lock(b, WRITE_LT, 300, 1)).isEqualTo(new LockResult.Refused(NfsStat4.NFS4ERR_DELAY));

    unlock(a, locks, 20, 9);
    done(lock(b, WRITE_LT, 300, 1));
    assertThat(table.count()).isEqualTo(5);
  }

  // ---------------------------------------------------------------- stateids

  @Test
  void afterAllOnesTheSeqidIsOne() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 1));
    table.find(locks).seqid(-1);

    Stateid4 wrapped = done(lock(a, WRITE_LT, 1, 1));

    assertThat(wrapped.seqid()).isEqualTo(1);
    assertThat(table.check(1, locks.withSeqid(-1), FILE)).isEqualTo(NfsStat4.NFS4ERR_OLD_STATEID);
    assertThat(table.check(1, wrapped.withSeqid(2), FILE)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
  }

  @Test
  void locksOfARevokedOpenSayWhyUntilTheyAreFreed() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    assertThat(table.hasRevokedState(1)).isFalse();

    opens.revokeClient(1, NfsStat4.NFS4ERR_ADMIN_REVOKED);

    assertThat(table.count()).isZero();
    assertThat(table.check(1, locks, FILE)).isEqualTo(NfsStat4.NFS4ERR_ADMIN_REVOKED);
    assertThat(table.hasRevokedState(1)).isTrue();
    assertThat(table.holdsState(1)).isTrue();
    done(lock(openBy(2), WRITE_LT, 0, 100));
    assertThat(table.free(1, locks)).isEqualTo(NfsStat4.NFS4_OK);
    assertThat(table.hasRevokedState(1)).isFalse();
    assertThat(table.check(1, locks, FILE)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
  }

  @Test
  void stateidsOfAnEarlierServerNameNothing() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));

    Stateid4 earlier = new Stateid4(locks.seqid(), locks.otherHigh(), 6);

    assertThat(LockTable.isLockStateid(earlier)).isTrue();
    assertThat(OpenTable.isOpenStateid(earlier)).isFalse();
    assertThat(table.check(1, earlier, FILE)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
  }

  @Test
  void aClientThatIsGoneLeavesNothing() {
    OpenState a = openBy(1);
    Stateid4 locks = done(lock(a, WRITE_LT, 0, 100));
    opens.revokeClient(1, NfsStat4.NFS4ERR_EXPIRED);

    opens.clientGone(1);
    table.clientGone(1);

    assertThat(table.holdsState(1)).isFalse();
    assertThat(table.find(locks)).isNull();
    assertThat(lock(a, WRITE_LT, 0, 1))
        .isEqualTo(new LockResult.Refused(NfsStat4.NFS4ERR_BAD_STATEID));
    assertThat(
            table.test(
                owner(2),
                FILE,
                new LockArgs4.Test(WRITE_LT, 0, -1L, owner(2)),
                OptionalInt.empty()))
        .isEmpty();
  }
}
