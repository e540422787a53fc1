package io.selkie.layout;

import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.layout.Rig.WHOLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Goal: block layouts are recalled by the rules of docs/PROTOCOL.md, and waited for when lost. */
class BlockRecallTest {

  private static final long EXPIRY = 2 * SECOND;
  private static final long RECALL = Rig.POLICY.recallTimeoutNanos();

  private final Rig rig = Rig.withBlocks(EXPIRY);

  private FakeSealer.File file() {
    FakeSealer.File file = rig.file().data(0, MB);
    file.exact = true;
    return file;
  }

  @Test
  void whoGivesBackIsWaitedForNoLonger() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted granted = rig.get(file).blocks().rw().granted();
    rig.breakLease(file);
    assertThat(rig.isSealed(file)).isTrue();

    assertThat(rig.giveBackBlocks(file, 1, granted.stateid()).status()).isEqualTo(NFS4_OK);

    assertThat(rig.isSealed(file)).isFalse();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void whoDoesNotKeepsTheSealForALeaseAndAnAccessMore() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted granted = rig.get(file).blocks().rw().granted();
    rig.breakLease(file);
    rig.time.advance(RECALL);
    rig.work();

    assertThat(rig.arbiter.testStateid(1, granted.stateid())).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.isSealed(file)).as("it may still write").isTrue();

    rig.time.advance(EXPIRY - 1);
    rig.work();
    assertThat(rig.isSealed(file)).as("a nanosecond before it must have stopped").isTrue();
    rig.time.advance(1);
    rig.work();
    assertThat(rig.isSealed(file)).isFalse();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void aWriteOfAnotherClientTakesTheFileBackWhereverItIs() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted granted =
        rig.get(file).blocks().rw().range(0, MB / 2).granted();

    rig.permitted(file, FileChange.WRITE, 0, 100, 1).close();
    assertThat(rig.sent).as("its own write").isEmpty();
    rig.delayed(file, FileChange.WRITE, MB / 2, 100, 2);
    assertThat(rig.sent).hasSize(1);
    rig.giveBackBlocks(file, 1, granted.stateid());

    rig.permitted(file, FileChange.WRITE, MB / 2, 100, 2).close();
  }

  @Test
  void oneBlockWriterAtATimeAndManyReaders() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted first = rig.get(file).blocks().rw().granted();
    rig.get(file).blocks().client(2).granted();
    assertThat(rig.sent).as("readers are in nobody's way").isEmpty();

    assertThat(rig.get(file).blocks().rw().client(3).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    assertThat(rig.sent).extracting(sent -> sent.recall().clientId()).containsExactly(1L);
    rig.giveBackBlocks(file, 1, first.stateid());

    rig.get(file).blocks().rw().client(3).granted();
  }

  @Test
  void anRdmaWriterTakesTheBlockWritersLayoutAndSharesTheSealWithReaders() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted block = rig.get(file).blocks().rw().granted();
    rig.get(file).client(2).granted();

    assertThat(rig.get(file).rw().client(2).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    rig.giveBackBlocks(file, 1, block.stateid());
    rig.get(file).rw().client(2).granted();

    assertThat(rig.sealer.held).hasSize(1);
  }

  @Test
  void aHoleGrantedToABlockReaderIsRecalledFromItsOwnWriterToo() {
    FakeSealer.File file = rig.file().data(0, MB / 2).size(MB);
    file.exact = true;
    rig.get(file).blocks().granted();

    rig.delayed(file, FileChange.WRITE, MB / 2, 100, 1);
    assertThat(rig.sent).hasSize(1);
  }

  @Test
  void aFileBehindThePageCacheHasNone() {
    FakeSealer.File file = rig.file().data(0, MB);

    assertThat(rig.get(file).blocks().range(0, WHOLE).refused())
        .isEqualTo(NFS4ERR_LAYOUTUNAVAILABLE);
    rig.get(file).granted();
  }
}
