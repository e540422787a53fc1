package io.selkie.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.rdma.WorkStatus;
import org.junit.jupiter.api.Test;

/**
 * Goal: requests come out in the order of posting, each once, whatever the device says of parts.
 */
class SendRingTest {

  private final SendRing.Completion completion = new SendRing.Completion();

  /** With room for more than so many requests, of one part each; the first has work id 1. */
  private static SendRing ringWith(int requests) {
    SendRing ring = new SendRing(4, 8);
    for (int id = 1; id <= requests; id++) {
      ring.post(id, 1);
    }
    return ring;
  }

  private void assertReaped(SendRing ring, long workId, WorkStatus status) {
    assertThat(ring.reap(completion)).isTrue();
    assertThat(completion.workId).isEqualTo(workId);
    assertThat(completion.status).isEqualTo(status);
  }

  @Test
  void roomIsCountedUntilACompletionIsReaped() {
    SendRing ring = new SendRing(2, 10);
    assertThat(ring.post(70, 1)).isZero();
    assertThat(ring.post(71, 1)).isOne();
    assertThat(ring.post(72, 1)).isNegative();
    ring.finish(0, WorkStatus.SUCCESS);
    assertThat(ring.post(72, 1)).isNegative();
    assertReaped(ring, 70, WorkStatus.SUCCESS);
    assertThat(ring.post(72, 1)).isEqualTo(2);
    assertThat(ring.reap(completion)).isFalse();
  }

  @Test
  void workRequestsOfTheDeviceAreCountedToo() {
    SendRing ring = new SendRing(8, 5);
    assertThat(ring.post(1, 3)).isZero();
    assertThat(ring.post(2, 3)).isNegative();
    assertThat(ring.post(3, 2)).isOne();
    ring.finish(0, WorkStatus.SUCCESS);
    assertThat(ring.post(4, 3)).isEqualTo(2);
  }

  @Test
  void restOfARequestOfWhichAPartFailedSaysNothing() {
    SendRing ring = new SendRing(4, 8);
    ring.post(5, 2);
    ring.post(6, 1);
    assertThat(ring.finish(0, WorkStatus.REMOTE_ACCESS_ERROR)).isTrue();
    assertThat(ring.finish(0, WorkStatus.FLUSHED)).isFalse();
    assertThat(ring.finish(1, WorkStatus.FLUSHED)).isFalse();
    assertReaped(ring, 5, WorkStatus.REMOTE_ACCESS_ERROR);
    assertReaped(ring, 6, WorkStatus.FLUSHED);
  }

  @Test
  void endLeavesNothingUnderWay() {
    SendRing ring = ringWith(3);
    ring.finish(0, WorkStatus.SUCCESS);
    ring.finishAll(WorkStatus.CONNECTION_LOST);
    assertReaped(ring, 1, WorkStatus.SUCCESS);
    assertReaped(ring, 2, WorkStatus.CONNECTION_LOST);
    assertReaped(ring, 3, WorkStatus.FLUSHED);
    assertThat(ring.isReady()).isFalse();
  }

  @Test
  void requestThatTheDeviceDidNotTakeIsForgotten() {
    SendRing ring = new SendRing(1, 1);
    ring.unpost(ring.post(1, 1));
    assertThat(ring.post(2, 1)).isZero();
    ring.finish(0, WorkStatus.SUCCESS);
    assertThatThrownBy(() -> ring.unpost(0)).isInstanceOf(IllegalStateException.class);
    assertReaped(ring, 2, WorkStatus.SUCCESS);
  }

  @Test
  void doomedRequestEndsInItsTurnOnly() {
    SendRing ring = ringWith(2);
    assertThat(ring.finishIfNext(1, WorkStatus.LOCAL_PROTECTION_ERROR)).isFalse();
    ring.finish(0, WorkStatus.SUCCESS);
    assertThat(ring.finishIfNext(1, WorkStatus.LOCAL_PROTECTION_ERROR)).isTrue();
    assertThat(ring.finishIfNext(1, WorkStatus.LOCAL_PROTECTION_ERROR)).isFalse();
    assertReaped(ring, 1, WorkStatus.SUCCESS);
    assertReaped(ring, 2, WorkStatus.LOCAL_PROTECTION_ERROR);
  }

  @Test
  void requestThatIsOverBeforeItsTurnIsReapedInItsTurn() {
    SendRing ring = new SendRing(3, 3);
    ring.post(1, 1);
    ring.post(2, 1);
    ring.post(3, 1);
    assertThat(ring.finish(1, WorkStatus.SUCCESS)).isFalse();
    assertThat(ring.isReady()).isFalse();
    assertThat(ring.finish(1, WorkStatus.FLUSHED)).isFalse();
    ring.finish(0, WorkStatus.SUCCESS);
    assertReaped(ring, 1, WorkStatus.SUCCESS);
    assertReaped(ring, 2, WorkStatus.SUCCESS);
    assertThat(ring.reap(completion)).isFalse();
    // Its place is another's by now.
    assertThat(ring.post(5, 1)).isEqualTo(3);
    ring.finish(2, WorkStatus.SUCCESS);
    assertReaped(ring, 3, WorkStatus.SUCCESS);
    assertThat(ring.isReady()).isFalse();
    ring.finish(3, WorkStatus.SUCCESS);
    assertReaped(ring, 5, WorkStatus.SUCCESS);
  }

  @Test
  void endKeepsWhatWasOverBeforeItsTurn() {
    SendRing ring = ringWith(2);
    ring.finish(1, WorkStatus.SUCCESS);
    ring.finishAll(WorkStatus.CONNECTION_LOST);
    assertReaped(ring, 1, WorkStatus.CONNECTION_LOST);
    assertReaped(ring, 2, WorkStatus.SUCCESS);
  }

  @Test
  void firstFailureInTheOrderOfPostingSaysHow() {
    SendRing ring = ringWith(3);
    assertThat(ring.finish(1, WorkStatus.PROTOCOL_ERROR)).isTrue();
    assertThat(ring.finish(0, WorkStatus.CONNECTION_LOST)).isFalse();
    ring.finish(2, WorkStatus.CONNECTION_LOST);
    assertReaped(ring, 1, WorkStatus.CONNECTION_LOST);
    assertReaped(ring, 2, WorkStatus.FLUSHED);
    assertReaped(ring, 3, WorkStatus.FLUSHED);
  }

  @Test
  void completionOfWhatWasNeverPostedIsADefect() {
    SendRing ring = ringWith(1);
    assertThatThrownBy(() -> ring.finish(1, WorkStatus.SUCCESS))
        .isInstanceOf(IllegalStateException.class);
  }
}
