package io.selkie.server.seal;

import io.selkie.lease.BlockMap;
import io.selkie.lease.ByteRange;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.Seal;
import io.selkie.lease.SealMode;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealListener;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Files whose block maps stand still, all or none. The command that is to run counts as one handle
 * on each (S1): they are given up only when it reaches nothing any more.
 */
final class SealedFiles implements SealListener, AutoCloseable {

  private final List<Sealed> sealed = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Break> broken = new CompletableFuture<>();
  private final CompletableFuture<Void> overdue = new CompletableFuture<>();

  /** One of them, and its map as it was verified. */
  record Sealed(LocalFile file, Seal seal, BlockMap map) {}

  /** The first that must go. */
  record Break(Path path, BreakCause cause, long seenAtNanos) {}

  SealedFiles() {}

  /** Seals them in this order; a refusal, when one cannot be: then none is. */
  Optional<Refusal> seal(Kernel kernel, LeaseRuntime leases, List<Path> paths, boolean write) {
    for (Path path : paths) {
      Optional<Refusal> refusal =
          switch (LocalFile.open(kernel, path, write)) {
            case LocalFile.Opening.Refused(Refusal why) -> Optional.of(why);
            case LocalFile.Opening.Opened(LocalFile file) -> seal(kernel, leases, file, write);
          };
      if (refusal.isPresent()) {
        close();
        return refusal;
      }
    }
    return Optional.empty();
  }

  private Optional<Refusal> seal(
      Kernel kernel, LeaseRuntime leases, LocalFile file, boolean write) {
    // The command reads blocks: what waits in memory only has to have its place on the device.
    int synced = kernel.fsync(file.fd());
    if (synced < 0) {
      file.close();
      return Optional.of(
          new Refusal(
              Reason.SYSTEM,
              "fsync of "
                  + file.path()
                  + ": "
                  + Errno.describe(synced)
                  + "; see the kernel's log"));
    }
    Purpose purpose = write ? Purpose.READ_WRITE : Purpose.READ;
    ByteRange whole = new ByteRange(0, Long.MAX_VALUE);
    switch (leases.sealer().seal(file, purpose, whole, this)) {
      case SealOutcome.Refused(Refusal refusal) -> {
        file.close();
        return Optional.of(refusal);
      }
      case SealOutcome.Sealed(Seal seal, BlockMap map) -> {
        if (!seal.addHandle(map)) {
          seal.release();
          file.close();
          return Optional.of(
              new Refusal(Reason.BREAKING, file.path() + " is asked for just now; try again"));
        }
        sealed.add(new Sealed(file, seal, map));
        return map.extents().stream()
            .filter(extent -> !extent.located())
            .findFirst()
            .map(extent ->
                new Refusal(
                    Reason.UNSUITABLE_EXTENTS,
                    "byte "
                        + extent.logical()
                        + " of "
                        + file.path()
                        + " has no place of its own on the device (inline, packed or delayed); "
                        + "write the file anew"));
      }
    }
  }

  @Override
  public void onBreak(Seal seal, BreakCause cause, long breakingAtNanos, long deadlineNanos) {
    broken.complete(new Break(Path.of(seal.target().describe()), cause, breakingAtNanos));
  }

  /** As if somebody wanted one of them: breaks would not be seen any more. */
  void giveUp(long atNanos) {
    broken.complete(new Break(Path.of(""), BreakCause.KERNEL_LEASE_BREAK, atNanos));
  }

  /**
   * The kernel has taken one of them, or may at any time: nobody knows how long ago it was asked
   * for. Nothing is left of the hold.
   */
  void overdue(Path path, long atNanos) {
    overdue.complete(null);
    broken.complete(new Break(path, BreakCause.KERNEL_LEASE_BREAK, atNanos));
  }

  /** To be called when this process goes on after it was stopped, when it saw no break. */
  void wokenUp(Kernel kernel, long atNanos) {
    for (Sealed each : sealed) {
      // A break that is seen later began later, and is seen in time.
      LeaseType held = each.seal().mode() == SealMode.EXCLUSIVE ? LeaseType.WRITE : LeaseType.READ;
      if (kernel.getLease(each.file().fd()) != held.number()) {
        overdue(each.file().path(), atNanos);
      }
    }
  }

  /** Completes when nothing is left of the hold, whatever it was to be. */
  CompletableFuture<Void> overdue() {
    return overdue;
  }

  /** Completes on the thread that saw it, when the first of them must go. */
  CompletableFuture<Break> broken() {
    return broken;
  }

  List<Sealed> files() {
    return List.copyOf(sealed);
  }

  /** Gives them up; nobody may reach their blocks any more (S1). Idempotent. */
  @Override
  public void close() {
    for (Sealed each : sealed) {
      each.seal().removeHandle(each.map());
      each.seal().release();
      each.file().close();
    }
    sealed.clear();
  }
}
