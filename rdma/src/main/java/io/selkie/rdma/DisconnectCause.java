package io.selkie.rdma;

/**
 * Why a queue pair ended.
 *
 * @param kind the class of end
 * @param detail one line for a person: what was tried, by whom, on what; for a Terminate the layer,
 *     error type and code as RFC 5040 section 4.8 names them
 */
public record DisconnectCause(Kind kind, String detail) {

  /** The classes of end. */
  public enum Kind {
    /** We closed it. */
    LOCAL_CLOSE,
    /** The peer closed it in order. */
    REMOTE_CLOSE,
    /** We broke it: a fence, a bound, the end of a session. */
    LOCAL_ABORT,
    /** We found an error in what the peer sent and answered with Terminate. */
    LOCAL_ERROR,
    /** The peer sent Terminate. */
    REMOTE_ERROR,
    /** The transport failed. */
    TRANSPORT_FAILURE
  }
}
