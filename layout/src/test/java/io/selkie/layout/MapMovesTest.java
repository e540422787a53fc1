package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutArbiter.LayoutGetResult.Granted;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: whatever may change a sealed file's block map through the server tells the seal so when it
 * begins and when it is over, and a map that is read meanwhile does not count (S2).
 */
class MapMovesTest {

  private final Rig rig = Rig.withBlocks(100 * Rig.SECOND);
  private final FakeSealer.File file = rig.file().data(0, MB).size(2 * MB);

  private int forgotten() {
    return rig.sealer.held.get(file).forgotten;
  }

  private Granted low() {
    return rig.get(file).range(0, MB).granted();
  }

  @ParameterizedTest
  @EnumSource(
      value = FileChange.class,
      names = {"SHRINK", "PUNCH", "REMAP", "SHARE", "WRITE"})
  void aChangeTellsTheSealWhenItBeginsAndWhenItIsOver(FileChange change) {
    low();
    assertThat(forgotten()).isZero();
    ChangePermit.Granted permit = rig.permitted(file, change, MB, MB, 2);
    assertThat(forgotten()).isEqualTo(1);
    permit.close();
    assertThat(forgotten()).isEqualTo(2);
  }

  @ParameterizedTest
  @EnumSource(
      value = FileChange.class,
      names = {"READ", "READ_STORED", "OPEN_READ", "OPEN_WRITE", "METADATA"})
  void whatChangesNoBlocksTellsItNothing(FileChange change) {
    low();
    rig.permitted(file, change, MB, MB, 2).close();
    assertThat(forgotten()).isZero();
  }

  @Test
  void aMapThatIsReadWhileAWriteBeginsAndEndsDoesNotCount() {
    low();
    rig.sealer.meanwhile = () -> rig.permitted(file, FileChange.WRITE, MB, KB4, 2).close();
    rig.get(file).client(3).range(0, MB).granted();
    assertThat(forgotten()).as("twice by the write, and when the grant was done").isEqualTo(3);
  }

  @Test
  void aMapThatIsReadInTheMiddleOfAWriteDoesNotCount() {
    low();
    ChangePermit.Granted permit = rig.permitted(file, FileChange.WRITE, MB, KB4, 2);
    int before = forgotten();
    rig.get(file).client(3).range(0, MB).granted();
    assertThat(forgotten()).isEqualTo(before + 1);
    permit.close();
    rig.get(file).client(4).range(0, MB).granted();
    assertThat(forgotten()).as("only by the end of the write").isEqualTo(before + 2);
  }

  @Test
  void aMapThatTheSealWasMadeWithInTheMiddleOfAWriteDoesNotCount() {
    ChangePermit.Granted permit = rig.permitted(file, FileChange.WRITE, MB, KB4, 2);
    low();
    assertThat(forgotten()).isEqualTo(1);
    permit.close();
  }

  @Test
  void aCommitOfBlocksTellsTheSealWhenItBeginsAndWhenItIsOver() {
    file.exact = true;
    Granted granted = rig.get(file).blocks().rw().range(0, MB).granted();
    int before = forgotten();
    rig.duringCommit = () -> assertThat(forgotten()).isEqualTo(before + 1);
    rig.commitBlocks(file, 1, granted.stateid());
    assertThat(forgotten()).isEqualTo(before + 2);
    rig.giveBackBlocks(file, 1, granted.stateid());
  }
}
