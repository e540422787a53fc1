package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.layout.Rig.WHOLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_IO;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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

  /** Where the page cache stands before the device, it knows nothing of what clients write. */
  @Test
  void aReadPastTheDeviceTakesTheFileBackFromWhoeverWritesIt() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted granted =
        rig.get(file).blocks().rw().range(0, MB / 2).granted();

    rig.delayed(file, FileChange.READ_STORED, MB / 2, 100, 1);
    assertThat(rig.sent).as("its own client's, too").hasSize(1);
    rig.giveBackBlocks(file, 1, granted.stateid());
    assertThat(rig.get(file).blocks().rw().refused())
        .as("until it has come back")
        .isEqualTo(NFS4ERR_LAYOUTTRYLATER);

    var permit = rig.permitted(file, FileChange.READ_STORED, 0, 100, 1);
    rig.get(file).blocks().granted();
    assertThat(rig.get(file).blocks().rw().send()).as("while it reads").isNotDone();
    permit.close();
    rig.work();
    assertThat(rig.arbiter.layoutCount()).isEqualTo(2);
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

  /** A file that ends in the middle of its second block. */
  private FakeSealer.File oddFile() {
    FakeSealer.File file = rig.file().data(0, KB4 + 512);
    file.exact = true;
    return file;
  }

  @ParameterizedTest
  @EnumSource(names = {"SHRINK", "REMAP"})
  void aNewEndTakesBackTheBlockWithTheOldOne(FileChange change) {
    for (long by = 1; by <= 2; by++) {
      FakeSealer.File file = oddFile();
      LayoutArbiter.LayoutGetResult.Granted granted = rig.get(file).blocks().rw().granted();
      rig.sent.clear();

      rig.delayed(file, change, MB, MB, by);
      assertThat(rig.sent).as("client %s", by).hasSize(1);
      assertThat(rig.get(file).blocks().rw().client(3).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
      rig.giveBackBlocks(file, 1, granted.stateid());
      assertThat(rig.get(file).blocks().rw().client(3).refused())
          .as("kept free for the retry")
          .isEqualTo(NFS4ERR_LAYOUTTRYLATER);

      rig.permitted(file, change, MB, MB, by).close();
      rig.get(file).blocks().rw().client(3).granted();
    }
  }

  @Test
  void aHoldersOwnWritePastTheEndTakesBackTheBlockWithTheEnd() {
    FakeSealer.File file = oddFile();
    LayoutArbiter.LayoutGetResult.Granted granted = rig.get(file).blocks().rw().granted();
    rig.permitted(file, FileChange.WRITE, 0, KB4, 1).close();
    rig.permitted(file, FileChange.WRITE, KB4, 2 * KB4, 1).close();
    assertThat(rig.sent).as("what it writes itself there").isEmpty();

    rig.delayed(file, FileChange.WRITE, 2 * KB4, KB4, 1);
    assertThat(rig.sent).hasSize(1);
    rig.giveBackBlocks(file, 1, granted.stateid());

    rig.permitted(file, FileChange.WRITE, 2 * KB4, KB4, 1).close();
  }

  @Test
  void aNewEndLeavesLayoutsOfMemoryBeforeItAlone() {
    FakeSealer.File file = oddFile();
    rig.get(file).rw().granted();

    rig.permitted(file, FileChange.SHRINK, MB, MB, 2).close();
    rig.permitted(file, FileChange.WRITE, 2 * KB4, KB4, 2).close();
    assertThat(rig.sent).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"SHRINK", "REMAP", "WRITE"})
  void aBlockWriterIsLetInAfterWhatMayMoveTheEnd(FileChange change) {
    FakeSealer.File file = oddFile();
    ChangePermit.Granted permit = rig.permitted(file, change, MB, MB, 2);

    CompletableFuture<LayoutArbiter.LayoutGetResult> get =
        rig.get(file).blocks().rw().range(0, 2 * KB4).send();
    rig.work();
    assertThat(get).isNotCompleted();
    permit.close();
    rig.work();

    assertThat(get).isCompleted();
    assertThat(get.join()).isInstanceOf(LayoutArbiter.LayoutGetResult.Granted.class);
  }

  @Test
  void noBlockWriterIsLetInBesideAWriteThatCameMeanwhile() {
    FakeSealer.File file = oddFile();
    List<ChangePermit.Granted> permits = new ArrayList<>();
    rig.sealer.meanwhile =
        () -> permits.add(rig.permitted(file, FileChange.WRITE, 2 * KB4, KB4, 2));

    assertThat(rig.get(file).blocks().rw().refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    assertThat(permits).hasSize(1);
    permits.getFirst().close();

    rig.work();
    rig.get(file).blocks().rw().granted();
  }

  @Test
  void aBlockWriterTakesTheLayoutsOfAllOtherWritersFirst() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted memory =
        rig.get(file).rw().client(2).range(MB / 2, MB / 2).granted();
    rig.get(file).client(3).range(MB / 2, MB / 2).granted();

    assertThat(rig.get(file).blocks().rw().range(0, KB4).refused())
        .isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    assertThat(rig.sent).extracting(sent -> sent.recall().clientId()).containsExactly(2L);
    rig.giveBack(file, 2, memory.stateid());

    rig.get(file).blocks().rw().range(0, KB4).granted();
  }

  @Test
  void whatChangesBlocksOrSizeWaitsForACommitAndACommitForIt() {
    FakeSealer.File file = file();
    LayoutArbiter.LayoutGetResult.Granted granted =
        rig.get(file).blocks().rw().range(0, MB / 2).granted();
    List<ChangePermit> answers = new ArrayList<>();
    rig.duringCommit =
        () -> {
          for (FileChange change :
              List.of(FileChange.SHRINK, FileChange.PUNCH, FileChange.REMAP, FileChange.SHARE)) {
            answers.add(rig.change(file, change, 3 * MB / 4, KB4, 2));
          }
        };
    assertThat(rig.commitBlocks(file, 1, granted.stateid()).status()).isEqualTo(NFS4ERR_IO);
    assertThat(answers).hasSize(4).allMatch(answer -> answer instanceof ChangePermit.Delay);
    assertThat(rig.sent).as("a commit does not take long").isEmpty();

    rig.duringCommit = () -> {};
    try (ChangePermit.Granted _ = rig.permitted(file, FileChange.PUNCH, 3 * MB / 4, KB4, 2)) {
      assertThat(rig.commitBlocks(file, 1, granted.stateid()).status()).isEqualTo(NFS4ERR_DELAY);
    }
    assertThat(rig.commitBlocks(file, 1, granted.stateid()).status()).isEqualTo(NFS4ERR_IO);
  }

  @Test
  void nothingIsPreparedForAFileThatHasNone() {
    FakeSealer.File file = rig.file().data(0, MB);

    assertThat(rig.get(file).blocks().rw().refused()).isEqualTo(NFS4ERR_LAYOUTUNAVAILABLE);

    assertThat(rig.sealer.calls).isEmpty();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void aFileBehindThePageCacheHasNone() {
    FakeSealer.File file = rig.file().data(0, MB);

    assertThat(rig.get(file).blocks().range(0, WHOLE).refused())
        .isEqualTo(NFS4ERR_LAYOUTUNAVAILABLE);
    rig.get(file).granted();
  }
}
