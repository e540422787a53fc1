package io.selkie.server.keeper;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.Seal;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What a server does for a file with a block layout for writing, on a file system whose device no
 * client is told of: seals it, has a {@link KeeperProcess} keep it, and waits: to be killed, or for
 * a line, then it gives the seal up and ends.
 */
final class KeptLeaseProcess {

  private KeptLeaseProcess() {}

  public static void main(String[] arguments) throws Exception {
    Path file = Path.of(arguments[0]);
    Duration hold = Duration.ofMillis(Long.parseLong(arguments[1]));
    var process =
        KeeperProcess.start(
            KeptFile.KERNEL, file.toAbsolutePath().getParent(), 16, Duration.ofMinutes(2));
    var keeper =
        new NotifyKeeper(
            process.socket(),
            hold,
            ProcessHandle.current().pid(),
            16,
            () -> 0,
            e -> System.out.println("trouble " + e.reason()));
    process.onEnd(keeper);
    Timers timers = (_, _) -> () -> false;
    LeaseRuntime leases =
        LeaseRuntime.start(
            new LeaseRuntime.Parts(
                KeptFile.KERNEL,
                NanoClock.system(),
                timers,
                Runnable::run,
                new LeaseDeadlines(0, 1, 1, 1),
                LeaseSettings.defaults(),
                LeaseEvents.NONE));
    leases.descriptors(keeper);
    Seal seal = sealed(leases, file);
    System.out.println(seal.keep() ? "kept " + process.pid() : "not kept");
    System.in.read();
    seal.release();
    keeper.close();
    System.exit(0);
  }

  private static Seal sealed(LeaseRuntime leases, Path file) {
    var target = new KeptFile(file, identity(file));
    var outcome =
        leases
            .sealer()
            .seal(target, Purpose.READ_WRITE, new ByteRange(0, 4096), (_, _, _, _) -> {});
    if (outcome instanceof SealOutcome.Sealed sealed) {
      return sealed.seal();
    }
    throw new AssertionError(outcome.toString());
  }

  private static FileIdentity identity(Path file) {
    var status = new FileStatus();
    KeptFile.KERNEL.statx(
        Kernel.AT_FDCWD, file.toString().getBytes(UTF_8), 0, FileStatus.MASK_BASIC, status);
    return new FileIdentity(status.device(), status.inode(), 0);
  }
}
