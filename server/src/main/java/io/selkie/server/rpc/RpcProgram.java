package io.selkie.server.rpc;

/** An RPC program that a transport serves. Implementations are safe for use by several threads. */
public interface RpcProgram {

  /** The program's number. */
  int program();

  /** The lowest version served. */
  int versionMin();

  /** The highest version served. */
  int versionMax();

  /**
   * Executes a call whose header is good and whose program and version are this one's. Called on
   * the connection's event loop, so it must not block. The exchange is ended by this call or later;
   * an {@link io.selkie.protocol.xdr.XdrException} thrown before anything was written is answered
   * with GARBAGE_ARGS.
   */
  void call(RpcExchange exchange);
}
