package io.selkie.server.rpc;

import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The calls to the peer that wait for a reply, by xid. Confined to the event loop. */
final class OutboundCalls {

  private final Map<Integer, CallHandler> waiting = new HashMap<>();
  private final RpcReply header = new RpcReply();
  private final int max;
  private int lastXid;

  OutboundCalls(int max, int firstXid) {
    this.max = max;
    this.lastXid = firstXid;
  }

  /** Whether another call may go out. */
  boolean hasRoom() {
    return waiting.size() < max;
  }

  /** Takes the handler of a call that is about to be sent; returns the call's xid. */
  int add(CallHandler handler) {
    lastXid++;
    waiting.put(lastXid, handler);
    return lastXid;
  }

  /**
   * Takes a reply; false if nobody waits for it.
   *
   * @throws io.selkie.protocol.xdr.XdrException if its header is malformed; the call is lost then
   */
  boolean onReply(int xid, XdrReader in) {
    CallHandler handler = waiting.remove(xid);
    if (handler == null) {
      return false;
    }
    try {
      header.decode(in);
    } catch (XdrException e) {
      handler.onFailure(CallHandler.Failure.LOST);
      throw e;
    }
    handler.onReply(header, in);
    return true;
  }

  /** The call could not be sent after all. */
  void fail(int xid) {
    CallHandler handler = waiting.remove(xid);
    if (handler != null) {
      handler.onFailure(CallHandler.Failure.NOT_SENT);
    }
  }

  /** The connection is gone: nobody will reply any more. */
  void loseAll() {
    List<CallHandler> handlers = new ArrayList<>(waiting.values());
    waiting.clear();
    handlers.forEach(handler -> handler.onFailure(CallHandler.Failure.LOST));
  }
}
