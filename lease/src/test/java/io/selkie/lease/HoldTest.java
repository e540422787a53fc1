package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.FakeKernel.FakeTarget;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.LeaseOutcome;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.LeaseType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Leases without handles: what they cost, what breaks them, and that they grow into seals. */
@Timeout(120)
class HoldTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;

  private static Seal held(LeaseOutcome outcome) {
    return switch (outcome) {
      case LeaseOutcome.Leased leased -> leased.seal();
      case LeaseOutcome.Refused refused -> throw new AssertionError(refused.refusal().toString());
    };
  }

  @Test
  void leaseAloneCostsFourCallsAndMapsNothing() {
    FakeRig rig = new FakeRig();
    FakeFile file = rig.written(8);
    FakeTarget target = file.target(true);
    rig.fake.calls.clear();

    Seal seal = held(rig.runtime.sealer().hold(target, (_, _, _, _) -> {}));

    assertThat(rig.fake.calls)
        .startsWith("statx", "setLeaseSignal", "setLeaseOwnerThread", "setLease")
        .doesNotContain("fiemap", "mmap");
    assertThat(file.lease).isEqualTo(LeaseType.WRITE);
    assertThat(rig.runtime.auditor().watched()).isZero();
    seal.release();
    assertThat(file.lease).isEqualTo(LeaseType.NONE);
    assertThat(target.retained).isZero();
  }

  @Test
  void leaseGrowsIntoASealWithMappingMapAndAudit() {
    FakeRig rig = new FakeRig();
    FakeFile file = rig.written(8);
    FakeTarget target = file.target(true);
    Seal seal = held(rig.runtime.sealer().hold(target, (_, _, _, _) -> {}));

    SealOutcome outcome =
        rig.runtime.sealer().extend(seal, Purpose.READ_WRITE, new ByteRange(0, 4L * BLOCK));

    assertThat(outcome).isInstanceOf(SealOutcome.Sealed.class);
    BlockMap map = ((SealOutcome.Sealed) outcome).map();
    assertThat(map.range()).isEqualTo(new ByteRange(0, 4L * BLOCK));
    assertThat(seal.mapping().byteSize()).isEqualTo(8L * BLOCK);
    assertThat(seal.addHandle(map)).isTrue();
    assertThat(rig.runtime.auditor().watched()).isEqualTo(1);
    seal.removeHandle(map);
    seal.release();
    assertThat(file.mappings).isZero();
    assertThat(rig.runtime.auditor().watched()).isZero();
  }

  @ParameterizedTest(name = "writable: {0}, {1}")
  @CsvSource({
    "true, cat held.bin > /dev/null",
    "true, exec 3>> held.bin",
    "false, exec 3>> held.bin",
    "false, : > held.bin"
  })
  void processOnTheServerBreaksIt(boolean writable, String command) throws Exception {
    try (RealRig rig = new RealRig()) {
      Path file = rig.file("held.bin", 1000);
      Seal seal = held(rig.runtime.sealer().hold(rig.open(file, writable), rig));
      assertThat(seal.mode()).isEqualTo(writable ? SealMode.EXCLUSIVE : SealMode.SHARED);

      Process breaker = rig.start("sh", "-c", command);

      RealRig.Break told = rig.nextBreak();
      assertThat(told.seal()).isSameAs(seal);
      assertThat(told.cause()).isEqualTo(BreakCause.KERNEL_LEASE_BREAK);
      assertThat(breaker.isAlive()).isTrue();
      seal.release();
      assertThat(breaker.waitFor(RealRig.WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(rig.runtime.keeper().size()).isZero();
    }
  }

  @Test
  void localReaderDoesNotNoticeASharedOne() throws Exception {
    try (RealRig rig = new RealRig()) {
      Path file = rig.file("held.bin", 1000);
      Seal seal = held(rig.runtime.sealer().hold(rig.open(file, false), rig));
      assertThat(rig.run("sh", "-c", "cat held.bin > /dev/null")).isZero();
      assertThat(seal.state()).isEqualTo(SealState.HELD);
      seal.release();
      assertThat(rig.breaks).isEmpty();
    }
  }

  @ParameterizedTest(name = "writable: {0}, {1}")
  @CsvSource({"true, 3< held.bin", "true, 3>> held.bin", "false, 3>> held.bin"})
  void fileThatAnotherProcessHasOpenIsRefused(boolean writable, String redirection)
      throws Exception {
    try (RealRig rig = new RealRig()) {
      Path file = rig.file("held.bin", 1000);
      Process other = rig.start("sh", "-c", "exec " + redirection + "; echo open; exec sleep 60");
      assertThat(other.inputReader().readLine()).isEqualTo("open");

      LeaseOutcome outcome = rig.runtime.sealer().hold(rig.open(file, writable), rig);

      assertThat(outcome).isInstanceOf(LeaseOutcome.Refused.class);
      assertThat(((LeaseOutcome.Refused) outcome).refusal().reason()).isEqualTo(Reason.IN_USE);
      assertThat(rig.runtime.keeper().size()).isZero();
    }
  }

  @Test
  void breakInTheMiddleRefusesAndLeavesNothing() {
    FakeRig rig = new FakeRig();
    FakeFile file = rig.written(1);
    FakeTarget target = file.target(true);
    List<BreakCause> told = new ArrayList<>();
    rig.fake.afterSetLease = () -> file.breakLease(LeaseType.NONE);

    LeaseOutcome outcome = rig.runtime.sealer().hold(target, (_, cause, _, _) -> told.add(cause));

    assertThat(outcome).isInstanceOf(LeaseOutcome.Refused.class);
    assertThat(((LeaseOutcome.Refused) outcome).refusal().reason()).isEqualTo(Reason.BREAKING);
    assertThat(told).isEmpty();
    assertThat(file.lease).isEqualTo(LeaseType.NONE);
    assertThat(target.retained).isZero();
  }
}
