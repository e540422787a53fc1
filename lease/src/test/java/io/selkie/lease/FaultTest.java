package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.FakeKernel.FakeTarget;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FaultInjectingKernel.When;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.Kernel;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LeaseType;
import io.selkie.posix.LinuxKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Goal: whichever call into the kernel fails, sealing ends in a typed refusal or a seal that is
 * true, and no lease, mapping or reference stays behind.
 *
 * <p>Method: one scenario (seal, grant, extend, audit, flush, give back, release), run once for
 * each of its calls with that call failing; on the fake kernel for a DAX file with everything to
 * prepare, and on the real one.
 */
@Timeout(120)
class FaultTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;
  private static final Kernel KERNEL = new LinuxKernel();

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource({
    "EIO, INSTEAD",
    "EINTR, INSTEAD",
    "ENOSPC, INSTEAD",
    "EOPNOTSUPP, INSTEAD",
    "EAGAIN, INSTEAD",
    "EACCES, INSTEAD",
    "ENOMEM, INSTEAD",
    "EIO, AFTERWARDS",
    "EINTR, AFTERWARDS"
  })
  void anyCallOfTheFakeKernelMayFail(Errno errno, When when) {
    long calls = fakeScenario(0, errno, when);
    assertThat(calls).isGreaterThan(25);
    for (long n = 1; n <= calls; n++) {
      fakeScenario(n, errno, when);
    }
  }

  /** Runs the scenario with the n-th call failing; answers how many calls it made. */
  private static long fakeScenario(long n, Errno errno, When when) {
    var rig = new FakeRig();
    var kernel = new FaultInjectingKernel(rig.kernel, 64);
    LeaseRuntime runtime = rig.runtime(kernel, LeaseSettings.defaults(), FakeRig.DEADLINES);
    FakeFile file = rig.fake.file(16L * BLOCK).dax().allocate(2, 2, FiemapFlags.SHARED);
    FakeTarget target = file.target(true);
    if (n > 0) {
      kernel.failNth(n, errno, when);
    }

    scenario(runtime, target, new ByteRange(0, 8L * BLOCK), new ByteRange(8L * BLOCK, 8L * BLOCK));

    String fault = "call " + n + " of " + kernel.log();
    assertThat(kernel.injected()).as(fault).isEqualTo(n > 0 ? 1 : 0);
    assertThat(file.lease).as(fault).isEqualTo(LeaseType.NONE);
    assertThat(file.mappings).as(fault).isZero();
    assertThat(target.retained).as(fault).isZero();
    assertThat(runtime.keeper().size()).as(fault).isZero();
    assertThat(runtime.auditor().watched()).as(fault).isZero();
    return kernel.calls();
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource({"EIO, INSTEAD", "EINTR, AFTERWARDS"})
  void anyCallOfTheRealKernelMayFail(Errno errno, When when) throws Exception {
    Set<KernelCall> calls =
        EnumSet.complementOf(
            EnumSet.of(
                KernelCall.WAIT_FOR_SIGNAL, KernelCall.SIGNAL_THREAD, KernelCall.BLOCK_SIGNALS));
    if (when == When.AFTERWARDS) {
      // A second munmap, of what may be somebody else's memory by now, would take this JVM down; a
      // real kernel that says no has unmapped nothing.
      calls.remove(KernelCall.MUNMAP);
    }
    var kernel = new FaultInjectingKernel(KERNEL, 64);
    try (var rig = new RealRig(kernel)) {
      rig.runtime.auditor().close();
      Path file = rig.file("faulty.bin", 8192);
      int faults = 0;
      for (KernelCall call : calls) {
        long before = kernel.calls(call);
        realScenario(rig, file);
        long made = kernel.calls(call) - before;
        for (long n = 1; n <= made; n++) {
          faults++;
          kernel.failNth(call, n, errno, when);
          realScenario(rig, file);
          kernel.heal();
          assertNothingLeft(rig, file, call + " " + n);
        }
      }
      assertThat(faults).isGreaterThan(15);
    }
  }

  private static void realScenario(RealRig rig, Path file) throws IOException {
    Files.write(file, new byte[8192]);
    try (var target = new RealTarget(KERNEL, file, true)) {
      scenario(rig.runtime, target, new ByteRange(0, 4096), new ByteRange(4096, 1 << 16));
      assertThat(target.references()).isEqualTo(1);
    }
  }

  /** The real kernel is asked, past the faults: any lease or mapping left would be in use. */
  private static void assertNothingLeft(RealRig rig, Path file, String fault) throws IOException {
    assertThat(rig.runtime.keeper().size()).as(fault).isZero();
    try (Stream<String> mappings = Files.lines(Path.of("/proc/self/maps"))) {
      assertThat(mappings.filter(line -> line.contains(file.toString()))).as(fault).isEmpty();
    }
    try (var target = new RealTarget(KERNEL, file, true)) {
      assertThat(KERNEL.setLease(target.fd(), LeaseType.WRITE)).as(fault).isZero();
    }
  }

  private static void scenario(
      LeaseRuntime runtime, SealTarget target, ByteRange first, ByteRange second) {
    Sealer sealer = runtime.sealer();
    SealOutcome outcome = sealer.seal(target, Purpose.READ_WRITE, first, (_, _, _, _) -> {});
    if (!(outcome instanceof Sealed(Seal seal, BlockMap map))) {
      assertTyped(outcome);
      return;
    }
    assertThat(map.holes()).isEmpty();
    assertThat(seal.addHandle(map)).isTrue();
    if (sealer.extend(seal, Purpose.READ_WRITE, second) instanceof Sealed more) {
      assertThat(more.map().holes()).isEmpty();
      if (seal.addHandle(more.map())) {
        seal.removeHandle(more.map());
      }
    }
    AuditOutcome audit = runtime.auditor().auditNow(seal);
    assertThat(audit).isNotInstanceOf(AuditOutcome.Different.class);
    assertThat(seal.flush(first)).isLessThanOrEqualTo(0);
    seal.removeHandle(map);
    seal.release();
    assertThat(seal.state().isEnd()).isTrue();
  }

  private static void assertTyped(SealOutcome outcome) {
    assertThat(outcome)
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().message()).isNotBlank());
  }

  @Test
  void aLeaseThatIsNotGivenBackAtOnceIsAskedForAgain() {
    var rig = new FakeRig();
    var kernel = new FaultInjectingKernel(rig.kernel);
    LeaseRuntime runtime = rig.runtime(kernel, LeaseSettings.defaults(), FakeRig.DEADLINES);
    FakeFile file = rig.written(1);
    var sealed =
        (Sealed)
            runtime
                .sealer()
                .seal(file.target(true), Purpose.READ, new ByteRange(0, 1), (_, _, _, _) -> {});
    for (int n = 1; n <= 3; n++) {
      kernel.failNth(KernelCall.SET_LEASE, n, Errno.EIO, When.INSTEAD);
    }

    sealed.seal().release();

    assertThat(file.lease).isEqualTo(LeaseType.NONE);
  }
}
