package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.Sealer.LeaseOutcome;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.posix.LeaseType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Goal: a seal is kept for after a kill when that is asked for, and until it is given up. */
class KeptSealTest {

  private final FakeRig rig = new FakeRig();
  private final Recorder keeper = new Recorder();
  private final FakeFile file = rig.written(4);

  KeptSealTest() {
    rig.runtime.descriptors(keeper);
  }

  private final class Recorder implements DescriptorKeeper {
    final List<String> calls = new ArrayList<>();
    boolean willing = true;
    boolean leaving;

    @Override
    public boolean keep(SealTarget target) {
      calls.add("keep, lease " + rig.kernel.getLease(target.fd()));
      return willing;
    }

    @Override
    public void letGo(SealTarget target) {
      calls.add("let go, lease " + rig.kernel.getLease(target.fd()));
    }

    @Override
    public boolean isLeaving(SealTarget target) {
      return leaving;
    }
  }

  private Seal sealed() {
    return rig.sealed(file.target(true), Purpose.READ_WRITE, 0, FakeKernel.BLOCK_BYTES).seal();
  }

  @Test
  void sealThatNobodyAskedForIsNotKept() {
    sealed().release();
    assertThat(keeper.calls).isEmpty();
  }

  @Test
  void keptOnceAndLetGoAfterTheLease() {
    Seal seal = sealed();
    assertThat(seal.keep()).isTrue();
    assertThat(seal.keep()).isTrue();
    seal.release();
    assertThat(keeper.calls)
        .containsExactly("keep, lease " + held(), "let go, lease " + LeaseType.NONE.number());
    assertThat(seal.keep()).as("of what was given up").isFalse();
  }

  private int held() {
    return LeaseType.WRITE.number();
  }

  @Test
  void whatIsRefusedIsAskedAgainAndNotLetGo() {
    Seal seal = sealed();
    keeper.willing = false;
    assertThat(seal.keep()).isFalse();
    assertThat(seal.keep()).isFalse();
    seal.release();
    assertThat(keeper.calls).hasSize(2).allMatch(call -> call.startsWith("keep"));
  }

  @Test
  void fileWhoseOldCopyIsJustLeavingIsSealedLater() {
    keeper.leaving = true;
    assertThat(
            rig.refused(file.target(true), Purpose.READ_WRITE, 0, FakeKernel.BLOCK_BYTES).reason())
        .isEqualTo(Reason.BREAKING);
    assertThat(rig.runtime.sealer().hold(file.target(true), rig.recorder))
        .isInstanceOf(LeaseOutcome.Refused.class);
    keeper.leaving = false;
    sealed().release();
  }
}
