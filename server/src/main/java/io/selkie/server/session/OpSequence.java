package io.selkie.server.session;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import io.selkie.server.rpc.RpcConnection;

/** SEQUENCE (RFC 8881 sections 18.46 and 2.10.6). */
final class OpSequence implements Operation {

  private static final int RESULT_BYTES = SessionId4.BYTES + 5 * Integer.BYTES;

  private final ClientTable clients;
  private final Connections connections;
  private final StateOwners owners;

  OpSequence(ClientTable clients, Connections connections, StateOwners owners) {
    this.clients = clients;
    this.connections = connections;
    this.owners = owners;
  }

  @Override
  public int opcode() {
    return NfsOp4.OP_SEQUENCE;
  }

  @Override
  public Cost cost() {
    return Cost.MEMORY;
  }

  @Override
  public Position position() {
    return Position.FIRST;
  }

  @Override
  public int replyBytesMax() {
    return RESULT_BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader in = c.args();
    SessionId4 sessionId = SessionId4.decode(in);
    int sequenceId = in.int32();
    int slotId = in.int32();
    int highestSlotId = in.int32();
    boolean cacheThis = in.bool();
    Session session = clients.session(sessionId);
    if (session == null) {
      return NfsStat4.NFS4ERR_BADSESSION;
    }
    Slot slot = session.slot(slotId);
    if (slot == null) {
      return NfsStat4.NFS4ERR_BADSLOT;
    }
    if (session.slot(highestSlotId) == null) {
      return NfsStat4.NFS4ERR_BAD_HIGH_SLOT;
    }
    if (!session.isBound(c.connection()) && !associate(session, c.connection())) {
      return NfsStat4.NFS4ERR_CONN_NOT_BOUND_TO_SESSION;
    }
    if (c.opCount() > session.fore().maxOperations()) {
      return NfsStat4.NFS4ERR_TOO_MANY_OPS;
    }
    if (c.requestBytes() > session.fore().maxRequestSize()) {
      return NfsStat4.NFS4ERR_REQ_TOO_BIG;
    }
    int replyMax = (int) session.fore().maxResponseSize();
    int tooBig = NfsStat4.NFS4ERR_REP_TOO_BIG;
    if (cacheThis && session.fore().maxResponseSizeCached() < replyMax) {
      replyMax = (int) session.fore().maxResponseSizeCached();
      tooBig = NfsStat4.NFS4ERR_REP_TOO_BIG_TO_CACHE;
    }
    if (c.replyBytes() + RESULT_BYTES > replyMax) {
      return tooBig;
    }
    long fingerprint = new Fingerprint().of(c.compoundArguments(), c.compoundArgumentsStart());
    return switch (slot.begin(sequenceId, fingerprint, c.principal(), cacheThis)) {
      case MISORDERED -> NfsStat4.NFS4ERR_SEQ_MISORDERED;
      case FALSE_RETRY -> NfsStat4.NFS4ERR_SEQ_FALSE_RETRY;
      case RUNNING -> NfsStat4.NFS4ERR_DELAY;
      case RETRY_CACHED -> {
        if (!clients.awake(session.client())) {
          yield NfsStat4.NFS4ERR_BADSESSION;
        }
        session.client().renew();
        yield c.replay(slot.cachedReply());
      }
      case RETRY_UNCACHED -> {
        if (!clients.awake(session.client())) {
          yield NfsStat4.NFS4ERR_BADSESSION;
        }
        session.client().renew();
        c.retryOfUncached();
        encode(c, session, sequenceId, slotId);
        yield NfsStat4.NFS4_OK;
      }
      case NEW -> {
        session.client().requestBegan();
        if (!clients.awake(session.client())) {
          slot.abandon();
          yield NfsStat4.NFS4ERR_BADSESSION;
        }
        session.slots().began(slot, highestSlotId);
        c.sequenced(slot, replyMax, tooBig);
        encode(c, session, sequenceId, slotId);
        yield NfsStat4.NFS4_OK;
      }
    };
  }

  /**
   * Without state protection a connection joins a session by being used for it (RFC 8881 section
   * 18.34.3). To make it harder to slip into another client's session, this holds only for a
   * connection from a host that the client has used before, and that serves no other client;
   * everybody else has to say BIND_CONN_TO_SESSION.
   */
  private boolean associate(Session session, RpcConnection connection) {
    if (!session.isKnownPeer(connection)
        || connections.servesAnother(connection, session.client())
        || !session.bind(connection, SessionConst4.CDFS4_FORE, true)) {
      return false;
    }
    connections.associated(connection, session);
    return true;
  }

  private void encode(CompoundContext c, Session session, int sequenceId, int slotId) {
    XdrWriter out = c.reply();
    session.id().encode(out);
    out.int32(sequenceId);
    out.int32(slotId);
    out.int32(session.slots().count() - 1);
    out.int32(session.slots().target() - 1);
    out.int32(statusFlags(session));
  }

  private int statusFlags(Session session) {
    ClientRecord client = session.client();
    int flags = owners.statusFlags(client.clientId());
    BackChannel back = session.backChannel();
    if (!back.isUp()) {
      flags |= SessionConst4.SEQ4_STATUS_CB_PATH_DOWN_SESSION;
      if (!client.hasBackChannel()) {
        flags |= SessionConst4.SEQ4_STATUS_CB_PATH_DOWN;
      }
      if (back.isFaulty()) {
        flags |= SessionConst4.SEQ4_STATUS_BACKCHANNEL_FAULT;
      }
    }
    return flags;
  }
}
