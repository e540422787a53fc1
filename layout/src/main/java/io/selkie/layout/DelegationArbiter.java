package io.selkie.layout;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.DelegationCallbacks.Attributes;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * Delegations (RFC 8881 section 10.4). They live in the same per-file state machine as layouts, on
 * the same kernel lease: a delegation is a seal without handles. So whatever breaks the one breaks
 * the other, a process on the server as well as another client, with one deadline for both (S4).
 *
 * <ul>
 *   <li>A description open for reading only carries F_RDLCK: read delegations of any number of
 *       clients, which a local writer breaks and a local reader does not notice.
 *   <li>A description open for writing carries F_WRLCK: one write delegation, or read delegations.
 *       Then local readers break them too, because the kernel has no weaker lease for it.
 *   <li>What changes through this server does not break our own lease; it asks {@link
 *       LayoutArbiter#beforeChange}, which recalls the delegations of all other clients.
 * </ul>
 *
 * <p><b>Threading.</b> As for {@link LayoutArbiter}. Nothing here waits for a client.
 */
public interface DelegationArbiter {

  /**
   * Gives a delegation, or says why not. Does four short system calls at most, on the caller's
   * thread, and waits for nobody: a file on which anything is under way gets none.
   */
  DelegationResult delegate(DelegationRequest request);

  /** Whether the {@code other} of a stateid is of a delegation of this boot. Cheap; no lock. */
  boolean isDelegationStateid(Stateid4 stateid);

  /**
   * Checks a delegation stateid (section 8.2.4).
   *
   * @param file the current file; null to ask about the stateid alone
   * @return NFS4_OK, NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID, NFS4ERR_DELEG_REVOKED or
   *     NFS4ERR_EXPIRED
   */
  int check(long clientId, Stateid4 stateid, FileIdentity file);

  /** {@link #check} for READ or WRITE; NFS4ERR_OPENMODE for writing by a read delegation. */
  int checkIo(long clientId, Stateid4 stateid, FileIdentity file, boolean write);

  /**
   * Whether the stateid is of a delegation that the client still holds and under which it sets the
   * times itself (RFC 9754).
   */
  boolean delegatesTimes(long clientId, Stateid4 stateid, FileIdentity file);

  /** DELEGRETURN (section 18.6): an NFS status, when the lease is given up if it has to be. */
  CompletionStage<Integer> giveBack(long clientId, Stateid4 stateid, FileIdentity file);

  /** What the client holds on a file. */
  Optional<DelegationType> heldBy(long clientId, FileIdentity file);

  /** OPEN4_SHARE_ACCESS_* that the client's delegation of a file stands for; 0 for none. */
  int accessOf(long clientId, FileIdentity file);

  /**
   * Whether somebody else holds a write delegation of the file, so that a GETATTR has to ask. One
   * volatile read where there are no write delegations at all.
   */
  boolean isWrittenByOther(long clientId, FileIdentity file);

  /**
   * Asks the holder of a write delegation for what it has changed (section 10.4.3). Waits no longer
   * than {@link DelegationPolicy#attributesWaitNanos}; who does not answer is recalled.
   *
   * @param clientId on whose behalf; its own delegation is no obstacle
   * @param changeNow the file's change attribute as the server sees it
   * @param sizeNow the file's size as the server sees it
   */
  CompletionStage<HolderView> view(long clientId, FileIdentity file, long changeNow, long sizeNow);

  /**
   * Waits until no delegation of a file is being recalled any more, and until the seal is gone if
   * nothing else needs it: then true. False when that takes too long, or too many wait.
   *
   * @param patienceNanos longest wait
   */
  CompletionStage<Boolean> recallsOver(FileIdentity file, long patienceNanos);

  /** Whether any delegation was given since the start; a volatile read. */
  boolean wereEverGiven();

  /** Whether the client holds any delegation. */
  boolean holdsDelegations(long clientId);

  /** The files that somebody holds a delegation of and whose filehandle is such a one. */
  Set<FileIdentity> filesWhere(Predicate<byte[]> fileHandle);

  /** Delegations now held. */
  int delegationCount();

  /**
   * A wish for a delegation.
   *
   * @param file the file's one description, retained by the caller; a delegation keeps it open
   * @param fileHandle as clients know the file, for CB_RECALL
   * @param times whether the client sets the times itself while it holds it (RFC 9754)
   * @param reclaim whether it is one of before a restart: contention does not count, and where the
   *     lease is not to be had it is given all the same and recalled at once
   * @param undisturbed asked after the lease is held, without any lock: whether no other client has
   *     the file open in conflict with it. Opens that come after this ask {@link
   *     LayoutArbiter#beforeChange}, which finds the delegation
   * @param change the file's change attribute, read when the lease is held; asked for write
   *     delegations only
   * @param call the request itself, for recalls that might overtake its reply
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record DelegationRequest(
      long clientId,
      SealTarget file,
      byte[] fileHandle,
      DelegationType type,
      boolean times,
      boolean reclaim,
      BooleanSupplier undisturbed,
      LongSupplier change,
      Optional<CallReference> call) {}

  /** Answer to {@link #delegate}. */
  sealed interface DelegationResult {
    /**
     * Given.
     *
     * @param recalled whether it is being recalled already, which the reply says
     */
    record Granted(Stateid4 stateid, DelegationType type, boolean recalled)
        implements DelegationResult {}

    /**
     * Not given.
     *
     * @param why WND4_* of RFC 8881 section 18.16.1
     * @param reason for the log
     */
    record Refused(int why, String reason) implements DelegationResult {}
  }

  /** What a GETATTR of another client is to say. */
  sealed interface HolderView {
    /** Nobody holds a write delegation, or the holder has changed nothing. */
    record Unchanged() implements HolderView {}

    /**
     * The holder has changed nothing, but it keeps the times (RFC 9754).
     *
     * @param modify what it says of the modification time; may be what the server has as well
     */
    record TimeKept(NfsTime4 modify) implements HolderView {}

    /**
     * The holder has changed the file.
     *
     * @param change greater than any that was told before
     * @param holder what it said
     */
    record Changed(long change, Attributes holder) implements HolderView {}

    /** The holder does not say: the delegation is being recalled, answer NFS4ERR_DELAY. */
    record Recalled() implements HolderView {}
  }
}
