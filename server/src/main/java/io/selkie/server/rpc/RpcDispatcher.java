package io.selkie.server.rpc;

import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrException;
import java.util.List;

/** Finds the program of a call, and answers those that go to none (RFC 5531 section 9). */
final class RpcDispatcher {

  private final List<RpcProgram> programs;

  RpcDispatcher(List<RpcProgram> programs) {
    this.programs = List.copyOf(programs);
  }

  /** Takes a call whose header was read with this verdict. */
  void dispatch(RpcExchange exchange, RpcCall.Verdict verdict) {
    RpcCall header = exchange.header();
    switch (verdict) {
      case OK -> {
        if (find(exchange)) {
          return;
        }
      }
      case RPC_MISMATCH -> RpcReply.encodeRpcMismatch(exchange.reply(), header.xid());
      case BAD_CREDENTIAL -> authError(exchange, RpcConst.AUTH_BADCRED);
      case UNKNOWN_FLAVOR -> authError(exchange, RpcConst.AUTH_REJECTEDCRED);
      case BAD_VERIFIER -> authError(exchange, RpcConst.AUTH_BADVERF);
    }
    exchange.send();
  }

  /** Returns whether a program took the call; if not, the refusal is written. */
  private boolean find(RpcExchange exchange) {
    RpcCall header = exchange.header();
    for (RpcProgram program : programs) {
      if (program.program() != header.program()) {
        continue;
      }
      if (header.version() < program.versionMin() || header.version() > program.versionMax()) {
        RpcReply.encodeProgramMismatch(
            exchange.reply(), header.xid(), program.versionMin(), program.versionMax());
        return false;
      }
      return call(program, exchange);
    }
    RpcReply.encodeAccepted(exchange.reply(), header.xid(), RpcConst.PROG_UNAVAIL);
    return false;
  }

  private static boolean call(RpcProgram program, RpcExchange exchange) {
    int start = exchange.reply().position();
    try {
      program.call(exchange);
      return true;
    } catch (XdrException _) {
      exchange.reply().rewind(start);
      RpcReply.encodeAccepted(exchange.reply(), exchange.header().xid(), RpcConst.GARBAGE_ARGS);
      return false;
    }
  }

  private static void authError(RpcExchange exchange, int status) {
    RpcReply.encodeAuthError(exchange.reply(), exchange.header().xid(), status);
  }
}
