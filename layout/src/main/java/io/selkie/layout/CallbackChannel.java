package io.selkie.layout;

import io.selkie.protocol.nfs4.Stateid4;

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
   * @param changed clora_changed
   */
  record LayoutRecall(
      long recallId,
      long clientId,
      io.selkie.lease.FileIdentity file,
      int layoutType,
      int ioMode,
      boolean changed,
      long offset,
      long length,
      Stateid4 stateid) {}

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
