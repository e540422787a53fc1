package io.selkie.lease;

import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealListener;
import io.selkie.lease.Sealer.SealOutcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Seals files and lets the signal thread hang in the first break until a line of input comes, so
 * that the queue of signals overflows when it is short.
 */
final class OverflowProcess {
  static final int FILES = 40;

  private OverflowProcess() {}

  public static void main(String[] arguments) throws Exception {
    var rig = new RealRig();
    RealRig.deleteAll(rig.directory);
    var goOn = new CountDownLatch(1);
    var breaks = new Semaphore(0);
    var listener = new Hanging(goOn, breaks);
    for (int i = 0; i < FILES; i++) {
      Path file = Path.of(arguments[0], "over" + i);
      Files.write(file, new byte[10]);
      SealOutcome outcome =
          rig.runtime
              .sealer()
              .seal(rig.open(file, true), Purpose.READ, new ByteRange(0, 10), listener);
      if (!(outcome instanceof SealOutcome.Sealed)) {
        throw new AssertionError(outcome.toString());
      }
    }
    System.out.println("sealed");
    if (System.in.read() < 0) {
      return;
    }
    goOn.countDown();
    boolean all = breaks.tryAcquire(FILES, RealRig.WAIT_SECONDS, TimeUnit.SECONDS);
    boolean overflow = rig.anomalies.contains(LeaseEvents.SignalAnomaly.QUEUE_OVERFLOW);
    System.out.println(
        (overflow ? "overflow seen, " : "no overflow, ")
            + (all ? FILES : breaks.availablePermits())
            + " breaks");
    System.exit(0);
  }

  private record Hanging(CountDownLatch goOn, Semaphore breaks) implements SealListener {
    @Override
    public void onBreak(Seal seal, BreakCause cause, long seenAtNanos, long deadlineNanos) {
      try {
        if (!goOn.await(RealRig.WAIT_SECONDS, TimeUnit.SECONDS)) {
          return;
        }
      } catch (InterruptedException _) {
        return;
      }
      breaks.release();
    }
  }
}
