package io.selkie.server.session;

import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;

/** CREATE_SESSION (RFC 8881 section 18.36). */
final class OpCreateSession implements Operation {

  private final ClientTable clients;
  private final Connections connections;
  private final SessionLimits limits;
  private final Timers timers;
  private final LongSupplier random;

  OpCreateSession(
      ClientTable clients,
      Connections connections,
      SessionLimits limits,
      Timers timers,
      LongSupplier random) {
    this.clients = clients;
    this.connections = connections;
    this.limits = limits;
    this.timers = timers;
    this.random = random;
  }

  @Override
  public int opcode() {
    return NfsOp4.OP_CREATE_SESSION;
  }

  @Override
  public Cost cost() {
    return Cost.MEMORY;
  }

  @Override
  public Position position() {
    return Position.IN_SESSION_OR_ALONE;
  }

  @Override
  public int replyBytesMax() {
    return CreateSessionResult.BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader in = c.args();
    long clientId = in.int64();
    int sequence = in.int32();
    int flags = in.int32();
    ChannelAttrs4 fore = ChannelAttrs4.decode(in);
    ChannelAttrs4 back = ChannelAttrs4.decode(in);
    int program = in.int32();
    CallbackSecurity security = CallbackSecurity.decode(in);
    SessionBuilder build =
        new SessionBuilder(
            limits,
            timers,
            random.getAsLong(),
            c.connection(),
            c.minorVersion(),
            flags,
            fore,
            back,
            program,
            security);
    ClientTable.Created created = clients.createSession(clientId, sequence, c.principal(), build);
    if (created.session() != null) {
      connections.associated(c.connection(), created.session());
    }
    CompletableFuture<Void> gone = created.departures().run().toCompletableFuture();
    if (gone.isDone()) {
      return answer(c, created);
    }
    // What the client's earlier incarnation held is on its way out: the new one waits for it, so
    // that it does not run into its own old locks and layouts.
    return c.suspend(gone, (context, nothing, failure) -> answer(context, created));
  }

  private static int answer(CompoundContext c, ClientTable.Created created) {
    if (created.status() == NfsStat4.NFS4_OK) {
      created.result().encode(c.reply());
    }
    return created.status();
  }
}
