package io.selkie.layout;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Predicate;

/** Brings what concerns delegations to the files' state machines. */
final class DelegationDoor implements DelegationArbiter {

  private final FileContext context;
  private final DelegationCallbacks callbacks;
  private final EffectRunner runner;
  private final Entry entry;
  private final Function<FileIdentity, FileLayouts> present;

  /** How the arbiter lets an event in that its caller wants to see done. */
  interface Entry {
    /** Applies it to a file, made when it is not there; answers what is to be run. */
    Applied apply(FileIdentity file, FileEvent event);
  }

  /** A file and what its event wants done. */
  record Applied(FileLayouts file, List<Effect> effects) {}

  DelegationDoor(
      FileContext context,
      DelegationCallbacks callbacks,
      EffectRunner runner,
      Entry entry,
      Function<FileIdentity, FileLayouts> present) {
    this.context = context;
    this.callbacks = callbacks;
    this.runner = runner;
    this.entry = entry;
    this.present = present;
  }

  @Override
  public DelegationResult delegate(DelegationRequest request) {
    if (!context.delegations().enabled()) {
      return refused("delegations are off");
    }
    if (request.type() == DelegationType.WRITE && !request.file().writable()) {
      return refused("the server has the file open for reading only");
    }
    if (context.ledger().hasFailedRecall(request.clientId())) {
      return refused("the client did not answer a recall");
    }
    if (!request.reclaim() && !callbacks.isReachable(request.clientId())) {
      return refused("the client has no back channel");
    }
    DelegationOp op = new DelegationOp(request);
    run(request.file().identity(), new FileEvent.Delegate(op));
    return op.answer;
  }

  private static DelegationResult refused(String reason) {
    return new DelegationResult.Refused(OpenConst4.WND4_RESOURCE, reason);
  }

  private void run(FileIdentity identity, FileEvent event) {
    Applied applied = entry.apply(identity, event);
    runner.run(applied.file(), applied.effects(), OnThread.OF_REQUEST, null);
  }

  @Override
  public boolean isDelegationStateid(Stateid4 stateid) {
    return context.ledger().isDelegation(stateid);
  }

  @Override
  public int check(long clientId, Stateid4 stateid, FileIdentity file) {
    Delegation found = context.ledger().findDelegation(clientId, stateid);
    if (found == null) {
      return context.ledger().statusOfDead(clientId, stateid);
    }
    if (file != null && !found.file.equals(file)) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    // There is but one seqid: what is greater was never given.
    return stateid.seqid() == 0 || stateid.seqid() == found.stateid.seqid()
        ? NfsStat4.NFS4_OK
        : NfsStat4.NFS4ERR_BAD_STATEID;
  }

  @Override
  public int checkIo(long clientId, Stateid4 stateid, FileIdentity file, boolean write) {
    int status = check(clientId, stateid, file);
    if (status != NfsStat4.NFS4_OK || !write) {
      return status;
    }
    Delegation found = context.ledger().findDelegation(clientId, stateid);
    if (found == null) {
      return context.ledger().statusOfDead(clientId, stateid);
    }
    return found.isWrite() ? NfsStat4.NFS4_OK : NfsStat4.NFS4ERR_OPENMODE;
  }

  @Override
  public boolean delegatesTimes(long clientId, Stateid4 stateid, FileIdentity file) {
    Delegation found = context.ledger().findDelegation(clientId, stateid);
    return found != null && found.file.equals(file) && found.request.times();
  }

  @Override
  public CompletionStage<Integer> giveBack(long clientId, Stateid4 stateid, FileIdentity file) {
    int status = check(clientId, stateid, file);
    if (status != NfsStat4.NFS4_OK) {
      return CompletableFuture.completedFuture(status);
    }
    CompletableFuture<Integer> answer = new CompletableFuture<>();
    run(file, new FileEvent.DelegationReturn(clientId, stateid, answer));
    return answer;
  }

  /** The client's delegation of a file; null when it has none. */
  private Delegation find(long clientId, FileIdentity identity) {
    if (!context.ledger().hasDelegations()) {
      return null;
    }
    FileLayouts file = present.apply(identity);
    if (file == null) {
      return null;
    }
    synchronized (file) {
      return file.delegations.of(clientId);
    }
  }

  @Override
  public Optional<DelegationType> heldBy(long clientId, FileIdentity file) {
    return Optional.ofNullable(find(clientId, file)).map(found -> found.request.type());
  }

  @Override
  public int accessOf(long clientId, FileIdentity file) {
    Delegation found = find(clientId, file);
    if (found == null) {
      return 0;
    }
    return found.isWrite()
        ? OpenConst4.OPEN4_SHARE_ACCESS_BOTH
        : OpenConst4.OPEN4_SHARE_ACCESS_READ;
  }

  @Override
  public boolean isWrittenByOther(long clientId, FileIdentity identity) {
    if (!context.ledger().hasDelegations()) {
      return false;
    }
    FileLayouts file = present.apply(identity);
    if (file == null) {
      return false;
    }
    synchronized (file) {
      return !file.delegations.isFreeFor(FileChange.READ, clientId);
    }
  }

  @Override
  public CompletionStage<HolderView> view(
      long clientId, FileIdentity file, long changeNow, long sizeNow) {
    CompletableFuture<HolderView> answer = new CompletableFuture<>();
    run(file, new FileEvent.ViewWanted(clientId, new Delegation.Asker(changeNow, sizeNow, answer)));
    return answer;
  }

  @Override
  public CompletionStage<Boolean> recallsOver(FileIdentity file, long patienceNanos) {
    CompletableFuture<Boolean> answer = new CompletableFuture<>();
    run(file, new FileEvent.EndAwaited(new RecallWatch.Watcher(answer, patienceNanos)));
    return answer;
  }

  @Override
  public boolean wereEverGiven() {
    return context.ledger().wereDelegationsEverGiven();
  }

  @Override
  public boolean holdsDelegations(long clientId) {
    return context.ledger().holdsDelegations(clientId);
  }

  @Override
  public Set<FileIdentity> filesWhere(Predicate<byte[]> fileHandle) {
    return context.ledger().delegatedWhere(fileHandle);
  }

  @Override
  public int delegationCount() {
    return context.ledger().delegationCount();
  }
}
