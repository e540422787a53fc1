package io.selkie.server.session;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The smaller operations on sessions, clients and stateids, one class each. */
final class SessionOps {

  private SessionOps() {}

  /** What they have in common: they touch memory only. */
  abstract static class MemoryOperation implements Operation {
    private final int opcode;
    private final Position position;

    MemoryOperation(int opcode, Position position) {
      this.opcode = opcode;
      this.position = position;
    }

    @Override
    public final int opcode() {
      return opcode;
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public final Position position() {
      return position;
    }
  }

  /** BIND_CONN_TO_SESSION, RFC 8881 section 18.34. */
  static final class BindConnToSession extends MemoryOperation {
    private final ClientTable clients;
    private final Connections connections;

    BindConnToSession(ClientTable clients, Connections connections) {
      super(NfsOp4.OP_BIND_CONN_TO_SESSION, Position.ALONE);
      this.clients = clients;
      this.connections = connections;
    }

    @Override
    public int replyBytesMax() {
      return SessionId4.BYTES + 2 * Integer.BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      XdrReader in = c.args();
      SessionId4 id = SessionId4.decode(in);
      int wanted = in.int32();
      in.bool();
      if (wanted < SessionConst4.CDFC4_FORE
          || (wanted > SessionConst4.CDFC4_FORE_OR_BOTH
              && wanted != SessionConst4.CDFC4_BACK_OR_BOTH)) {
        return NfsStat4.NFS4ERR_BADXDR;
      }
      Session session = clients.session(id);
      if (session == null) {
        return NfsStat4.NFS4ERR_BADSESSION;
      }
      int directions = session.bindExplicitly(c.connection(), wanted);
      if (directions < 0) {
        return -directions;
      }
      connections.associated(c.connection(), session);
      XdrWriter out = c.reply();
      id.encode(out);
      out.int32(directions);
      out.bool(false);
      return NfsStat4.NFS4_OK;
    }
  }

  /** BACKCHANNEL_CTL, RFC 8881 section 18.33. */
  static final class BackchannelCtl extends MemoryOperation {
    private final ClientTable clients;

    BackchannelCtl(ClientTable clients) {
      super(NfsOp4.OP_BACKCHANNEL_CTL, Position.IN_SESSION);
      this.clients = clients;
    }

    @Override
    public int execute(CompoundContext c) {
      int program = c.args().int32();
      CallbackSecurity security = CallbackSecurity.decode(c.args());
      Session session = clients.session(c.sessionId());
      if (session == null) {
        return NfsStat4.NFS4ERR_DEADSESSION;
      }
      if (security.status() != NfsStat4.NFS4_OK) {
        return security.status();
      }
      session.backChannel().target(program, security);
      return NfsStat4.NFS4_OK;
    }
  }

  /** DESTROY_SESSION, RFC 8881 section 18.37. */
  static final class DestroySession extends MemoryOperation {
    private final ClientTable clients;

    DestroySession(ClientTable clients) {
      super(NfsOp4.OP_DESTROY_SESSION, Position.IN_SESSION_OR_ALONE);
      this.clients = clients;
    }

    @Override
    public int execute(CompoundContext c) {
      SessionId4 id = SessionId4.decode(c.args());
      if (c.slot() != null && id.equals(c.sessionId()) && !c.isLastOp()) {
        return NfsStat4.NFS4ERR_NOT_ONLY_OP;
      }
      Session session = clients.session(id);
      if (session == null) {
        return NfsStat4.NFS4ERR_BADSESSION;
      }
      if (!session.isBound(c.connection())) {
        return NfsStat4.NFS4ERR_CONN_NOT_BOUND_TO_SESSION;
      }
      clients.destroySession(session);
      return NfsStat4.NFS4_OK;
    }
  }

  /** DESTROY_CLIENTID, RFC 8881 section 18.50. */
  static final class DestroyClientid extends MemoryOperation {
    private final ClientTable clients;

    DestroyClientid(ClientTable clients) {
      super(NfsOp4.OP_DESTROY_CLIENTID, Position.IN_SESSION_OR_ALONE);
      this.clients = clients;
    }

    @Override
    public int execute(CompoundContext c) {
      long clientId = c.args().int64();
      if (c.slot() != null && c.clientId() == clientId) {
        return NfsStat4.NFS4ERR_CLIENTID_BUSY;
      }
      return clients.destroyClient(clientId);
    }
  }

  /**
   * RECLAIM_COMPLETE, RFC 8881 section 18.51. No file system migrates here, so the form for one of
   * them only needs a file handle.
   */
  static final class ReclaimComplete extends MemoryOperation {
    private final ClientTable clients;
    private final ClientMemory memory;

    ReclaimComplete(ClientTable clients, ClientMemory memory) {
      super(NfsOp4.OP_RECLAIM_COMPLETE, Position.IN_SESSION);
      this.clients = clients;
      this.memory = memory;
    }

    @Override
    public int execute(CompoundContext c) {
      boolean oneFs = c.args().bool();
      if (oneFs) {
        return c.currentFile() == null ? NfsStat4.NFS4ERR_NOFILEHANDLE : NfsStat4.NFS4_OK;
      }
      ClientRecord client = clients.confirmed(c.clientId());
      if (client == null) {
        return NfsStat4.NFS4ERR_DEADSESSION;
      }
      if (client.isReclaimComplete()) {
        return NfsStat4.NFS4ERR_COMPLETE_ALREADY;
      }
      CompletableFuture<Void> kept = memory.reclaimComplete(c.clientId()).toCompletableFuture();
      return kept.isDone()
          ? answer(client, kept.isCompletedExceptionally())
          : c.suspend(kept, (context, nothing, failure) -> answer(client, failure != null));
    }

    private static int answer(ClientRecord client, boolean failed) {
      if (failed) {
        // What it has reclaimed would not outlive the next restart.
        return NfsStat4.NFS4ERR_DELAY;
      }
      return client.completeReclaim() ? NfsStat4.NFS4_OK : NfsStat4.NFS4ERR_COMPLETE_ALREADY;
    }
  }

  /** FREE_STATEID, RFC 8881 section 18.38. */
  static final class FreeStateid extends MemoryOperation {
    private final StateOwners owners;

    FreeStateid(StateOwners owners) {
      super(NfsOp4.OP_FREE_STATEID, Position.IN_SESSION);
      this.owners = owners;
    }

    @Override
    public int execute(CompoundContext c) {
      Stateid4 stateid = c.resolve(Stateids.decode(c.args()));
      return stateid == null
          ? NfsStat4.NFS4ERR_BAD_STATEID
          : owners.freeStateid(c.clientId(), stateid);
    }
  }

  /** TEST_STATEID, RFC 8881 section 18.48. */
  static final class TestStateid extends MemoryOperation {
    private final StateOwners owners;

    TestStateid(StateOwners owners) {
      super(NfsOp4.OP_TEST_STATEID, Position.IN_SESSION);
      this.owners = owners;
    }

    @Override
    public int execute(CompoundContext c) {
      int count = c.args().count(Integer.MAX_VALUE, Stateids.BYTES);
      c.reply().ensure((count + 1) * Integer.BYTES);
      c.reply().int32(count);
      for (int i = 0; i < count; i++) {
        c.reply().int32(owners.testStateid(c.clientId(), Stateids.decode(c.args())));
      }
      return NfsStat4.NFS4_OK;
    }
  }

  /** SECINFO_NO_NAME, RFC 8881 section 18.45. */
  static final class SecinfoNoName extends MemoryOperation {
    private final SecurityQuery query;

    SecinfoNoName(SecurityQuery query) {
      super(NfsOp4.OP_SECINFO_NO_NAME, Position.IN_SESSION);
      this.query = query;
    }

    @Override
    public Cost cost() {
      return Cost.BLOCKING;
    }

    @Override
    public int execute(CompoundContext c) {
      int style =
          c.args()
              .enumeration(Nfs4Const.SECINFO_STYLE4_CURRENT_FH, Nfs4Const.SECINFO_STYLE4_PARENT);
      if (c.currentFile() == null) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      boolean ofParent = style == Nfs4Const.SECINFO_STYLE4_PARENT;
      if (ofParent) {
        int status = query.checkParent(c);
        if (status != NfsStat4.NFS4_OK) {
          return status;
        }
      }
      List<Integer> flavors = query.flavors(c, ofParent);
      c.reply().int32(flavors.size());
      flavors.forEach(c.reply()::int32);
      c.consumeCurrentFile();
      return NfsStat4.NFS4_OK;
    }
  }
}
