package io.selkie.lease;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealListener;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.Kernel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.LoggerFactory;

/** The whole module on a fake kernel and fake time, on one thread. */
final class FakeRig {
  static final long KIB = 1024;
  static final LeaseDeadlines DEADLINES =
      new LeaseDeadlines(
          TimeUnit.SECONDS.toNanos(45),
          TimeUnit.SECONDS.toNanos(20),
          TimeUnit.SECONDS.toNanos(5),
          TimeUnit.SECONDS.toNanos(2));

  final FakeKernel fake = new FakeKernel();
  final FakeTime time = new FakeTime();
  final Recorder recorder = new Recorder();
  final Kernel kernel;
  final LeaseRuntime runtime;

  /** What listeners and events heard. */
  static final class Recorder implements LeaseEvents, SealListener {
    record Break(Seal seal, BreakCause cause, long seenAtNanos, long deadlineNanos) {}

    final List<Break> breaks = new ArrayList<>();
    final List<String> edges = new ArrayList<>();
    final List<Sealer.Refusal> refusals = new ArrayList<>();
    final List<SignalAnomaly> anomalies = new ArrayList<>();
    final List<RuntimeException> failures = new ArrayList<>();
    final List<Integer> lost = new ArrayList<>();
    RuntimeException toThrow;

    @Override
    public void onBreak(Seal seal, BreakCause cause, long seenAtNanos, long deadlineNanos) {
      breaks.add(new Break(seal, cause, seenAtNanos, deadlineNanos));
      if (toThrow != null) {
        throw toThrow;
      }
    }

    @Override
    public void onTransition(SealTarget file, SealState from, SealState to, long atNanos) {
      edges.add(from + ">" + to);
    }

    @Override
    public void onRefused(SealTarget file, Sealer.Refusal refusal, long atNanos) {
      refusals.add(refusal);
    }

    @Override
    public void onSignalAnomaly(SignalAnomaly anomaly, int fd, long atNanos) {
      anomalies.add(anomaly);
    }

    @Override
    public void onListenerFailure(SealTarget file, RuntimeException failure, long atNanos) {
      failures.add(failure);
    }

    @Override
    public void onLost(SealTarget file, int liveHandles, long atNanos) {
      lost.add(liveHandles);
    }
  }

  private record FixedSignals(int signal, int ownerThread) implements LeaseSignals {}

  FakeRig() {
    this(LeaseSettings.defaults(), DEADLINES);
  }

  FakeRig(LeaseSettings settings, LeaseDeadlines deadlines) {
    // What goes wrong here goes wrong on purpose, and is looked for in events and outcomes.
    ((Logger) LoggerFactory.getLogger("io.selkie.lease")).setLevel(Level.OFF);
    kernel = fake.kernel();
    runtime = runtime(kernel, settings, deadlines);
  }

  /** The module again, on another kernel before the same files. */
  LeaseRuntime runtime(Kernel before, LeaseSettings settings, LeaseDeadlines deadlines) {
    return LeaseRuntime.simulated(
        new LeaseRuntime.Parts(before, time, time, Runnable::run, deadlines, settings, recorder),
        new FixedSignals(40, 4711),
        this::convert);
  }

  private int convert(Kernel any, int fd, ByteRange range) {
    return fake.files.get(fd).convert(range);
  }

  /** A file of whole, written blocks. */
  FakeFile written(int blocks) {
    return fake.file((long) blocks * FakeKernel.BLOCK_BYTES).allocate(0, blocks, 0);
  }

  SealOutcome seal(SealTarget target, Purpose purpose, long offset, long length) {
    return runtime.sealer().seal(target, purpose, new ByteRange(offset, length), recorder);
  }

  SealOutcome.Sealed sealed(SealTarget target, Purpose purpose, long offset, long length) {
    return (SealOutcome.Sealed) seal(target, purpose, offset, length);
  }

  Sealer.Refusal refused(SealTarget target, Purpose purpose, long offset, long length) {
    return ((SealOutcome.Refused) seal(target, purpose, offset, length)).refusal();
  }
}
