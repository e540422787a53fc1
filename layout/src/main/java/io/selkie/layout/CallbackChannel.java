package io.selkie.layout;

import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.List;

/** How the arbiter reaches clients; the server implements it on the sessions' back channels. */
public interface CallbackChannel {

  /**
   * Sends CB_LAYOUTRECALL (RFC 8881 section 20.3) for one file. Returns at once; {@code reply} is
   * told exactly once, on a thread that must not be blocked.
   */
  void layoutRecall(LayoutRecall recall, RecallReply reply);

  /**
   * One recall.
   *
   * @param recallId stands in every log line and event of this recall
   * @param fileHandle the file as the client named it when it asked for the layout; not to be
   *     changed
   * @param changed clora_changed
   * @param grantedBy the requests that granted what is recalled; the channel tells those whose
   *     reply the client may not have seen (RFC 8881 section 2.10.6.3)
   */
  @SuppressWarnings("ArrayRecordComponent") // Passed on, never compared.
  record LayoutRecall(
      long recallId,
      long clientId,
      io.selkie.lease.FileIdentity file,
      byte[] fileHandle,
      int layoutType,
      int ioMode,
      boolean changed,
      long offset,
      long length,
      Stateid4 stateid,
      List<CallReference> grantedBy) {

    /** A recall of what no request is known to have granted. */
    public LayoutRecall(
        long recallId,
        long clientId,
        io.selkie.lease.FileIdentity file,
        byte[] fileHandle,
        int layoutType,
        int ioMode,
        boolean changed,
        long offset,
        long length,
        Stateid4 stateid) {
      this(
          recallId,
          clientId,
          file,
          fileHandle,
          layoutType,
          ioMode,
          changed,
          offset,
          length,
          stateid,
          List.of());
    }
  }

  /** A request of a client, by its place in the session. */
  record CallReference(SessionId4 sessionId, int slotId, int sequenceId) {
    /** Whether both were made on the same slot, where only the later can still be unanswered. */
    boolean isOnSlotOf(CallReference other) {
      return slotId == other.slotId && sessionId.equals(other.sessionId);
    }
  }

  /** What came of it. */
  @FunctionalInterface
  interface RecallReply {
    /**
     * Takes the one answer.
     *
     * @param outcome how it went
     * @param status the NFS status when the client answered
     */
    void onReply(Outcome outcome, int status);
  }

  /** How a callback went. */
  enum Outcome {
    /** The client answered with a status. */
    ANSWERED,
    /** There is no usable back channel; nothing was sent. */
    NO_BACK_CHANNEL,
    /** Sent, then the connection was lost before an answer. */
    LOST
  }
}
