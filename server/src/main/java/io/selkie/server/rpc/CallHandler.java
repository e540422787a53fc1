package io.selkie.server.rpc;

import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;

/** Takes what comes of a call to the peer: exactly one of its methods is called, exactly once. */
public interface CallHandler {

  /** Why there will be no reply. */
  enum Failure {
    /** The call was not sent: the connection was gone, or has too many calls outstanding. */
    NOT_SENT,
    /** The call may have been sent; the connection was lost before a reply came. */
    LOST
  }

  /**
   * The peer replied.
   *
   * @param header the reply's header; the results follow only if it says success
   * @param results the results, valid only during the call
   */
  void onReply(RpcReply header, XdrReader results);

  /** There will be no reply. */
  void onFailure(Failure failure);
}
