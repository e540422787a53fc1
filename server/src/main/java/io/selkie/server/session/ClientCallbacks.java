package io.selkie.server.session;

import io.selkie.layout.CallbackChannel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.List;
import java.util.function.Consumer;

/** Recalls layouts over the back channels of a client's sessions (RFC 8881 section 20.3). */
final class ClientCallbacks implements CallbackChannel {

  private final ClientTable clients;

  ClientCallbacks(ClientTable clients) {
    this.clients = clients;
  }

  /** Sends one callback operation on whichever back channel of the client works. */
  void call(
      long clientId,
      int opcode,
      List<CallReference> referringCalls,
      Consumer<XdrWriter> arguments,
      RecallReply reply) {
    BackChannel channel = channelOf(clientId);
    if (channel == null) {
      reply.onReply(Outcome.NO_BACK_CHANNEL, 0);
      return;
    }
    channel.submit(
        new Callback(
            opcode, referringCalls.stream().filter(this::mayBeUnseen).toList(), arguments, reply));
  }

  @Override
  public void layoutRecall(LayoutRecall recall, RecallReply reply) {
    call(
        recall.clientId(),
        NfsCbOp4.OP_CB_LAYOUTRECALL,
        recall.grantedBy(),
        out -> encode(out, recall),
        reply);
  }

  /** The client has seen the reply to a request when it has sent the next one on its slot. */
  boolean mayBeUnseen(CallReference call) {
    Session session = clients.session(call.sessionId());
    Slot slot = session == null ? null : session.slot(call.slotId());
    return slot != null && slot.sequenceId() == call.sequenceId();
  }

  /** Writes CB_LAYOUTRECALL4args for one file. */
  private static void encode(XdrWriter out, LayoutRecall recall) {
    out.int32(recall.layoutType());
    out.int32(recall.ioMode());
    out.bool(recall.changed());
    out.int32(LayoutConst4.LAYOUTRECALL4_FILE);
    out.opaque(recall.fileHandle());
    out.int64(recall.offset());
    out.int64(recall.length());
    Stateids.encode(out, recall.stateid());
  }

  /** One that works, and of these one that is free, if any. */
  BackChannel channelOf(long clientId) {
    ClientRecord client = clients.confirmed(clientId);
    BackChannel best = null;
    if (client != null) {
      for (Session session : client.sessions()) {
        BackChannel channel = session.backChannel();
        if (channel.isUp()) {
          if (channel.hasFreeSlot()) {
            return channel;
          }
          best = best == null ? channel : best;
        }
      }
    }
    return best;
  }
}
