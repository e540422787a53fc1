package io.selkie.server.compound;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.server.rpc.RpcExchange;
import io.selkie.server.rpc.RpcProgram;

/** The NFS program, version 4: NULL and COMPOUND (RFC 8881 section 16). */
public final class NfsProgram implements RpcProgram {

  private final CompoundEngine engine;

  /** Creates the program on an engine. */
  public NfsProgram(CompoundEngine engine) {
    this.engine = engine;
  }

  @Override
  public int program() {
    return Nfs4Const.NFS4_PROGRAM;
  }

  @Override
  public int versionMin() {
    return Nfs4Const.NFS_V4;
  }

  @Override
  public int versionMax() {
    return Nfs4Const.NFS_V4;
  }

  @Override
  public void call(RpcExchange exchange) {
    switch (exchange.header().procedure()) {
      case Nfs4Const.NFSPROC4_NULL -> {
        exchange.beginSuccess();
        exchange.send();
      }
      case Nfs4Const.NFSPROC4_COMPOUND -> engine.run(exchange);
      default -> {
        RpcReply.encodeAccepted(exchange.reply(), exchange.header().xid(), RpcConst.PROC_UNAVAIL);
        exchange.send();
      }
    }
  }
}
