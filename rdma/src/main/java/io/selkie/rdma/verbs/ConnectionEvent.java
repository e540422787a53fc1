package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.RdmaCmEvent;
import com.ibm.disni.verbs.RdmaCmId;
import java.nio.ByteBuffer;

/**
 * An event of the connection manager, whole: DiSNI's and what it leaves out.
 *
 * @param kind what happened
 * @param status why, for the kinds that are bad news; errno negative, or InfiniBand's reason
 * @param id the connection
 * @param responderResources RDMA READs that the peer wants to have outstanding with us
 * @param initiatorDepth RDMA READs that the peer lets us have outstanding
 * @param privateData as it was on the wire
 */
record ConnectionEvent(
    RdmaCmEvent.EventType kind,
    int status,
    RdmaCmId id,
    int responderResources,
    int initiatorDepth,
    ByteBuffer privateData) {

  /** Takes an event. */
  @FunctionalInterface
  interface Handler {
    /** Called on the provider's loop; must not block. */
    void onEvent(ConnectionEvent event);
  }
}
