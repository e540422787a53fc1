package io.selkie.server;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.Around;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * Watches the operations that can give a client a back channel or mend it, BIND_CONN_TO_SESSION,
 * CREATE_SESSION and BACKCHANNEL_CTL, and says so once they have: recalls that waited for one are
 * then sent at once.
 */
final class BackChannelWatch extends Around {

  private final Function<SessionId4, OptionalLong> clientOf;
  private final LongConsumer up;

  private BackChannelWatch(
      Operation watched, Function<SessionId4, OptionalLong> clientOf, LongConsumer up) {
    super(watched);
    this.clientOf = clientOf;
    this.up = up;
  }

  /**
   * Puts the watch around those of the operations that it is for.
   *
   * @param clientOf the client of a session
   * @param up told the client; must not block
   */
  static List<Operation> around(
      List<Operation> operations, Function<SessionId4, OptionalLong> clientOf, LongConsumer up) {
    return operations.stream()
        .map(operation ->
            isWatched(operation.opcode())
                ? new BackChannelWatch(operation, clientOf, up)
                : operation)
        .toList();
  }

  private static boolean isWatched(int opcode) {
    return opcode == NfsOp4.OP_BIND_CONN_TO_SESSION
        || opcode == NfsOp4.OP_CREATE_SESSION
        || opcode == NfsOp4.OP_BACKCHANNEL_CTL;
  }

  @Override
  public int execute(CompoundContext c) {
    int start = c.args().position();
    OptionalLong client =
        opcode() == NfsOp4.OP_BACKCHANNEL_CTL
            ? c.slot() == null ? OptionalLong.empty() : OptionalLong.of(c.clientId())
            : clientNamedBy(c.args());
    c.args().position(start);
    int status = operation.execute(c);
    if (status == NfsStat4.NFS4_OK && client.isPresent()) {
      up.accept(client.getAsLong());
    }
    return status;
  }

  /** These two name it first: the one by its session, the other itself. */
  private OptionalLong clientNamedBy(XdrReader args) {
    return opcode() == NfsOp4.OP_CREATE_SESSION
        ? OptionalLong.of(args.int64())
        : clientOf.apply(SessionId4.decode(args));
  }
}
