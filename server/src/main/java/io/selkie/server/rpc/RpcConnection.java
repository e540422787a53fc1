package io.selkie.server.rpc;

import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.xdr.XdrWriter;
import java.net.SocketAddress;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A connection as the layers above the transport see it: something with an identity that ends some
 * time, and that takes calls to the peer as well as from it. Safe for use by several threads.
 */
public interface RpcConnection {

  /** A number that no other connection of this process has; for logs and as an identity. */
  long id();

  /** The peer, as far as the socket knows. */
  SocketAddress remoteAddress();

  /**
   * The address of ours that the peer connected to; null where the transport has none. A client
   * that reached a wildcard listener is told to find its companions there too (GETDEVICEINFO).
   */
  default SocketAddress localAddress() {
    return null;
  }

  /** Whether the connection can still carry messages; it may be gone the moment after. */
  boolean isOpen();

  /**
   * Calls the peer over this connection: how callbacks travel (RFC 8881 section 2.10.3.1). Returns
   * at once. There is no time-out: the caller knows best how long an answer is worth waiting for,
   * and a late one still says something; the end of the connection ends the wait.
   *
   * @param call what to call, and as whom
   * @param arguments writes the arguments; called once, possibly on another thread
   * @param handler told exactly once, on the connection's event loop; must not block
   */
  void call(Call call, Consumer<XdrWriter> arguments, CallHandler handler);

  /**
   * Runs something once when the connection is gone, at once if it is already. Runs on the
   * connection's event loop and must not block.
   */
  void onClose(Runnable action);

  /**
   * Says by what it can be told whether anybody needs the connection. One that nobody needs is
   * closed when no call has come for a while.
   *
   * @param needed may be asked on any thread; must not block
   */
  default void keepWhile(BooleanSupplier needed) {}

  /** Closes the connection; calls in flight end as lost. Idempotent. */
  void close(String reason);

  /**
   * A call's target.
   *
   * @param credential the AUTH_SYS credential to call with, or null for AUTH_NONE
   */
  record Call(int program, int version, int procedure, AuthSys credential) {}
}
