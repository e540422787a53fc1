package io.selkie.server.rpc;

import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * One call from a peer and the reply to it. Exchanges are pooled per connection. At any time one
 * thread owns an exchange; handing it to another thread must happen through something that orders
 * memory, such as an executor's queue. It ends with exactly one call of {@link #send} or {@link
 * #drop}, and must not be touched afterwards.
 */
public abstract class RpcExchange {

  private final RpcCall header = new RpcCall();
  private final XdrReader args = new XdrReader();
  private final XdrWriter reply = new XdrWriter();
  private Object attachment;
  private int requestBytes;
  private boolean replyMayBeRefused;

  /** For the transport, and for tests that have none. */
  protected RpcExchange() {}

  /** The call's header. */
  public final RpcCall header() {
    return header;
  }

  /** The call's arguments, in place in the buffer they were received in. */
  public final XdrReader args() {
    return args;
  }

  /** The reply, written in place into the buffer it is sent from. */
  public final XdrWriter reply() {
    return reply;
  }

  /** How many bytes the whole call has, from its xid to its end. */
  public final int requestBytes() {
    return requestBytes;
  }

  /** Set by the transport before the call is handed to its program. */
  public final void requestBytes(int bytes) {
    this.requestBytes = bytes;
  }

  /**
   * Says whether a large reply may be refused from now on by a {@link BuffersExhaustedException},
   * because what is executed changes nothing and can be asked for again. At first it may not.
   */
  public final void replyMayBeRefused(boolean may) {
    this.replyMayBeRefused = may;
  }

  /** Whether a large reply may be refused now. */
  protected final boolean replyMayBeRefused() {
    return replyMayBeRefused;
  }

  /** Something that the program keeps with the pooled exchange, or null. */
  public final Object attachment() {
    return attachment;
  }

  /** Keeps something with the pooled exchange; it stays for the calls that follow. */
  public final void attachment(Object object) {
    this.attachment = object;
  }

  /** The connection that the call came in on. */
  public abstract RpcConnection connection();

  /**
   * Sends what was written to {@link #reply}. May be called on any thread; never blocks. If the
   * connection is gone the reply goes nowhere.
   */
  public abstract void send();

  /** Ends the exchange without a reply. */
  public abstract void drop();

  /**
   * Writes the header of a successful reply; the results follow.
   *
   * @return the position of the first byte of the results
   */
  public final int beginSuccess() {
    RpcReply.encodeAccepted(reply, header.xid(), RpcConst.SUCCESS);
    return reply.position();
  }
}
