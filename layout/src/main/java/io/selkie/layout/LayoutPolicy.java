package io.selkie.layout;

import io.selkie.config.LayoutConfig;
import java.util.concurrent.TimeUnit;

/**
 * Bounds and times of the arbiter, concluded once from the configuration.
 *
 * @param recallTimeoutNanos from the start of a recall to the fence
 * @param fenceBudgetNanos how long an invalidation may wait for accesses in flight before the queue
 *     pairs that have them are broken; {@code recallTimeoutNanos + fenceBudgetNanos} lies inside
 *     lease-break-time (S4)
 * @param reservationNanos how long a file stays free for somebody who was told to come back
 * @param resendFirstNanos back-off before a recall that was answered with NFS4ERR_DELAY is sent
 *     again; doubles each time
 * @param resendMaxNanos longest back-off
 * @param queueWaitNanos how long a LAYOUTGET may wait for another one, or for a change, on its file
 * @param layoutsMax layouts of all clients together
 * @param layoutsPerClientMax layouts of one client
 * @param layoutsPerFileMax layouts of all clients on one file
 * @param sealedFilesMax files sealed at a time
 * @param sealedFilesPerClientMax files of which one client has layouts at a time
 * @param waitersPerFileMax LAYOUTGETs that may wait on one file
 * @param reservationsPerFileMax reservations kept on one file
 * @param recallsPerHoldMax recalls pending at a time to one client on one file; beyond, one recall
 *     of everything takes their place
 * @param revokedMax revoked layout stateids remembered until FREE_STATEID, of all clients together
 * @param grantBytesMax longest range of one grant
 * @param prepareWindowBytes how far from where it begins a read-write grant may allocate what is
 *     not, beyond what the client insists on
 * @param alignmentBytes grants begin and end at multiples of this, or at the end of file; a power
 *     of two
 * @param extentsPerLayoutMax extents in one LAYOUTGET reply
 * @param seqidRange VALID_SEQID_RANGE of RFC 8881 section 12.5.5.2.1.4: at least the sum over a
 *     client's sessions of ca_maxoperations - 1
 * @param returnOnClose logr_return_on_close of every grant
 */
public record LayoutPolicy(
    long recallTimeoutNanos,
    long fenceBudgetNanos,
    long reservationNanos,
    long resendFirstNanos,
    long resendMaxNanos,
    long queueWaitNanos,
    int layoutsMax,
    int layoutsPerClientMax,
    int layoutsPerFileMax,
    int sealedFilesMax,
    int sealedFilesPerClientMax,
    int waitersPerFileMax,
    int reservationsPerFileMax,
    int recallsPerHoldMax,
    int revokedMax,
    long grantBytesMax,
    long prepareWindowBytes,
    int alignmentBytes,
    int extentsPerLayoutMax,
    int seqidRange,
    boolean returnOnClose) {

  /** Extents in one LAYOUTGET reply, when type and client want as many. */
  public static final int EXTENTS_MAX = 16_384;

  /** What layout_blksize and layout_alignment tell the clients; commit ranges keep to it. */
  public static final int ALIGNMENT_BYTES = 4096;

  /** Checks what would break an invariant. */
  public LayoutPolicy {
    if (recallTimeoutNanos <= 0 || fenceBudgetNanos <= 0 || reservationNanos <= 0) {
      throw new IllegalArgumentException("times of recall, fence and reservation must be positive");
    }
    if (resendFirstNanos <= 0 || resendMaxNanos < resendFirstNanos || queueWaitNanos <= 0) {
      throw new IllegalArgumentException("back-off and queue times must be positive and ordered");
    }
    if (Integer.bitCount(alignmentBytes) != 1 || grantBytesMax < alignmentBytes) {
      throw new IllegalArgumentException(
          "alignment " + alignmentBytes + " must be a power of two, and a grant at least that");
    }
    if (layoutsMax <= 0
        || layoutsPerClientMax <= 0
        || layoutsPerFileMax <= 0
        || sealedFilesMax <= 0
        || sealedFilesPerClientMax <= 0
        || waitersPerFileMax <= 0
        || reservationsPerFileMax <= 0
        || recallsPerHoldMax <= 0
        || revokedMax <= 0
        || extentsPerLayoutMax <= 0
        || seqidRange <= 0
        || prepareWindowBytes <= 0) {
      throw new IllegalArgumentException("every limit must be positive: " + seqidRange);
    }
  }

  /** What the configuration says, and ours for what it leaves open. */
  public static LayoutPolicy of(LayoutConfig config) {
    return new LayoutPolicy(
        TimeUnit.MILLISECONDS.toNanos(config.recallTimeoutMillis()),
        TimeUnit.MILLISECONDS.toNanos(config.fenceBudgetMillis()),
        TimeUnit.MILLISECONDS.toNanos(config.retryReservationMillis()),
        TimeUnit.MILLISECONDS.toNanos(50),
        TimeUnit.MILLISECONDS.toNanos(1000),
        TimeUnit.MILLISECONDS.toNanos(1000),
        config.maxLayouts(),
        config.maxLayoutsPerClient(),
        config.maxLayouts(),
        config.maxSealedFiles(),
        config.maxSealedFilesPerClient(),
        1024,
        64,
        4,
        65_536,
        config.maxLayoutBytes(),
        config.prepareWindowBytes(),
        ALIGNMENT_BYTES,
        EXTENTS_MAX,
        65_536,
        true);
  }
}
