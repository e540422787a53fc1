package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.WHOLE;
import static io.selkie.layout.Rig.done;
import static io.selkie.layout.Rig.extents;
import static io.selkie.protocol.layout.rdma.RdmaExtentState4.PNFS_RDMA_NONE_DATA;
import static io.selkie.protocol.layout.rdma.RdmaExtentState4.PNFS_RDMA_READ_DATA;
import static io.selkie.protocol.layout.rdma.RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADIOMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADLAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOSPC;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_OPENMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_TOOSMALL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_WRONG_TYPE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutArbiter.LayoutGetResult.Granted;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.Sealer.Refusal;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.rdma.RemoteAccess;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** LAYOUTGET: RFC 8881 section 18.43, and what the RDMA layout says of extents. */
class GrantTest {

  private final Rig rig = new Rig();

  @Test
  void writeToASparseFileAsksForAWindowOnly() {
    FakeSealer.File file = rig.file().size(1L << 40);

    Granted first = rig.get(file).rw().granted();
    Granted insisted = rig.get(file).rw().range(8 * MB, WHOLE).min(128 * MB).granted();

    assertThat(first.length()).isEqualTo(64 * MB);
    assertThat(insisted.length()).isEqualTo(128 * MB);
  }

  @Test
  void readLayoutCoversTheFileWithReadData() {
    var file = rig.file().data(0, MB);

    Granted granted = rig.get(file).granted();

    assertThat(granted.offset()).isZero();
    assertThat(granted.length()).isEqualTo(MB);
    assertThat(granted.stateid().seqid()).isOne();
    assertThat(granted.returnOnClose()).isTrue();
    assertThat(granted.layoutType()).isEqualTo(LayoutConst4.LAYOUT4_RDMA);
    assertThat(extents(granted))
        .singleElement()
        .satisfies(extent -> {
          assertThat(extent.state()).isEqualTo(PNFS_RDMA_READ_DATA);
          assertThat(extent.fileOffset()).isZero();
          assertThat(extent.length()).isEqualTo(MB);
          assertThat(extent.handle()).isEqualTo(rig.rdma.live().getFirst().key());
          assertThat(extent.storageOffset()).isEqualTo(rig.rdma.live().getFirst().remoteAddress());
          assertThat(extent.deviceId()).isEqualTo(rig.devices.primary().orElseThrow().id());
        });
    assertThat(rig.rdma.live().getFirst().access).containsExactly(RemoteAccess.READ);
    assertThat(rig.arbiter.layoutCount()).isOne();
    assertThat(rig.steps()).containsExactly(Step.SEALED, Step.REGISTERED, Step.GRANTED);
    assertThat(file.retained).isOne();
  }

  @Test
  void readWriteLayoutHasOnlyReadWriteData() {
    var file = rig.file().size(MB);

    Granted granted = rig.get(file).rw().granted();

    assertThat(extents(granted))
        .singleElement()
        .satisfies(e -> assertThat(e.state()).isEqualTo(PNFS_RDMA_READ_WRITE_DATA));
    assertThat(rig.rdma.live().getFirst().access)
        .containsExactlyInAnyOrder(RemoteAccess.READ, RemoteAccess.WRITE);
  }

  @Test
  void holesOfReadLayoutsAreNoneDataWithoutHandle() {
    var file = rig.file().data(8 * KB4, 8 * KB4).size(32 * KB4);

    Granted granted = rig.get(file).granted();

    assertThat(extents(granted))
        .extracting(e -> e.state() + " " + e.fileOffset() / KB4 + "+" + e.length() / KB4)
        .containsExactly(
            PNFS_RDMA_NONE_DATA + " 0+8",
            PNFS_RDMA_READ_DATA + " 8+8",
            PNFS_RDMA_NONE_DATA + " 16+16");
    assertThat(rig.rdma.live()).hasSize(1);
  }

  @Test
  void unwrittenBlocksAreNoneDataOnlyWhereTheMappingIsTheStorage() {
    var cached = rig.file().unwritten(0, MB);
    var dax = rig.file().unwritten(0, MB);
    dax.exact = true;

    assertThat(extents(rig.get(cached).granted()).getFirst().state())
        .isEqualTo(PNFS_RDMA_READ_DATA);
    assertThat(extents(rig.get(dax).granted()).getFirst().state()).isEqualTo(PNFS_RDMA_NONE_DATA);
  }

  @Test
  void scatteredBlocksThatFollowEachOtherAreOneExtent() {
    var file = rig.file().data(0, KB4);
    file.extents.put(KB4, new io.selkie.lease.BlockMap.Extent(KB4, 99 * MB, KB4, 0));
    file.size(2 * KB4);

    assertThat(extents(rig.get(file).granted())).hasSize(1);
  }

  @Test
  void extentsLongerThanARegionAreSplit() {
    var small = new Rig(Rig.POLICY, 2 * MB);
    var file = small.file().data(0, 5 * MB);

    Granted granted = small.get(file).granted();

    assertThat(extents(granted)).extracting(e -> e.length()).containsExactly(2 * MB, 2 * MB, MB);
    assertThat(small.rdma.live()).extracting(r -> r.length).containsExactly(2 * MB, 2 * MB, MB);
  }

  @Test
  void rangeIsAlignedAndEndsAtTheEndOfFile() {
    var file = rig.file().data(0, MB + 100).size(MB + 100);

    Granted granted = rig.get(file).range(5000, 100).granted();
    assertThat(granted.offset()).isEqualTo(KB4);
    assertThat(granted.length()).isEqualTo(KB4);

    Granted tail = rig.get(file).range(MB, MB).granted();
    assertThat(tail.offset()).isEqualTo(MB);
    assertThat(tail.length()).isEqualTo(100);
  }

  @Test
  void firstExtentContainsTheOffsetEvenWhereBlocksAreSmallerThanPages() {
    var file = rig.file().data(0, 1024).size(8192);
    file.data(4096, 4096);

    Granted granted = rig.get(file).range(2000, 100).granted();

    assertThat(granted.offset()).isEqualTo(1024);
    assertThat(extents(granted).getFirst().state()).isEqualTo(PNFS_RDMA_NONE_DATA);
  }

  @Test
  void readMayStopAtTheEndOfFileButWriteMayNot() {
    var file = rig.file().data(0, MB);

    assertThat(rig.get(file).range(0, 2 * MB).min(2 * MB).granted().length()).isEqualTo(MB);
    assertThat(rig.get(file).range(0, WHOLE).min(WHOLE).granted().length()).isEqualTo(MB);
    assertThat(rig.get(file).rw().range(0, 2 * MB).min(2 * MB).refused())
        .isEqualTo(NFS4ERR_BADLAYOUT);
    assertThat(rig.get(file).rw().range(0, WHOLE).min(WHOLE).refused())
        .isEqualTo(NFS4ERR_BADLAYOUT);
    assertThat(rig.get(file).rw().range(0, 2 * MB).min(MB).granted().length()).isEqualTo(MB);
  }

  @Test
  void pastTheEndOfFileThereIsNothing() {
    var file = rig.file().data(0, MB);

    assertThat(rig.get(file).range(MB, KB4).min(1).refused()).isEqualTo(NFS4ERR_BADLAYOUT);
    assertThat(rig.get(file).range(MB, KB4).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    assertThat(rig.get(file).range(Long.MIN_VALUE, KB4).min(1).refused())
        .isEqualTo(NFS4ERR_BADLAYOUT);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void argumentsAreCheckedAsTheRfcSays() {
    var file = rig.file().data(0, MB);

    assertThat(rig.get(file).range(0, 10).min(11).refused()).isEqualTo(NFS4ERR_INVAL);
    assertThat(rig.get(file).range(-5, 10).refused()).isEqualTo(NFS4ERR_INVAL);
    assertThat(rig.get(file).range(100, -50).refused()).isEqualTo(NFS4ERR_INVAL);
    var any = rig.get(file);
    any.ioMode = LayoutConst4.LAYOUTIOMODE4_ANY;
    assertThat(any.refused()).isEqualTo(NFS4ERR_BADIOMODE);
    var scsi = rig.get(file);
    scsi.type = LayoutConst4.LAYOUT4_SCSI;
    assertThat(scsi.refused()).isEqualTo(NFS4ERR_UNKNOWN_LAYOUTTYPE);
    var writeOnly = rig.get(file);
    writeOnly.readable = false;
    assertThat(writeOnly.refused()).isEqualTo(NFS4ERR_OPENMODE);
    var readOnly = rig.get(file).rw();
    readOnly.writable = false;
    assertThat(readOnly.refused()).isEqualTo(NFS4ERR_OPENMODE);
    file.writable = false;
    assertThat(rig.get(file).rw().refused()).isEqualTo(NFS4ERR_BADIOMODE);
    assertThat(rig.sealer.calls).isEmpty();
  }

  @Test
  void maxcountCutsTheLayoutShortOrIsTooSmall() {
    var file = rig.file();
    for (int i = 0; i < 10; i++) {
      file.data(2L * i * KB4, KB4);
    }
    var tiny = rig.get(file);
    tiny.maxCount = 79;
    assertThat(tiny.refused()).isEqualTo(NFS4ERR_TOOSMALL);

    var three = rig.get(file);
    three.maxCount = 28 + 4 + 3 * 48;
    Granted granted = three.granted();
    assertThat(extents(granted)).hasSize(3);
    assertThat(granted.length()).isEqualTo(3 * KB4);
    assertThat(granted.content().remaining()).isEqualTo(4 + 3 * 48);

    var demanding = rig.get(file).min(4 * KB4);
    demanding.maxCount = 28 + 4 + 3 * 48;
    assertThat(demanding.refused()).isEqualTo(NFS4ERR_TOOSMALL);
  }

  @ParameterizedTest
  @EnumSource(Refusal.Reason.class)
  void everyRefusalOfTheSealerHasItsStatus(Refusal.Reason reason) {
    var file = rig.file().data(0, MB);
    rig.sealer.refusal = new Refusal(reason, "because");

    int status = rig.get(file).min(1).refused();

    assertThat(status)
        .isEqualTo(
            Map.of(
                    Refusal.Reason.BREAKING, NFS4ERR_LAYOUTTRYLATER,
                    Refusal.Reason.MAP_CHANGED, NFS4ERR_LAYOUTTRYLATER,
                    Refusal.Reason.HOLE_GRANTED, NFS4ERR_LAYOUTTRYLATER,
                    Refusal.Reason.PAST_END, NFS4ERR_BADLAYOUT,
                    Refusal.Reason.NO_SPACE, NFS4ERR_NOSPC,
                    Refusal.Reason.NOT_REGULAR, NFS4ERR_WRONG_TYPE)
                .getOrDefault(reason, NFS4ERR_LAYOUTUNAVAILABLE));
    rig.assertNothingIsLeft(file);
  }

  @Test
  void registrationThatFailsLeavesNothingBehind() {
    var file = rig.file().data(0, KB4).data(2 * KB4, KB4);
    rig.rdma.failAfter = 1;

    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_LAYOUTUNAVAILABLE);

    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void breakBetweenSealAndGrantTakesTheSealBack() {
    var file = rig.file().data(0, MB);
    rig.sealer.meanwhile = () -> rig.breakLease(file);

    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);

    rig.work();
    rig.assertNothingIsLeft(file);
    assertThat(rig.steps()).contains(Step.BREAK_SEEN, Step.SEAL_RELEASED);
  }

  @Test
  void sealThatMustGoDoesNotWaitForARangeThatIsBeingPrepared() {
    var file = rig.file().data(0, MB);
    var held = rig.get(file).granted();
    rig.sealer.meanwhile =
        () -> {
          rig.breakLease(file);
          rig.giveBack(file, 1, held.stateid());
          assertThat(rig.isSealed(file)).isFalse();
        };

    assertThat(rig.get(file).client(2).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);

    rig.assertNothingIsLeft(file);
    rig.get(file).client(2).granted();
  }

  @Test
  void secondLayoutGetWaitsForTheFirstAndExtendsItsSeal() {
    var file = rig.file().data(0, MB);
    CompletableFuture<?>[] second = new CompletableFuture<?>[1];
    rig.sealer.meanwhile =
        () -> {
          second[0] = rig.get(file).client(2).send();
          assertThat(second[0]).isNotDone();
        };

    rig.get(file).granted();
    assertThat(second[0]).isNotDone();
    rig.work();

    assertThat(second[0].join()).isInstanceOf(Granted.class);
    assertThat(rig.sealer.calls).hasSize(2).last().asString().startsWith("extend");
  }

  @Test
  void layoutGetDoesNotWaitForEver() {
    var file = rig.file().data(0, MB);
    CompletableFuture<LayoutGetResult>[] second = newArray();
    rig.sealer.meanwhile =
        () -> {
          second[0] = rig.get(file).client(2).send();
          rig.time.advance(Rig.POLICY.queueWaitNanos());
          assertThat(second[0]).isDone();
        };

    rig.get(file).granted();

    assertThat(((LayoutGetResult.Refused) done(second[0])).status())
        .isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    assertThat(rig.arbiter.layoutCount()).isOne();
  }

  @Test
  void waitersAreBounded() {
    var file = rig.file().data(0, MB);
    rig.sealer.meanwhile =
        () -> {
          for (int i = 0; i < Rig.POLICY.waitersPerFileMax(); i++) {
            assertThat(rig.get(file).client(2 + i).send()).isNotDone();
          }
          assertThat(rig.get(file).client(99).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
        };
    rig.get(file).granted();
    rig.work();
    assertThat(rig.arbiter.layoutCount()).isEqualTo(1 + Rig.POLICY.waitersPerFileMax());
  }

  @Test
  void layoutsOfOneClientAreBoundedAndFreedByReturn() {
    var policy =
        new LayoutPolicy(
            1, 1, 1, 1, 1, 1, 10, 2, 10, 10, 10, 4, 4, 2, 5, MB, MB, 4096, 100, 16, true);
    var tight = new Rig(policy, Long.MAX_VALUE);
    var file = tight.file().data(0, MB);
    var first = tight.get(file).granted();
    tight.get(file).by(first.stateid()).granted();

    assertThat(tight.get(file).by(first.stateid()).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    tight.get(file).client(2).granted();
    tight.giveBack(file, 1, first.stateid());
    tight.get(file).granted();
  }

  @Test
  void filesSealedAtATimeAreBounded() {
    var policy =
        new LayoutPolicy(
            1, 1, 1, 1, 1, 1, 10, 9, 10, 1, 9, 4, 4, 2, 5, MB, MB, 4096, 100, 16, true);
    var tight = new Rig(policy, Long.MAX_VALUE);
    var file = tight.file().data(0, MB);
    var other = tight.file().data(0, MB);
    var first = tight.get(file).granted();

    assertThat(tight.get(other).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    tight.giveBack(file, 1, first.stateid());
    tight.get(other).granted();
  }

  @Test
  void filesThatOneClientHasLayoutsOfAreBounded() {
    var policy =
        new LayoutPolicy(
            1, 1, 1, 1, 1, 1, 10, 9, 10, 9, 1, 4, 4, 2, 5, MB, MB, 4096, 100, 16, true);
    var tight = new Rig(policy, Long.MAX_VALUE);
    var file = tight.file().data(0, MB);
    var other = tight.file().data(0, MB);
    var first = tight.get(file).granted();
    tight.get(file).by(first.stateid()).granted();
    assertThat(tight.arbiter.holdings()).containsEntry(1L, new Holdings(2, 1, 0));

    assertThat(tight.get(other).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    var second = tight.get(other).client(2).granted();
    assertThat(tight.get(file).client(2).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    tight.giveBack(other, 2, second.stateid());
    tight.get(file).client(2).granted();
    tight.giveBack(file, 1, first.stateid());
    tight.get(other).granted();
  }

  @Test
  void longestGrantIsBounded() {
    var policy =
        new LayoutPolicy(
            1, 1, 1, 1, 1, 1, 10, 9, 10, 9, 9, 4, 4, 2, 5, MB, MB, 4096, 100, 16, true);
    var tight = new Rig(policy, Long.MAX_VALUE);
    var file = tight.file().data(0, 10 * MB);

    assertThat(tight.get(file).granted().length()).isEqualTo(MB);
    assertThat(tight.get(file).range(0, WHOLE).min(2 * MB).refused()).isEqualTo(NFS4ERR_BADLAYOUT);
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static <T> CompletableFuture<T>[] newArray() {
    return new CompletableFuture[1];
  }
}
