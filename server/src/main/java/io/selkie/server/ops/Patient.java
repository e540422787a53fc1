package io.selkie.server.ops;

import io.selkie.layout.DelegationArbiter;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.Around;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * An operation that waits a moment for delegations in its way, and is executed once more when they
 * are back: told NFS4ERR_DELAY, clients sleep for longer than most holders need to give one back.
 * It holds no thread meanwhile. So many wait at a time and no more; for others it is NFS4ERR_DELAY
 * at once, as for whoever waits in vain.
 */
final class Patient extends Around {

  /** How long one waits. */
  static final long PATIENCE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** How many wait at a time. */
  static final int WAITING_MAX = 64;

  /** Those that ask before they change anything, so that they can be executed once more. */
  private static final Set<Integer> PATIENT =
      Set.of(
          NfsOp4.OP_OPEN,
          NfsOp4.OP_READ,
          NfsOp4.OP_WRITE,
          NfsOp4.OP_SETATTR,
          NfsOp4.OP_REMOVE,
          NfsOp4.OP_RENAME,
          NfsOp4.OP_LINK,
          NfsOp4.OP_ALLOCATE,
          NfsOp4.OP_DEALLOCATE,
          NfsOp4.OP_SEEK,
          NfsOp4.OP_READ_PLUS,
          NfsOp4.OP_CLONE,
          NfsOp4.OP_COPY,
          NfsOp4.OP_SETXATTR,
          NfsOp4.OP_REMOVEXATTR);

  private final DelegationArbiter delegations;
  private final Semaphore places;

  /**
   * Over an operation that asks by {@link Leave#ask} before it changes anything.
   *
   * @param places shared by all that wait
   */
  Patient(Operation inner, DelegationArbiter delegations, Semaphore places) {
    super(inner);
    this.delegations = delegations;
    this.places = places;
  }

  /** Makes those patient that can be. */
  static List<Operation> where(FileServices services, List<Operation> operations) {
    Semaphore places = new Semaphore(WAITING_MAX);
    DelegationArbiter delegations = services.arbiter().delegations();
    return operations.stream()
        .map(inner ->
            PATIENT.contains(inner.opcode()) ? new Patient(inner, delegations, places) : inner)
        .toList();
  }

  @Override
  public int execute(CompoundContext c) {
    c.obstacles().clear();
    int status = operation.execute(c);
    if (status != NfsStat4.NFS4ERR_DELAY || c.obstacles().isEmpty() || !places.tryAcquire()) {
      return status;
    }
    return c.suspend(
        areOver(List.copyOf(c.obstacles())).whenComplete((over, failure) -> places.release()),
        (context, over, failure) -> {
          if (failure != null || !over) {
            return NfsStat4.NFS4ERR_DELAY;
          }
          context.again();
          return operation.execute(context);
        });
  }

  private CompletableFuture<Boolean> areOver(List<FileIdentity> files) {
    CompletableFuture<Boolean> all = CompletableFuture.completedFuture(true);
    for (FileIdentity file : files) {
      all =
          all.thenCombine(
              delegations.recallsOver(file, PATIENCE_NANOS), (before, over) -> before && over);
    }
    return all;
  }
}
