package io.selkie.server.state;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_ADMIN_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_EXPIRED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LOCKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LOCKS_HELD;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_OLD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_OPENMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_SERVERFAULT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_SHARE_DENIED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class OpenTableTest {

  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int BOTH = 3;
  private static final int NONE = 0;
  private static final FileIdentity FILE = new FileIdentity(1, 10, 0);
  private static final FileIdentity OTHER_FILE = new FileIdentity(1, 11, 0);
  private static final byte[] HANDLE = {1, 2, 3};
  private static final OpenOwner ALICE = owner(1, "alice");
  private static final OpenOwner BOB = owner(2, "bob");

  private final OpenTable table = new OpenTable(77, 100, 50);

  @Test
  void firstSeqidIsOneAndEachUpgradeCountsUp() {
    Stateid4 first = opened(ALICE, FILE, READ, NONE);
    Stateid4 second = opened(ALICE, FILE, WRITE, NONE);
    assertThat(first.seqid()).isEqualTo(1);
    assertThat(second).isEqualTo(first.withSeqid(2));
    assertThat(table.find(first).access()).isEqualTo(BOTH);
    assertThat(table.count()).isEqualTo(1);
  }

  @Test
  void staleAndFutureSeqidsAreToldApartAndZeroMeansTheLatest() {
    Stateid4 first = opened(ALICE, FILE, READ, NONE);
    opened(ALICE, FILE, READ, NONE);
    assertThat(table.check(1, first, FILE)).isEqualTo(NFS4ERR_OLD_STATEID);
    assertThat(table.check(1, first.withSeqid(2), FILE)).isEqualTo(NFS4_OK);
    assertThat(table.check(1, first.withSeqid(3), FILE)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(table.check(1, first.withSeqid(0), FILE)).isEqualTo(NFS4_OK);
  }

  @Test
  void seqidWrapsToOneAndOlderOnesAreStillOld() {
    Stateid4 stateid = opened(ALICE, FILE, READ, NONE);
    table.find(stateid).seqid(-1);
    assertThat(opened(ALICE, FILE, READ, NONE).seqid()).isEqualTo(1);
    assertThat(table.check(1, stateid.withSeqid(-1), FILE)).isEqualTo(NFS4ERR_OLD_STATEID);
    assertThat(table.check(1, stateid.withSeqid(2), FILE)).isEqualTo(NFS4ERR_BAD_STATEID);
  }

  @Test
  void stateidOfAnotherClientFileOrBootIsBad() {
    Stateid4 stateid = opened(ALICE, FILE, READ, NONE);
    assertThat(table.check(2, stateid, FILE)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(table.check(1, stateid, OTHER_FILE)).isEqualTo(NFS4ERR_BAD_STATEID);
    Stateid4 otherBoot = new Stateid4(1, stateid.otherHigh(), 78);
    assertThat(table.check(1, otherBoot, FILE)).isEqualTo(NFS4ERR_BAD_STATEID);
    Stateid4 outside = new Stateid4(1, stateid.otherHigh() | 0xFFFFFF, 77);
    assertThat(table.check(1, outside, FILE)).isEqualTo(NFS4ERR_BAD_STATEID);
  }

  @Test
  void shareReservationsAreHeldAgainstEverybodyTheOwnerIncluded() {
    opened(ALICE, FILE, READ, WRITE);
    assertThat(refusal(BOB, FILE, WRITE, NONE)).isEqualTo(NFS4ERR_SHARE_DENIED);
    assertThat(refusal(ALICE, FILE, WRITE, NONE)).isEqualTo(NFS4ERR_SHARE_DENIED);
    assertThat(refusal(BOB, FILE, READ, READ)).isEqualTo(NFS4ERR_SHARE_DENIED);
    opened(BOB, FILE, READ, NONE);
    opened(BOB, OTHER_FILE, WRITE, NONE);
  }

  @Test
  void closeGivesTheShareAndTheTargetBack() {
    FakeTarget target = new FakeTarget(FILE);
    Stateid4 stateid = opened(ALICE, target, READ, BOTH);
    assertThat(target.references).isEqualTo(1);
    CloseResult closed = table.close(1, stateid, FILE);
    assertThat(closed.status()).isEqualTo(NFS4_OK);
    assertThat(closed.lastOfClient()).isTrue();
    assertThat(target.references).isZero();
    opened(BOB, FILE, BOTH, NONE);
    assertThat(table.close(1, stateid, FILE).status()).isEqualTo(NFS4ERR_BAD_STATEID);
  }

  @Test
  void upgradeThatReopenedTheFileLetsTheOldTargetGo() {
    FakeTarget first = new FakeTarget(FILE);
    FakeTarget second = new FakeTarget(FILE);
    Stateid4 stateid = opened(ALICE, first, READ, NONE);
    opened(ALICE, second, WRITE, NONE);
    assertThat(first.references).isZero();
    assertThat(table.find(stateid).target()).isSameAs(second);
  }

  @Test
  void accessOfAClientIsThatOfAllItsOpens() {
    Stateid4 one = opened(ALICE, FILE, READ, NONE);
    opened(owner(1, "alice's other process"), FILE, WRITE, NONE);
    assertThat(table.accessOf(1, FILE)).isEqualTo(BOTH);
    assertThat(table.accessOf(2, FILE)).isZero();
    opened(ALICE, FILE, WRITE, NONE);
    table.downgrade(1, one.withSeqid(0), FILE, WRITE, NONE);
    assertThat(table.accessOf(1, FILE)).isEqualTo(WRITE);
    table.clientGone(1);
    assertThat(table.accessOf(1, FILE)).isZero();
  }

  @Test
  void fileHandleIsKnownAsLongAsSomebodyHasTheFileOpen() {
    Stateid4 stateid = opened(ALICE, FILE, READ, NONE);
    assertThat(table.fileHandleOf(FILE)).isEqualTo(HANDLE);
    table.close(1, stateid, FILE);
    assertThat(table.fileHandleOf(FILE)).isNull();
  }

  @Test
  void openOfSeveralUsersBelongsToNoneOfThem() {
    Stateid4 stateid = opened(ALICE, FILE, READ, NONE);
    assertThat(table.find(stateid).isOpenedBy(1000)).isTrue();
    assertThat(table.find(stateid).isOpenedBy(1)).isFalse();
    open(table, ALICE, 1, new FakeTarget(FILE), READ, NONE);
    assertThat(table.find(stateid).isOpenedBy(1000)).isFalse();
    assertThat(table.find(stateid).isOpenedBy(1)).isFalse();
  }

  @Test
  void lastCloseOfAClientIsToldOverAllItsOwners() {
    Stateid4 one = opened(ALICE, FILE, READ, NONE);
    Stateid4 two = opened(owner(1, "alice's other process"), FILE, READ, NONE);
    opened(BOB, FILE, READ, NONE);
    assertThat(table.close(1, one, FILE).lastOfClient()).isFalse();
    assertThat(table.close(1, two, FILE).lastOfClient()).isTrue();
    assertThat(table.isOpen(FILE)).isTrue();
  }

  @Test
  void downgradeOnlyToWhatSomeOfTheOpensHad() {
    opened(ALICE, FILE, READ, NONE);
    Stateid4 stateid = opened(ALICE, FILE, BOTH, NONE);
    assertThat(downgrade(stateid, WRITE, NONE)).isEqualTo(NFS4ERR_INVAL);
    assertThat(downgrade(stateid, READ, READ)).isEqualTo(NFS4ERR_INVAL);
    assertThat(downgrade(stateid, READ, NONE)).isEqualTo(NFS4_OK);
    assertThat(downgrade(stateid, READ, NONE)).isEqualTo(NFS4ERR_OLD_STATEID);
    assertThat(table.find(stateid).stateid().seqid()).isEqualTo(3);
    assertThat(downgrade(stateid.withSeqid(0), BOTH, NONE)).isEqualTo(NFS4ERR_INVAL);
    assertThat(downgrade(stateid.withSeqid(4), READ, NONE)).isEqualTo(NFS4ERR_BAD_STATEID);
    opened(BOB, FILE, READ, WRITE);
  }

  private int downgrade(Stateid4 stateid, int access, int deny) {
    return switch (table.downgrade(1, stateid, FILE, access, deny)) {
      case OpenResult.Opened left -> {
        assertThat(left.stateid()).isEqualTo(left.state().stateid());
        yield NFS4_OK;
      }
      case OpenResult.Refused refused -> refused.status();
    };
  }

  @Test
  void ioNeedsTheRightOpenMode() {
    Stateid4 reading = opened(ALICE, FILE, READ, NONE);
    Stateid4 writing = opened(BOB, FILE, WRITE, NONE);
    assertThat(table.checkIo(1, reading, FILE, false)).isEqualTo(NFS4_OK);
    assertThat(table.checkIo(1, reading, FILE, true)).isEqualTo(NFS4ERR_OPENMODE);
    assertThat(table.checkIo(2, writing, FILE, true)).isEqualTo(NFS4_OK);
    assertThat(table.checkIo(2, writing, FILE, false)).isEqualTo(NFS4_OK);
  }

  @Test
  void anonymousIoIsHeldOffByShareReservationsAndBypassReadsAreNot() {
    assertThat(table.checkIo(9, Stateids.ANONYMOUS, FILE, true)).isEqualTo(NFS4_OK);
    opened(ALICE, FILE, READ, BOTH);
    assertThat(table.checkIo(9, Stateids.ANONYMOUS, FILE, false)).isEqualTo(NFS4ERR_LOCKED);
    assertThat(table.checkIo(9, Stateids.ANONYMOUS, FILE, true)).isEqualTo(NFS4ERR_LOCKED);
    assertThat(table.checkIo(9, Stateids.READ_BYPASS, FILE, false)).isEqualTo(NFS4_OK);
    assertThat(table.checkIo(9, Stateids.READ_BYPASS, FILE, true)).isEqualTo(NFS4ERR_LOCKED);
    assertThat(table.checkIo(9, Stateids.INVALID, FILE, false)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(table.checkIo(9, Stateids.CURRENT, FILE, false)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(table.checkIo(9, new Stateid4(5, 0, 0), FILE, false)).isEqualTo(NFS4ERR_BAD_STATEID);
  }

  @Test
  void clientThatIsGoneLeavesNothingBehind() {
    FakeTarget target = new FakeTarget(FILE);
    Stateid4 stateid = opened(ALICE, target, BOTH, BOTH);
    opened(ALICE, OTHER_FILE, READ, NONE);
    table.clientGone(1);
    assertThat(table.count()).isZero();
    assertThat(target.references).isZero();
    assertThat(table.find(stateid)).isNull();
    opened(BOB, FILE, BOTH, BOTH);
  }

  @Test
  void requestThatOutlivesItsClientOpensNothing() {
    table.clientGone(1);
    assertThat(refusal(ALICE, FILE, READ, NONE)).isEqualTo(NFS4ERR_EXPIRED);
    assertThat(table.count()).isZero();
    opened(BOB, FILE, BOTH, BOTH);
  }

  @Test
  void revokedOpenStaysKnownUntilItIsFreed() {
    Stateid4 stateid = opened(ALICE, FILE, BOTH, BOTH);
    assertThat(table.free(1, stateid)).isEqualTo(NFS4ERR_LOCKS_HELD);
    table.revokeClient(1, NFS4ERR_ADMIN_REVOKED);
    assertThat(table.hasRevokedState(1)).isTrue();
    assertThat(table.checkIo(1, stateid, FILE, false)).isEqualTo(NFS4ERR_ADMIN_REVOKED);
    opened(BOB, FILE, BOTH, NONE);
    Stateid4 again = opened(ALICE, FILE, READ, NONE);
    assertThat(again.sameOther(stateid)).isFalse();
    assertThat(table.free(2, stateid)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(table.free(1, stateid)).isEqualTo(NFS4_OK);
    assertThat(table.hasRevokedState(1)).isFalse();
    assertThat(table.check(1, stateid, FILE)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(table.check(1, again, FILE)).isEqualTo(NFS4_OK);
  }

  @Test
  void limitsAreToldApart() {
    OpenTable small = new OpenTable(1, 3, 2);
    open(small, ALICE, file(1));
    open(small, ALICE, file(2));
    assertThat(((OpenResult.Refused) open(small, ALICE, file(3))).status())
        .isEqualTo(NFS4ERR_SERVERFAULT);
    open(small, BOB, file(3));
    assertThat(((OpenResult.Refused) open(small, BOB, file(4))).status()).isEqualTo(NFS4ERR_DELAY);
  }

  @Test
  void tableGrowsAndOthersAreNeverUsedTwice() {
    OpenTable large = new OpenTable(1, 10_000, 10_000);
    Set<Long> others = new HashSet<>();
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 1000; i++) {
        OpenState state = ((OpenResult.Opened) open(large, owner(round, "x"), file(i))).state();
        assertThat(others.add(state.stateid().otherHigh())).isTrue();
      }
      large.clientGone(round);
    }
    assertThat(large.count()).isZero();
  }

  /** Whatever happens, the table agrees with a model that simply lists the opens. */
  @Property(tries = 300)
  void sharesAreThoseOfTheOpensThatAreThere(
      @ForAll @Size(max = 60) List<@IntRange(min = 0, max = 9999) Integer> steps) {
    OpenTable table = new OpenTable(1, 100, 50);
    Map<Integer, OpenState> open = new HashMap<>();
    for (int step : steps) {
      int who = step % 4;
      int access = 1 + step / 4 % 3;
      int deny = step / 12 % 4;
      if (step / 48 % 3 == 0) {
        OpenState state = open.remove(who);
        if (state != null) {
          assertThat(table.close(who, state.stateid(), FILE).status()).isEqualTo(NFS4_OK);
        }
      } else {
        boolean conflict =
            open.values().stream()
                .anyMatch(state -> (state.deny() & access) != 0 || (state.access() & deny) != 0);
        OpenResult result = open(table, owner(who, "x"), 1000, new FakeTarget(FILE), access, deny);
        assertThat(result instanceof OpenResult.Refused).isEqualTo(conflict);
        if (result instanceof OpenResult.Opened opened) {
          open.put(who, opened.state());
        }
      }
      int denied = open.values().stream().mapToInt(OpenState::deny).reduce(0, (a, b) -> a | b);
      assertThat(table.denied(FILE)).isEqualTo(denied);
      assertThat(table.count()).isEqualTo(open.size());
    }
    open.keySet().forEach(table::clientGone);
    assertThat(table.isOpen(FILE)).isFalse();
  }

  @Test
  void placeThatIsHeldIsNobodyElsesUntilItIsGivenBack() {
    OpenTable small = new OpenTable(77, 2, 50);
    try (OpenHold hold = small.hold(ALICE, Optional.of(FILE), HANDLE, READ, READ, true)) {
      assertThat(hold.status()).isEqualTo(NFS4_OK);
      assertThat(open(small, BOB, 1, new FakeTarget(FILE), READ, NONE))
          .isInstanceOf(OpenResult.Refused.class);
      // To cut the file is to write, whatever it is opened for.
      assertThat(open(small, BOB, 1, new FakeTarget(FILE), WRITE, WRITE))
          .isInstanceOf(OpenResult.Refused.class);
      assertThat(open(small, BOB, OTHER_FILE)).isInstanceOf(OpenResult.Opened.class);
      assertThat(open(small, BOB, file(12)))
          .isInstanceOfSatisfying(
              OpenResult.Refused.class,
              refused -> assertThat(refused.status()).isEqualTo(NFS4ERR_DELAY));
      assertThat(small.open(ALICE, 1, new FakeTarget(FILE), HANDLE, READ, READ, hold))
          .isInstanceOf(OpenResult.Opened.class);
    }
    assertThat(small.denied(FILE)).isEqualTo(READ);
    small.clientGone(1);
    try (OpenHold hold = small.hold(BOB, Optional.of(FILE), HANDLE, READ, BOTH, false)) {
      assertThat(hold.status()).isEqualTo(NFS4_OK);
    }
    assertThat(small.isOpen(FILE)).isFalse();
  }

  @Test
  void placeIsRefusedWhereTheOpenWouldBe() {
    opened(ALICE, FILE, READ, WRITE);
    assertThat(held(BOB, READ, NONE, true)).isEqualTo(NFS4ERR_SHARE_DENIED);
    assertThat(held(BOB, READ, NONE, false)).isEqualTo(NFS4_OK);
    table.clientGone(2);
    assertThat(held(BOB, READ, NONE, false)).isEqualTo(NFS4ERR_EXPIRED);
  }

  private int held(OpenOwner owner, int access, int deny, boolean truncates) {
    try (OpenHold hold = table.hold(owner, Optional.of(FILE), HANDLE, access, deny, truncates)) {
      return hold.status();
    }
  }

  private static OpenResult open(
      OpenTable table, OpenOwner owner, int uid, SealTarget target, int access, int deny) {
    try (OpenHold hold =
        table.hold(owner, Optional.of(target.identity()), HANDLE, access, deny, false)) {
      return hold.status() == NFS4_OK
          ? table.open(owner, uid, target, HANDLE, access, deny, hold)
          : new OpenResult.Refused(hold.status(), hold.reason());
    }
  }

  private static OpenResult open(OpenTable table, OpenOwner owner, FileIdentity file) {
    return open(table, owner, 1000, new FakeTarget(file), READ, NONE);
  }

  private Stateid4 opened(OpenOwner owner, FileIdentity file, int access, int deny) {
    return opened(owner, new FakeTarget(file), access, deny);
  }

  private Stateid4 opened(OpenOwner owner, FakeTarget target, int access, int deny) {
    OpenResult result = open(table, owner, 1000, target, access, deny);
    assertThat(result).isInstanceOf(OpenResult.Opened.class);
    return ((OpenResult.Opened) result).stateid();
  }

  private int refusal(OpenOwner owner, FileIdentity file, int access, int deny) {
    OpenResult result = open(table, owner, 1000, new FakeTarget(file), access, deny);
    assertThat(result).isInstanceOf(OpenResult.Refused.class);
    return ((OpenResult.Refused) result).status();
  }

  private static OpenOwner owner(long clientId, String name) {
    return new OpenOwner(clientId, name.getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  private static FileIdentity file(int inode) {
    return new FileIdentity(1, inode, 0);
  }

  /** Counts its references; the caller's own is the first. */
  private static final class FakeTarget implements SealTarget {
    private final FileIdentity identity;
    private int references = 1;

    FakeTarget(FileIdentity identity) {
      this.identity = identity;
    }

    @Override
    public FileIdentity identity() {
      return identity;
    }

    @Override
    public int fd() {
      return 3;
    }

    @Override
    public boolean writable() {
      return true;
    }

    @Override
    public String describe() {
      return "fake";
    }

    @Override
    public void retain() {
      references++;
    }

    @Override
    public void release() {
      references--;
    }
  }
}
