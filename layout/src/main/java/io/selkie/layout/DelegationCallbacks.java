package io.selkie.layout;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.Optional;

/** How the arbiter reaches those who hold delegations; the server implements it. */
public interface DelegationCallbacks {

  /** For an arbiter that gives no delegations: nobody can be reached. */
  DelegationCallbacks NONE =
      new DelegationCallbacks() {
        @Override
        public boolean isReachable(long clientId) {
          return false;
        }

        @Override
        public void recall(Recall recall, RecallReply reply) {
          reply.onReply(Outcome.NO_BACK_CHANNEL, 0);
        }

        @Override
        public void attributes(Query query, AttributesReply reply) {
          reply.onReply(Optional.empty());
        }
      };

  /** Whether the client has a back channel that works, so that a delegation could be recalled. */
  boolean isReachable(long clientId);

  /**
   * Sends CB_RECALL (RFC 8881 section 20.2). Returns at once; {@code reply} is told exactly once,
   * on a thread that must not be blocked.
   */
  void recall(Recall recall, RecallReply reply);

  /**
   * Sends CB_GETATTR (section 20.1) for change and size, and for the times where they are delegated
   * too. Returns at once; {@code reply} is told exactly once, on a thread that must not be blocked.
   */
  void attributes(Query query, AttributesReply reply);

  /**
   * One recall.
   *
   * @param recallId stands in every log line and event of this recall
   * @param truncate whether the file is about to be cut to nothing, so that nothing need be flushed
   * @param fileHandle as the client knows the file; not to be changed
   * @param grantedBy the request that granted it, whose reply the client may not have seen
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Recall(
      long recallId,
      long clientId,
      FileIdentity file,
      Stateid4 stateid,
      boolean truncate,
      byte[] fileHandle,
      Optional<CallReference> grantedBy) {}

  /**
   * One question.
   *
   * @param times whether time_deleg_access and time_deleg_modify are asked for too (RFC 9754)
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Query(
      long clientId, byte[] fileHandle, boolean times, Optional<CallReference> grantedBy) {}

  /**
   * What the holder says of the file.
   *
   * @param change the change attribute: that of the grant, unless it has changed the file
   * @param access null where it did not say
   * @param modify null where it did not say
   */
  record Attributes(long change, long size, NfsTime4 access, NfsTime4 modify) {}

  /** What came of a question. */
  @FunctionalInterface
  interface AttributesReply {
    /** Takes the one answer; empty when there was none that makes sense. */
    void onReply(Optional<Attributes> attributes);
  }
}
