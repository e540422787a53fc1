package io.selkie.server.testing;

import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrReader;
import java.util.concurrent.CompletableFuture;

/** A session that a test has made, with the sequence ids of its slots. */
public final class TestSession {

  /** Attributes that leave everything to the server. */
  public static final ChannelAttrs4 GENEROUS =
      new ChannelAttrs4(0, 2 << 20, 2 << 20, 2 << 20, 1000, 1000);

  /** Attributes that Linux offers for its back channel. */
  public static final ChannelAttrs4 BACK = new ChannelAttrs4(0, 4096, 4096, 0, 2, 16);

  private final Nfs41TestClient connection;
  private final long clientId;
  private final SessionId4 id;
  private final int flags;
  private final ChannelAttrs4 fore;
  private final int[] sequenceIds;

  private TestSession(
      Nfs41TestClient connection, long clientId, SessionId4 id, int flags, ChannelAttrs4 fore) {
    this.connection = connection;
    this.clientId = clientId;
    this.id = id;
    this.flags = flags;
    this.fore = fore;
    this.sequenceIds = new int[(int) fore.maxRequests()];
  }

  /** Makes a client and a session with a back channel, and says RECLAIM_COMPLETE. */
  public static TestSession open(Nfs41TestClient connection, String owner) {
    TestSession session =
        open(connection, owner, 1, SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
    session.call(Compound.of(), true, c -> c.reclaimComplete());
    return session;
  }

  /** Makes a client and a session, with CREATE_SESSION's flags. */
  public static TestSession open(
      Nfs41TestClient connection, String owner, long verifier, int flags) {
    return open(connection, owner, verifier, flags, 0);
  }

  /** The same with EXCHANGE_ID's flags too. */
  public static TestSession open(
      Nfs41TestClient connection, String owner, long verifier, int flags, int clientFlags) {
    CompoundReply exchanged =
        connection.call(Compound.of().exchangeId(owner, verifier, clientFlags));
    requireOk(exchanged.next(NfsOp4.OP_EXCHANGE_ID));
    long clientId = exchanged.in().int64();
    return create(connection, clientId, exchanged.in().int32(), flags, GENEROUS, BACK);
  }

  /** Makes a session of a client. */
  public static TestSession create(
      Nfs41TestClient connection,
      long clientId,
      int sequence,
      int flags,
      ChannelAttrs4 fore,
      ChannelAttrs4 back) {
    CompoundReply created =
        connection.call(Compound.of().createSession(clientId, sequence, flags, fore, back));
    requireOk(created.next(NfsOp4.OP_CREATE_SESSION));
    XdrReader in = created.in();
    SessionId4 id = SessionId4.decode(in);
    in.int32();
    int granted = in.int32();
    return new TestSession(connection, clientId, id, granted, ChannelAttrs4.decode(in));
  }

  private static void requireOk(String status) {
    if (!status.equals("NFS4_OK")) {
      throw new AssertionError("answered " + status);
    }
  }

  /** The connection it was made on. */
  public Nfs41TestClient connection() {
    return connection;
  }

  /** The client. */
  public long clientId() {
    return clientId;
  }

  /** The session. */
  public SessionId4 id() {
    return id;
  }

  /** csr_flags. */
  public int flags() {
    return flags;
  }

  /** The fore channel as granted. */
  public ChannelAttrs4 fore() {
    return fore;
  }

  /** The sequence id of the last request on a slot. */
  public int lastSequenceId(int slot) {
    return sequenceIds[slot];
  }

  /** Starts a compound with SEQUENCE for the next request on a slot. */
  public Compound next(int slot, boolean cacheThis) {
    return Compound.of().sequence(id, ++sequenceIds[slot], slot, slot, cacheThis);
  }

  /** Starts a compound with SEQUENCE for the last request on a slot once more. */
  public Compound again(int slot, boolean cacheThis) {
    return Compound.of().sequence(id, sequenceIds[slot], slot, slot, cacheThis);
  }

  /** Calls on slot 0, SEQUENCE first, its reply cached; the reply is read up to the next result. */
  public CompoundReply call(java.util.function.UnaryOperator<Compound> operations) {
    return call(Compound.of(), true, operations);
  }

  private CompoundReply call(
      Compound start, boolean cacheThis, java.util.function.UnaryOperator<Compound> operations) {
    CompoundReply reply =
        connection.call(operations.apply(start.sequence(id, ++sequenceIds[0], 0, 0, cacheThis)));
    reply.sequenceOk();
    return reply;
  }

  /** Sends on a slot, SEQUENCE first, without waiting; the reply starts with SEQUENCE's result. */
  public CompletableFuture<CompoundReply> send(
      int slot, boolean cacheThis, java.util.function.UnaryOperator<Compound> operations) {
    return connection.send(operations.apply(next(slot, cacheThis)));
  }
}
