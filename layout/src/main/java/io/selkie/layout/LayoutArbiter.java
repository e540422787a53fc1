package io.selkie.layout;

import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Stateid4;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * Who holds which part of which file: the one place that grants layouts, finds conflicts, recalls
 * and fences. The server asks it before anything that changes a block map.
 *
 * <p><b>Threading.</b> Safe for use by several threads. Methods that answer a stage do their kernel
 * work on the caller's thread (a worker that may block in a system call); a stage that is not
 * complete on return completes on whatever thread ended the wait, and dependents must hand blocking
 * work on. No lock is held across a network call, a kernel call that can block on a peer, or a
 * callback.
 */
public interface LayoutArbiter extends AutoCloseable {

  /** LAYOUTGET, RFC 8881 section 18.43. */
  CompletionStage<LayoutGetResult> layoutGet(LayoutGetRequest request);

  /** LAYOUTRETURN4_FILE, section 18.44. Complete when the handles are dead (S3). */
  CompletionStage<LayoutReturnResult> layoutReturn(LayoutReturnRequest request);

  /**
   * LAYOUTRETURN4_FSID (with an fsid's device) or LAYOUTRETURN4_ALL (empty); an NFS status,
   * complete when the handles are dead (S3).
   *
   * @param ioMode lora_iomode; LAYOUTIOMODE4_ANY for every mode
   */
  CompletionStage<Integer> layoutReturnBulk(
      long clientId, int layoutType, int ioMode, Optional<Long> device);

  /** {@link #layoutReturnBulk(long, int, int, Optional)} of every iomode. */
  default CompletionStage<Integer> layoutReturnBulk(
      long clientId, int layoutType, Optional<Long> device) {
    return layoutReturnBulk(clientId, layoutType, LayoutConst4.LAYOUTIOMODE4_ANY, device);
  }

  /** GETDEVICEINFO, section 18.40: the body for a device id, however small gdia_maxcount is. */
  DeviceInfoResult deviceInfo(DeviceInfoRequest request);

  /** The layout types granted here, for fs_layout_type; the preferred one first. */
  List<Integer> layoutTypes();

  /**
   * Whether the {@code other} of a stateid was made by this arbiter in this boot, whether or not it
   * still names a layout. Cheap; takes no lock.
   */
  boolean isLayoutStateid(Stateid4 stateid);

  /** LAYOUTCOMMIT, section 18.42: flushes; size and times are the caller's business. */
  LayoutCommitResult layoutCommit(LayoutCommitRequest request);

  /** Delegations, which stand on the same seals. */
  DelegationArbiter delegations();

  /** Whether a stateid of a layout or delegation is known, current, old or revoked. */
  int testStateid(long clientId, Stateid4 stateid);

  /** FREE_STATEID of a revoked stateid of a layout or delegation; an NFS status. */
  int freeStateid(long clientId, Stateid4 stateid);

  /**
   * Whether a reply is to tell the client of revoked layouts or delegations that it has not yet
   * freed (sr_status_flags); to be asked once for each reply, as block layouts, which Linux' client
   * never frees, are told of in a few only.
   */
  boolean hasRevokedState(long clientId);

  /**
   * Asks leave for a change to a file. With {@link ChangePermit.Granted} the change may be made and
   * no conflicting layout is granted until the permit is closed; with {@link ChangePermit.Delay} a
   * recall runs and the caller answers NFS4ERR_DELAY; the arbiter keeps the file free for the
   * caller for a while, so that its retry does not starve.
   *
   * @param byClientId the NFS client that asks, 0 for the server itself
   */
  ChangePermit beforeChange(FileIdentity file, FileChange change, ByteRange range, long byClientId);

  /**
   * The client's lease is over, but it may come back: everything it holds is fenced as by {@link
   * #clientGone}, and its stateids stay known as revoked.
   */
  CompletionStage<Void> leaseOver(long clientId);

  /** The client's lease expired or it was destroyed: fence all it holds; complete when done. */
  CompletionStage<Void> clientGone(long clientId, RecallCause cause);

  /**
   * The open or delegation stateids of this client on this file are all gone (last CLOSE):
   * return-on-close layouts go with them.
   */
  CompletionStage<Void> lastClose(long clientId, FileIdentity file);

  /** Recalls everything a filter names; for administrators, server stop and tests. */
  CompletionStage<Void> recall(RecallFilter filter, RecallCause cause);

  /**
   * Takes everything a filter names at once, layouts and delegations: nobody is asked, what a
   * client has not written is lost to it, and it learns of it by NFS4ERR_DELEG_REVOKED. Complete
   * when the handles are dead (S3). For administrators.
   */
  CompletionStage<Void> fence(RecallFilter filter, RecallCause cause);

  /** What is held, for administrators. */
  default LayoutSurvey survey() {
    return LayoutSurvey.EMPTY;
  }

  /**
   * The client has a usable back channel again: recalls that it has not answered are sent again at
   * once. Without it they wait for their back-off or their deadline.
   */
  void backChannelUp(long clientId);

  /** Whether the client holds a layout that is neither returned nor revoked. Cheap. */
  boolean holdsLayouts(long clientId);

  /** Layouts now held: each LAYOUTGET that was granted and not yet wholly returned counts one. */
  int layoutCount();

  /** What each client holds that could be recalled; for those who look for room. */
  default Map<Long, Holdings> holdings() {
    return Map.of();
  }

  /** Recalls everything (SERVER_STOP), fences what is left at the deadline, unseals. */
  CompletionStage<Void> stop();

  /** Fences everything at once. Idempotent. */
  @Override
  void close();

  /**
   * LAYOUTGET's arguments that matter here.
   *
   * @param sessionKey names the session for logs
   * @param stateid the open, lock or layout stateid presented; already checked when not a layout
   *     stateid
   * @param isLayoutStateid whether {@code stateid} is a layout stateid of this arbiter
   * @param readable whether the stateid's share access lets it read
   * @param writable whether it lets it write
   * @param ioMode LAYOUTIOMODE4_READ or RW
   * @param maxBodyBytes loga_maxcount
   * @param fileHandle as the client named the file, by which a recall will name it; not to be
   *     changed
   * @param call the request itself, for recalls that might overtake its reply
   */
  @SuppressWarnings("ArrayRecordComponent") // Passed on, never compared.
  record LayoutGetRequest(
      long clientId,
      String sessionKey,
      SealTarget file,
      Stateid4 stateid,
      boolean isLayoutStateid,
      boolean readable,
      boolean writable,
      int layoutType,
      int ioMode,
      long offset,
      long length,
      long minLength,
      int maxBodyBytes,
      byte[] fileHandle,
      Optional<CallbackChannel.CallReference> call) {

    /** A request without a place in a session, for a file that is named in one way only. */
    public LayoutGetRequest(
        long clientId,
        String sessionKey,
        SealTarget file,
        Stateid4 stateid,
        boolean isLayoutStateid,
        boolean readable,
        boolean writable,
        int layoutType,
        int ioMode,
        long offset,
        long length,
        long minLength,
        int maxBodyBytes) {
      this(
          clientId,
          sessionKey,
          file,
          stateid,
          isLayoutStateid,
          readable,
          writable,
          layoutType,
          ioMode,
          offset,
          length,
          minLength,
          maxBodyBytes,
          new byte[0],
          Optional.empty());
    }
  }

  /** LAYOUTGET's answer. */
  sealed interface LayoutGetResult {
    /**
     * Granted.
     *
     * @param ioMode may be more than was asked for
     * @param content loc_body, complete
     */
    record Granted(
        Stateid4 stateid,
        boolean returnOnClose,
        long offset,
        long length,
        int ioMode,
        int layoutType,
        ByteBuffer content)
        implements LayoutGetResult {}

    /**
     * Not granted.
     *
     * @param status an NFS status from NfsStat4
     * @param willSignal logr_will_signal_layout_avail for LAYOUTTRYLATER
     * @param reason for the log
     */
    record Refused(int status, boolean willSignal, String reason) implements LayoutGetResult {}
  }

  /**
   * LAYOUTRETURN4_FILE.
   *
   * @param reclaim lora_reclaim
   */
  record LayoutReturnRequest(
      long clientId,
      FileIdentity file,
      Stateid4 stateid,
      int layoutType,
      int ioMode,
      long offset,
      long length,
      boolean reclaim,
      ByteBuffer body) {}

  /**
   * LAYOUTRETURN's answer.
   *
   * @param status an NFS status
   * @param stateid present when part of the layout remains
   */
  record LayoutReturnResult(int status, Optional<Stateid4> stateid) {}

  /**
   * LAYOUTCOMMIT.
   *
   * @param endBytes loca_last_write_offset and 1; 0 when the client does not say
   */
  record LayoutCommitRequest(
      long clientId,
      SealTarget file,
      Stateid4 stateid,
      int layoutType,
      long offset,
      long length,
      boolean reclaim,
      ByteBuffer updateBody,
      long endBytes) {

    /** Of a client that does not say how far it has written. */
    public LayoutCommitRequest(
        long clientId,
        SealTarget file,
        Stateid4 stateid,
        int layoutType,
        long offset,
        long length,
        boolean reclaim,
        ByteBuffer updateBody) {
      this(clientId, file, stateid, layoutType, offset, length, reclaim, updateBody, 0);
    }
  }

  /** LAYOUTCOMMIT's answer: an NFS status and why. */
  record LayoutCommitResult(int status, String reason) {}

  /**
   * GETDEVICEINFO.
   *
   * @param deviceId gdia_device_id
   * @param layoutType gdia_layout_type
   * @param clientId who asks
   * @param arrivedAtHost the server's address that the client's connection came to, in text form: a
   *     listener bound to the wildcard is told to this client as being there
   */
  record DeviceInfoRequest(
      DeviceId4 deviceId, int layoutType, long clientId, String arrivedAtHost) {}

  /**
   * GETDEVICEINFO's answer.
   *
   * @param status NFS4_OK, NFS4ERR_NOENT or NFS4ERR_UNKNOWN_LAYOUTTYPE
   * @param addressBody da_addr_body; empty unless the status is NFS4_OK
   */
  record DeviceInfoResult(int status, ByteBuffer addressBody) {}
}
