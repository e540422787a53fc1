package io.selkie.server.compound;

import io.selkie.protocol.nfs4.SessionId4;
import java.nio.ByteBuffer;

/**
 * The slot of a session on which a compound runs, from its successful SEQUENCE to its end. SEQUENCE
 * gives it to the context; the engine gives it back.
 */
public interface SequencedSlot {

  /** The session's id. */
  SessionId4 sessionId();

  /** The client that the session belongs to. */
  long clientId();

  /** Whether we are a metadata server to the client, by its EXCHANGE_ID (RFC 8881 section 13.1). */
  boolean isOfPnfsClient();

  /** This slot's number in its session. */
  int slotId();

  /** The sequence id of this request on the slot. */
  int sequenceId();

  /**
   * Takes the whole COMPOUND4res, just before it is sent, and makes the slot free for its next
   * request. Called exactly once per successful SEQUENCE, on the thread that ran the last
   * operation. The buffer is valid only during the call.
   */
  void complete(ByteBuffer compoundResult);

  /**
   * Makes the slot free without a reply: the request ended in a defect, after which nothing is
   * known to send. Called instead of {@link #complete}.
   */
  void abandon();
}
