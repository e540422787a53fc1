package io.selkie.client.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.direct.GrantedExtent;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Goal: nothing is believed that an own change through the server may have made untrue. */
class HeldExtentsTest {
  private final HeldExtents held = new HeldExtents();

  private static GrantedExtent hole(long start, long end) {
    return new GrantedExtent(start, end, RdmaExtentState4.PNFS_RDMA_NONE_DATA, 0, 0, null);
  }

  private void grantHoles(GrantedExtent... holes) {
    held.add(new GrantedLayout.Extents(List.of(holes), List.of()));
  }

  private boolean covers(long position, long length) {
    return held.view().covers(false, position, length);
  }

  @Test
  void aWriteTakesTheHolesItTouchesAndNoOthers() {
    grantHoles(hole(0, 100), hole(100, 200), hole(200, 300));
    held.changedThroughServer(150, 200, true);
    assertThat(covers(0, 100)).isTrue();
    assertThat(covers(100, 1)).isFalse();
    assertThat(covers(200, 100)).isTrue();
  }

  @Test
  void aGrantThatCrossedAWriteBringsNoHoleOfItsRange() {
    held.expectGrant(false);
    held.changedThroughServer(150, 160, true);
    grantHoles(hole(0, 100), hole(100, 200));
    assertThat(covers(0, 100)).isTrue();
    assertThat(covers(150, 1)).isFalse();
    assertThat(held.isChangedSinceExpected()).isTrue();
    held.expectGrant(false);
    assertThat(held.isChangedSinceExpected()).isFalse();
    grantHoles(hole(100, 200));
    assertThat(covers(150, 1)).isTrue();
  }

  @Test
  void noHoleIsBelievedOnceAWriteMayStillCome() {
    held.changedThroughServer(0, 10, false);
    held.expectGrant(false);
    grantHoles(hole(0, 100), hole(100, 200));
    assertThat(covers(0, 1)).isFalse();
    assertThat(covers(100, 1)).isFalse();
  }

  @Test
  void askingToWriteForgetsHolesWhateverTheAnswer() {
    grantHoles(hole(0, 100));
    held.expectGrant(true);
    assertThat(covers(0, 1)).isFalse();
  }

  @Test
  void aNewSizeTakesTheHolesBehindItAndTheSize() {
    held.learnSize(300, held.sizeMark());
    grantHoles(hole(0, 100), hole(100, 300));
    held.changedSize(100);
    assertThat(covers(0, 100)).isTrue();
    assertThat(covers(100, 1)).isFalse();
    assertThat(held.knownSizeBytes()).isNegative();
  }

  @Test
  void aSizeAskedForBeforeAChangeIsNotBelieved() {
    long mark = held.sizeMark();
    held.changedSize(100);
    held.learnSize(300, mark);
    assertThat(held.knownSizeBytes()).isNegative();
    held.learnSize(100, held.sizeMark());
    assertThat(held.knownSizeBytes()).isEqualTo(100);
  }

  @Test
  void aReturnDoesNotBringBackWhatWasForgotten() {
    grantHoles(hole(0, 100), hole(100, 200), hole(200, 300));
    held.changedThroughServer(100, 101, true);
    held.narrow(200, 300);
    assertThat(covers(0, 100)).isTrue();
    assertThat(covers(100, 1)).isFalse();
    assertThat(covers(200, 1)).isFalse();
    assertThat(held.mayHold(100, 200)).isTrue();
    held.clear();
    assertThat(held.mayHold(0, Long.MAX_VALUE)).isFalse();
  }
}
