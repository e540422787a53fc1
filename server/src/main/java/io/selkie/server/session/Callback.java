package io.selkie.server.session;

import io.selkie.config.time.Timers;
import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.rpc.RpcConnection;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * One callback operation on its way through a back channel. What came of it is told once; the
 * callback may live on after that, until its slot's sequence is settled.
 */
final class Callback {

  final int opcode;

  /** Requests whose replies the client has to see first; the same whenever it is sent. */
  final List<CallReference> referringCalls;

  final Consumer<XdrWriter> arguments;

  /** Reads what follows the operation's NFS4_OK; nothing for most. */
  final Consumer<XdrReader> results;

  private final RecallReply reply;
  private final AtomicBoolean told = new AtomicBoolean();

  /** Guarded by the back channel's lock. */
  boolean inFlight;

  RpcConnection connection;

  int delays;
  private volatile Timers.Timer timer;

  /**
   * Creates one.
   *
   * @param referringCalls requests whose replies must not be overtaken
   * @param arguments writes the operation's arguments, without its number
   */
  Callback(
      int opcode,
      List<CallReference> referringCalls,
      Consumer<XdrWriter> arguments,
      RecallReply reply) {
    this(opcode, referringCalls, arguments, in -> {}, reply);
  }

  /**
   * The same of an operation with results.
   *
   * @param results reads them; called at most once, before the reply is told, on the connection's
   *     thread: it only decodes
   */
  Callback(
      int opcode,
      List<CallReference> referringCalls,
      Consumer<XdrWriter> arguments,
      Consumer<XdrReader> results,
      RecallReply reply) {
    this.results = results;
    this.opcode = opcode;
    this.referringCalls = referringCalls;
    this.arguments = arguments;
    this.reply = reply;
  }

  void timer(Timers.Timer newTimer) {
    timer = newTimer;
    if (told.get()) {
      newTimer.cancel();
    }
  }

  /** Whether it has been told; then nobody wants it sent any more. */
  boolean isTold() {
    return told.get();
  }

  /** Tells what came of it, the first time it is called. */
  void tell(Outcome outcome, int status) {
    if (told.compareAndSet(false, true)) {
      Timers.Timer pending = timer;
      if (pending != null) {
        pending.cancel();
      }
      reply.onReply(outcome, status);
    }
  }
}
