package io.selkie.client.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.selkie.client.FileHandle;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.function.Predicate;

/**
 * Serves CB_COMPOUND (RFC 8881 section 20): CB_SEQUENCE with its slots and replay cache, and
 * CB_LAYOUTRECALL. Runs on the connection's thread; all connections of a client share that thread,
 * so the slot table needs no lock.
 */
public final class BackChannel implements NfsConnection.CallHandler {
  private static final int OPERATIONS_MAX = 8;
  private static final int REPLY_BYTES_MAX = 4096;
  private static final int REFERRING_LISTS_MAX = 64;
  private static final int REFERRING_CALLS_MAX = 1024;
  private static final int REFERRING_LIST_BYTES_MIN = SessionId4.BYTES + Integer.BYTES;
  private static final int REFERRING_CALL_BYTES = 2 * Integer.BYTES;
  private static final int NO_REPLY = -1;

  /**
   * CB_LAYOUTRECALL4args.
   *
   * @param kind LAYOUTRECALL4_FILE, FSID or ALL
   * @param file for FILE, otherwise null
   * @param stateid for FILE, otherwise null
   * @param fsidMajor for FSID
   * @param fsidMinor for FSID
   */
  public record LayoutRecall(
      int layoutType,
      int ioMode,
      boolean changed,
      int kind,
      FileHandle file,
      long offset,
      long length,
      Stateid4 stateid,
      long fsidMajor,
      long fsidMinor) {}

  /** Takes recalls; must not block. */
  @FunctionalInterface
  public interface Recalls {
    /** Answered when the callback is not to be answered at all. */
    int IGNORE = NO_REPLY;

    /** Returns clorr_status, or {@link #IGNORE}. */
    int onLayoutRecall(LayoutRecall recall);
  }

  private static final class Slot {
    int sequence;
    boolean inProgress;
    byte[] cachedReply;
  }

  private final Recalls recalls;
  private final Slot[] slots = new Slot[SessionHandshake.BACK_SLOTS];
  private volatile Predicate<SessionId4> isCurrent = id -> false;
  private SessionId4 slotsOf;

  /** Serves recalls by handing them on. */
  public BackChannel(Recalls recalls) {
    this.recalls = recalls;
  }

  void attach(Predicate<SessionId4> current) {
    this.isCurrent = current;
  }

  @Override
  public void onCall(NfsConnection connection, ByteBuf record) {
    XdrReader in = new XdrReader(record.nioBuffer(record.readerIndex(), record.readableBytes()));
    ByteBuffer bytes = ByteBuffer.allocate(REPLY_BYTES_MAX);
    XdrWriter out = new XdrWriter(bytes);
    out.int32(0);
    int xid = in.int32();
    in.int32();
    boolean reply;
    try {
      reply = serve(xid, in, out);
    } catch (XdrException _) {
      out.rewind(RecordMark.BYTES);
      RpcReply.encodeAccepted(out, xid, RpcConst.GARBAGE_ARGS);
      reply = true;
    }
    if (reply) {
      out.patchInt32(0, RecordMark.lastFragment(out.position() - RecordMark.BYTES));
      connection.reply(Unpooled.wrappedBuffer(out.buffer().flip()));
    }
  }

  private boolean serve(int xid, XdrReader in, XdrWriter out) {
    RpcCall header = new RpcCall();
    switch (header.decode(xid, in)) {
      case RPC_MISMATCH -> RpcReply.encodeRpcMismatch(out, xid);
      case BAD_CREDENTIAL -> RpcReply.encodeAuthError(out, xid, RpcConst.AUTH_BADCRED);
      case UNKNOWN_FLAVOR -> RpcReply.encodeAuthError(out, xid, RpcConst.AUTH_REJECTEDCRED);
      case BAD_VERIFIER -> RpcReply.encodeAuthError(out, xid, RpcConst.AUTH_BADVERF);
      case OK -> {
        if (header.program() != SessionHandshake.CALLBACK_PROGRAM) {
          RpcReply.encodeAccepted(out, xid, RpcConst.PROG_UNAVAIL);
        } else if (header.version() != Nfs4Const.NFS_CB) {
          RpcReply.encodeProgramMismatch(out, xid, Nfs4Const.NFS_CB, Nfs4Const.NFS_CB);
        } else if (header.procedure() == Nfs4Const.CB_NULL) {
          RpcReply.encodeAccepted(out, xid, RpcConst.SUCCESS);
        } else if (header.procedure() != Nfs4Const.CB_COMPOUND) {
          RpcReply.encodeAccepted(out, xid, RpcConst.PROC_UNAVAIL);
        } else {
          RpcReply.encodeAccepted(out, xid, RpcConst.SUCCESS);
          return compound(in, out);
        }
      }
    }
    return true;
  }

  private boolean compound(XdrReader in, XdrWriter out) {
    byte[] tag = in.opaque(Nfs4Const.NFS4_OPAQUE_LIMIT);
    int minorVersion = in.int32();
    in.int32();
    int operations = in.count(Integer.MAX_VALUE, Integer.BYTES);
    int body = out.position();
    int statusAt = out.reserveInt32();
    out.opaque(tag);
    int countAt = out.reserveInt32();
    if (minorVersion != 1) {
      return end(out, statusAt, countAt, NfsStat4.NFS4ERR_MINOR_VERS_MISMATCH, 0);
    }
    if (operations > OPERATIONS_MAX) {
      return end(out, statusAt, countAt, NfsStat4.NFS4ERR_TOO_MANY_OPS, 0);
    }
    Slot slot = null;
    int status = NfsStat4.NFS4_OK;
    int done = 0;
    while (done < operations && status == NfsStat4.NFS4_OK) {
      int operation = in.int32();
      if (done == 0 && operation == NfsCbOp4.OP_CB_SEQUENCE) {
        int mark = out.position();
        slot = sequence(in, out);
        if (slot == null) {
          status = lastStatus(out, mark);
        } else if (slot.cachedReply != null && !slot.inProgress) {
          // A retry: the same bytes as then.
          out.rewind(body);
          out.raw(slot.cachedReply, 0, slot.cachedReply.length);
          return true;
        }
        done++;
        continue;
      }
      status =
          done == 0
              ? result(out, operation, NfsStat4.NFS4ERR_OP_NOT_IN_SESSION)
              : operation(operation, in, out);
      if (status == NO_REPLY) {
        return false;
      }
      done++;
    }
    end(out, statusAt, countAt, status, done);
    if (slot != null) {
      byte[] reply = new byte[out.position() - body];
      out.buffer().get(body, reply);
      slot.cachedReply = reply;
      slot.inProgress = false;
    }
    return true;
  }

  private static boolean end(XdrWriter out, int statusAt, int countAt, int status, int done) {
    out.patchInt32(statusAt, status);
    out.patchInt32(countAt, done);
    return true;
  }

  private static int result(XdrWriter out, int operation, int status) {
    out.int32(operation);
    out.int32(status);
    return status;
  }

  private static int lastStatus(XdrWriter out, int resultAt) {
    return out.buffer().getInt(resultAt + Integer.BYTES);
  }

  /**
   * CB_SEQUENCE, RFC 8881 section 20.9. Returns null after an error result; a slot that is not in
   * progress when the request is a retry with a reply kept; a slot in progress otherwise.
   */
  private Slot sequence(XdrReader in, XdrWriter out) {
    SessionId4 session = SessionId4.decode(in);
    int sequence = in.int32();
    int slotId = in.int32();
    in.int32();
    in.bool();
    int lists = in.count(REFERRING_LISTS_MAX, REFERRING_LIST_BYTES_MIN);
    for (int i = 0; i < lists; i++) {
      in.skip(SessionId4.BYTES);
      int calls = in.count(REFERRING_CALLS_MAX, REFERRING_CALL_BYTES);
      in.skip(calls * REFERRING_CALL_BYTES);
    }
    if (!isCurrent.test(session)) {
      result(out, NfsCbOp4.OP_CB_SEQUENCE, NfsStat4.NFS4ERR_BADSESSION);
      return null;
    }
    if (slotId < 0 || slotId >= slots.length) {
      result(out, NfsCbOp4.OP_CB_SEQUENCE, NfsStat4.NFS4ERR_BADSLOT);
      return null;
    }
    if (!session.equals(slotsOf)) {
      java.util.Arrays.setAll(slots, i -> new Slot());
      slotsOf = session;
    }
    Slot slot = slots[slotId];
    if (sequence == slot.sequence && slot.sequence != 0) {
      if (slot.inProgress) {
        result(out, NfsCbOp4.OP_CB_SEQUENCE, NfsStat4.NFS4ERR_DELAY);
        return null;
      }
      return slot;
    }
    if (sequence != slot.sequence + 1) {
      result(out, NfsCbOp4.OP_CB_SEQUENCE, NfsStat4.NFS4ERR_SEQ_MISORDERED);
      return null;
    }
    slot.sequence = sequence;
    slot.inProgress = true;
    slot.cachedReply = null;
    result(out, NfsCbOp4.OP_CB_SEQUENCE, NfsStat4.NFS4_OK);
    session.encode(out);
    out.int32(sequence);
    out.int32(slotId);
    out.int32(slots.length - 1);
    out.int32(slots.length - 1);
    return slot;
  }

  private int operation(int operation, XdrReader in, XdrWriter out) {
    return switch (operation) {
      case NfsCbOp4.OP_CB_LAYOUTRECALL -> {
        int status = recalls.onLayoutRecall(layoutRecall(in));
        yield status == NO_REPLY ? NO_REPLY : result(out, operation, status);
      }
      case NfsCbOp4.OP_CB_RECALL_ANY -> {
        // A request to give back some of what is held; we hold only what is in use.
        in.int32();
        Bitmap4.skip(in);
        yield result(out, operation, NfsStat4.NFS4_OK);
      }
      case NfsCbOp4.OP_CB_RECALL_SLOT -> {
        // The next SEQUENCE, which renews the lease at the latest, is answered with the same.
        in.int32();
        yield result(out, operation, NfsStat4.NFS4_OK);
      }
      case NfsCbOp4.OP_CB_SEQUENCE -> result(out, operation, NfsStat4.NFS4ERR_SEQUENCE_POS);
      case NfsCbOp4.OP_CB_RECALL, NfsCbOp4.OP_CB_GETATTR ->
          // We never ask for delegations.
          result(out, operation, NfsStat4.NFS4ERR_BADHANDLE);
      default ->
          operation > NfsCbOp4.OP_CB_LAYOUTRECALL && operation <= NfsCbOp4.OP_CB_OFFLOAD
              ? result(out, operation, NfsStat4.NFS4ERR_NOTSUPP)
              : result(out, NfsCbOp4.OP_CB_ILLEGAL, NfsStat4.NFS4ERR_OP_ILLEGAL);
    };
  }

  private static LayoutRecall layoutRecall(XdrReader in) {
    int layoutType = in.int32();
    int ioMode = in.enumeration(LayoutConst4.LAYOUTIOMODE4_READ, LayoutConst4.LAYOUTIOMODE4_ANY);
    boolean changed = in.bool();
    int kind = in.enumeration(LayoutConst4.LAYOUTRECALL4_FILE, LayoutConst4.LAYOUTRECALL4_ALL);
    return switch (kind) {
      case LayoutConst4.LAYOUTRECALL4_FILE -> {
        FileHandle file = new FileHandle(in.opaque(Nfs4Const.NFS4_FHSIZE));
        long offset = in.int64();
        long length = in.int64();
        Stateid4 stateid = Stateids.decode(in);
        yield new LayoutRecall(
            layoutType, ioMode, changed, kind, file, offset, length, stateid, 0, 0);
      }
      case LayoutConst4.LAYOUTRECALL4_FSID ->
          new LayoutRecall(
              layoutType, ioMode, changed, kind, null, 0, -1, null, in.int64(), in.int64());
      default -> new LayoutRecall(layoutType, ioMode, changed, kind, null, 0, -1, null, 0, 0);
    };
  }
}
