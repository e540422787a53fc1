package io.selkie.server.session;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.layout.DelegationCallbacks;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/** CB_RECALL and CB_GETATTR (RFC 8881 sections 20.2 and 20.1) over the clients' back channels. */
final class DelegationChannel implements DelegationCallbacks {

  /** More than the four attributes asked for can take. */
  private static final int VALUES_BYTES_MAX = 64;

  private final ClientCallbacks callbacks;

  DelegationChannel(ClientCallbacks callbacks) {
    this.callbacks = callbacks;
  }

  @Override
  public boolean isReachable(long clientId) {
    return callbacks.channelOf(clientId) != null;
  }

  @Override
  public void recall(Recall recall, RecallReply reply) {
    send(
        recall.clientId(),
        NfsCbOp4.OP_CB_RECALL,
        recall.grantedBy(),
        out -> {
          Stateids.encode(out, recall.stateid());
          out.bool(recall.truncate());
          out.opaque(recall.fileHandle());
        },
        in -> {},
        reply);
  }

  @Override
  public void attributes(Query query, AttributesReply reply) {
    AtomicReference<Attributes> said = new AtomicReference<>();
    send(
        query.clientId(),
        NfsCbOp4.OP_CB_GETATTR,
        query.grantedBy(),
        out -> encode(out, query),
        in -> said.set(decode(in)),
        (outcome, status) ->
            reply.onReply(
                outcome == Outcome.ANSWERED && status == NfsStat4.NFS4_OK
                    ? Optional.ofNullable(said.get())
                    : Optional.empty()));
  }

  private void send(
      long clientId,
      int opcode,
      Optional<CallReference> grantedBy,
      Consumer<XdrWriter> arguments,
      Consumer<XdrReader> results,
      RecallReply reply) {
    BackChannel channel = callbacks.channelOf(clientId);
    if (channel == null) {
      reply.onReply(Outcome.NO_BACK_CHANNEL, 0);
      return;
    }
    List<CallReference> calls = grantedBy.filter(callbacks::mayBeUnseen).stream().toList();
    channel.submit(new Callback(opcode, calls, arguments, results, reply));
  }

  private static void encode(XdrWriter out, Query query) {
    out.opaque(query.fileHandle());
    Bitmap4 asked = new Bitmap4().set(FileAttributes.FATTR4_CHANGE).set(FileAttributes.FATTR4_SIZE);
    if (query.times()) {
      asked
          .set(FileAttributes.FATTR4_TIME_DELEG_ACCESS)
          .set(FileAttributes.FATTR4_TIME_DELEG_MODIFY);
    }
    asked.encode(out);
  }

  /** Reads CB_GETATTR4resok; null when it lacks what was asked for. */
  private static Attributes decode(XdrReader in) {
    Bitmap4 mask = new Bitmap4().decode(in);
    int length = in.opaqueLength(VALUES_BYTES_MAX);
    int end = in.position() + length;
    if (!mask.isSet(FileAttributes.FATTR4_CHANGE) || !mask.isSet(FileAttributes.FATTR4_SIZE)) {
      return null;
    }
    long change = in.int64();
    long size = in.int64();
    NfsTime4 access =
        mask.isSet(FileAttributes.FATTR4_TIME_DELEG_ACCESS) ? NfsTime4.decode(in) : null;
    NfsTime4 modify =
        mask.isSet(FileAttributes.FATTR4_TIME_DELEG_MODIFY) ? NfsTime4.decode(in) : null;
    // Somebody who says more than he was asked for is not understood.
    return in.position() == end && size >= 0 ? new Attributes(change, size, access, modify) : null;
  }
}
