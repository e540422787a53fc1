package io.selkie.client.fake;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/** Carries one COMPOUND out: sessions here, files in {@link FakeOperations}. */
final class FakeCompound {
  private final FakeServer server;
  private final FakeState state;
  private final XdrReader in;
  private final XdrWriter out;
  private int count;
  private int status;
  private FakeState.Slot slot;
  private int decision;

  /** It was carried out before, and nobody knows any more what it answered. */
  private boolean forgotten;

  FakeCompound(FakeServer server, XdrReader in, XdrWriter out) {
    this.server = server;
    this.state = server.state;
    this.in = in;
    this.out = out;
  }

  /** Returns what to do with the reply. */
  int run() {
    synchronized (state) {
      byte[] tag = in.opaque(1024);
      in.int32();
      int operations = in.int32();
      int body = out.position();
      int statusAt = out.reserveInt32();
      out.opaque(tag);
      int countAt = out.reserveInt32();
      FakeOperations files = new FakeOperations(state, in, out);
      int verdict = FakeServer.PROCEED;
      for (int i = 0; i < operations && status == NFS4_OK; i++) {
        int operation = in.int32();
        String name = NfsOp4.name(operation).substring("OP_".length());
        decision = forgotten ? NFS4ERR_RETRY_UNCACHED_REP : server.decide(name);
        if (decision == FakeServer.DROP_CALL || decision == FakeServer.SILENCE) {
          if (slot != null) {
            slot.sequence--;
          }
          return decision;
        }
        if (decision == FakeServer.DROP_REPLY) {
          verdict = decision;
        }
        out.int32(operation);
        int resultAt = out.reserveInt32();
        count++;
        if (decision > 0) {
          status = decision;
          if (operation == NfsOp4.OP_LAYOUTGET && status == NFS4ERR_LAYOUTTRYLATER) {
            out.bool(false);
          }
        } else {
          server.log(name + files.peek(operation));
          status = isSession(operation) ? session(operation) : files.run(operation);
        }
        if (slot != null && !forgotten && slot.reply != null && operation == NfsOp4.OP_SEQUENCE) {
          out.rewind(body);
          out.raw(slot.reply, 0, slot.reply.length);
          return verdict;
        }
        out.patchInt32(resultAt, status);
      }
      out.patchInt32(statusAt, status);
      out.patchInt32(countAt, count);
      if (slot != null && !forgotten) {
        slot.reply = new byte[out.position() - body];
        out.buffer().get(body, slot.reply);
      }
      return verdict;
    }
  }

  private static boolean isSession(int operation) {
    return switch (operation) {
      case NfsOp4.OP_EXCHANGE_ID,
          NfsOp4.OP_CREATE_SESSION,
          NfsOp4.OP_DESTROY_SESSION,
          NfsOp4.OP_DESTROY_CLIENTID,
          NfsOp4.OP_BIND_CONN_TO_SESSION,
          NfsOp4.OP_SEQUENCE,
          NfsOp4.OP_RECLAIM_COMPLETE,
          NfsOp4.OP_TEST_STATEID,
          NfsOp4.OP_FREE_STATEID ->
          true;
      default -> false;
    };
  }

  private int session(int operation) {
    return switch (operation) {
      case NfsOp4.OP_EXCHANGE_ID -> exchangeId();
      case NfsOp4.OP_CREATE_SESSION -> createSession();
      case NfsOp4.OP_BIND_CONN_TO_SESSION -> bind();
      case NfsOp4.OP_SEQUENCE -> sequence();
      case NfsOp4.OP_RECLAIM_COMPLETE -> {
        in.bool();
        yield NFS4_OK;
      }
      case NfsOp4.OP_TEST_STATEID -> {
        in.int32();
        Stateid4 tested = Stateids.decode(in);
        out.int32(1);
        boolean revoked =
            state.files.values().stream()
                .anyMatch(f ->
                    f.isRevoked && f.layoutStateid != null && f.layoutStateid.sameOther(tested));
        out.int32(revoked ? NFS4ERR_ADMIN_REVOKED : NFS4_OK);
        yield NFS4_OK;
      }
      case NfsOp4.OP_FREE_STATEID -> {
        Stateid4 freed = Stateids.decode(in);
        for (FakeFile file : state.files.values()) {
          if (file.layoutStateid != null && file.layoutStateid.sameOther(freed)) {
            file.layoutStateid = null;
            file.isRevoked = false;
          }
        }
        yield NFS4_OK;
      }
      default -> {
        in.skip(in.remaining());
        yield NFS4_OK;
      }
    };
  }

  private int exchangeId() {
    in.int64();
    in.opaque(1024);
    in.int32();
    in.int32();
    in.int32();
    if (!state.isClientKnown) {
      state.isClientKnown = true;
      state.clientId++;
      state.createSequence = 1;
    }
    out.int64(state.clientId);
    out.int32(state.createSequence);
    out.int32(SessionConst4.EXCHGID4_FLAG_USE_PNFS_MDS);
    out.int32(0);
    out.int64(0);
    out.utf8("fake");
    out.utf8("fake");
    out.int32(0);
    return NFS4_OK;
  }

  private int createSession() {
    long clientId = in.int64();
    int sequence = in.int32();
    in.skip(in.remaining());
    if (clientId != state.clientId || !state.isClientKnown) {
      return NFS4ERR_STALE_CLIENTID;
    }
    if (sequence != state.createSequence) {
      return NFS4ERR_SEQ_MISORDERED;
    }
    state.createSequence++;
    state.forgetSession();
    state.sessionId = new SessionId4(42, state.nextSession++);
    state.sessionId.encode(out);
    out.int32(sequence);
    out.int32(SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
    channel(64);
    channel(8);
    return NFS4_OK;
  }

  private void channel(int requests) {
    out.int32(0);
    out.int32(1 << 20);
    out.int32(1 << 20);
    out.int32(4096);
    out.int32(16);
    out.int32(requests);
    out.int32(0);
  }

  private int bind() {
    SessionId4 id = SessionId4.decode(in);
    in.int32();
    in.bool();
    if (!id.equals(state.sessionId)) {
      return NFS4ERR_BADSESSION;
    }
    id.encode(out);
    out.int32(SessionConst4.CDFS4_BOTH);
    out.bool(false);
    return NFS4_OK;
  }

  private int sequence() {
    SessionId4 id = SessionId4.decode(in);
    int sequence = in.int32();
    int slotId = in.int32();
    in.int32();
    boolean keepsReply = in.bool();
    if (!id.equals(state.sessionId)) {
      return NFS4ERR_BADSESSION;
    }
    FakeState.Slot used = state.slots.computeIfAbsent(slotId, i -> new FakeState.Slot());
    if (sequence == used.sequence && used.reply != null) {
      slot = used;
      forgotten = state.forgetsReplies && !used.keepsReply;
      return forgotten ? sequenceOk(id, sequence, slotId) : NFS4_OK;
    }
    if (sequence != used.sequence + 1) {
      return NFS4ERR_SEQ_MISORDERED;
    }
    used.sequence = sequence;
    used.reply = null;
    used.keepsReply = keepsReply;
    slot = used;
    return sequenceOk(id, sequence, slotId);
  }

  private int sequenceOk(SessionId4 id, int sequence, int slotId) {
    id.encode(out);
    out.int32(sequence);
    out.int32(slotId);
    out.int32(63);
    out.int32(63);
    boolean revoked = state.files.values().stream().anyMatch(f -> f.isRevoked);
    out.int32(revoked ? SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED : 0);
    return NFS4_OK;
  }

  /** Bitmaps are read by both halves. */
  static Bitmap4 bitmap(XdrReader in) {
    return new Bitmap4().decode(in);
  }
}
