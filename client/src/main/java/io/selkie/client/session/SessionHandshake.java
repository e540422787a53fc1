package io.selkie.client.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.selkie.client.NfsStatusException;
import io.selkie.client.ServerProtocolException;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The calls outside of a session: EXCHANGE_ID, CREATE_SESSION, BIND_CONN_TO_SESSION and what ends
 * them (RFC 8881 sections 18.34 to 18.37, 18.50). Each is a compound of its own. Stateless.
 */
final class SessionHandshake {
  /** The program number that the server calls back to. */
  static final int CALLBACK_PROGRAM = Nfs4Const.NFS4_CALLBACK;

  /** Most slots of the back channel that we serve. */
  static final int BACK_SLOTS = 16;

  /** Largest callback request and reply. */
  static final int BACK_BYTES_MAX = 64 * 1024;

  private static final int REQUEST_BYTES_MAX = 8 * 1024;
  private static final int IMPLEMENTATIONS_MAX = 1;
  private static final int SESSION_REQUEST_OVERHEAD = 4096;
  private static final int OPERATIONS_MAX = 64;

  private final ByteBufAllocator allocator;
  private final AuthSys credential;
  private final byte[] machineName;
  private final long callTimeoutNanos;

  SessionHandshake(
      ByteBufAllocator allocator, AuthSys credential, byte[] machineName, long callTimeoutNanos) {
    this.allocator = allocator;
    this.credential = credential;
    this.machineName = machineName.clone();
    this.callTimeoutNanos = callTimeoutNanos;
  }

  /** eir_clientid and what comes with it. */
  record ClientId(long id, int sequence, int flags) {
    /** Whether the server grants layouts at all. */
    boolean isMetadataServer() {
      return (flags & SessionConst4.EXCHGID4_FLAG_USE_PNFS_MDS) != 0;
    }
  }

  /** channel_attrs4, without what only RDMA transports need. */
  record ChannelAttributes(
      int requestBytesMax, int responseBytesMax, int cachedBytesMax, int operations, int requests) {

    private void encode(XdrWriter out) {
      out.int32(0);
      out.int32(requestBytesMax);
      out.int32(responseBytesMax);
      out.int32(cachedBytesMax);
      out.int32(operations);
      out.int32(requests);
      out.int32(0);
    }

    private static ChannelAttributes decode(XdrReader in) {
      in.int32();
      ChannelAttributes attributes =
          new ChannelAttributes(
              bounded(in.uint32()),
              bounded(in.uint32()),
              bounded(in.uint32()),
              bounded(in.uint32()),
              bounded(in.uint32()));
      in.skip(in.count(1, Integer.BYTES) * Integer.BYTES);
      return attributes;
    }

    private static int bounded(long value) {
      return (int) Math.min(value, Integer.MAX_VALUE);
    }
  }

  /** csr_resok4 as far as it is used. */
  record CreatedSession(SessionId4 id, boolean hasBackChannel, ChannelAttributes fore) {}

  ClientId exchangeId(NfsConnection connection, byte[] owner, long verifier) throws IOException {
    try (Compound call = compound("EXCHANGE_ID")) {
      XdrWriter out = call.op(NfsOp4.OP_EXCHANGE_ID);
      out.int64(verifier);
      out.opaque(owner);
      out.int32(SessionConst4.EXCHGID4_FLAG_USE_PNFS_MDS);
      out.int32(SessionConst4.SP4_NONE);
      out.int32(0);
      return call(
          connection,
          call,
          reply -> {
            XdrReader in = reply.ok(NfsOp4.OP_EXCHANGE_ID).in();
            long id = in.int64();
            int sequence = in.int32();
            int flags = in.int32();
            if (in.int32() != SessionConst4.SP4_NONE) {
              throw new ServerProtocolException(
                  "EXCHANGE_ID: the server demands a state protection that was not offered");
            }
            in.int64();
            in.skipVariableOpaque(Nfs4Const.NFS4_OPAQUE_LIMIT);
            in.skipVariableOpaque(Nfs4Const.NFS4_OPAQUE_LIMIT);
            in.count(IMPLEMENTATIONS_MAX, 3 * Integer.BYTES);
            return new ClientId(id, sequence, flags);
          });
    }
  }

  CreatedSession createSession(
      NfsConnection connection, long clientId, int sequence, int transferBytes, int slots)
      throws IOException {
    try (Compound call = compound("CREATE_SESSION")) {
      XdrWriter out = call.op(NfsOp4.OP_CREATE_SESSION);
      out.int64(clientId);
      out.int32(sequence);
      out.int32(SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
      int message = transferBytes + SESSION_REQUEST_OVERHEAD;
      new ChannelAttributes(message, message, SESSION_REQUEST_OVERHEAD, OPERATIONS_MAX, slots)
          .encode(out);
      new ChannelAttributes(BACK_BYTES_MAX, BACK_BYTES_MAX, 4096, 8, BACK_SLOTS).encode(out);
      out.int32(CALLBACK_PROGRAM);
      out.int32(1);
      out.int32(RpcConst.AUTH_NONE);
      return call(
          connection,
          call,
          reply -> {
            XdrReader in = reply.ok(NfsOp4.OP_CREATE_SESSION).in();
            SessionId4 id = SessionId4.decode(in);
            in.int32();
            int flags = in.int32();
            ChannelAttributes fore = ChannelAttributes.decode(in);
            ChannelAttributes.decode(in);
            if (fore.requests() < 1 || fore.operations() < 4 || fore.requestBytesMax() < 1024) {
              throw new ServerProtocolException("CREATE_SESSION: useless limits: " + fore);
            }
            boolean back = (flags & SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN) != 0;
            return new CreatedSession(id, back, fore);
          });
    }
  }

  /** Binds a connection for both directions; an NFS status. */
  int bind(NfsConnection connection, SessionId4 session) throws IOException {
    try (Compound call = compound("BIND_CONN_TO_SESSION")) {
      XdrWriter out = call.op(NfsOp4.OP_BIND_CONN_TO_SESSION);
      session.encode(out);
      out.int32(SessionConst4.CDFC4_FORE_OR_BOTH);
      out.bool(false);
      return call(connection, call, reply -> reply.next(NfsOp4.OP_BIND_CONN_TO_SESSION));
    }
  }

  /** Destroys a session; an NFS status. */
  int destroySession(NfsConnection connection, SessionId4 session) throws IOException {
    try (Compound call = compound("DESTROY_SESSION")) {
      session.encode(call.op(NfsOp4.OP_DESTROY_SESSION));
      return call(connection, call, reply -> reply.next(NfsOp4.OP_DESTROY_SESSION));
    }
  }

  /** Destroys a client id without sessions; an NFS status. */
  int destroyClientId(NfsConnection connection, long clientId) throws IOException {
    try (Compound call = compound("DESTROY_CLIENTID")) {
      call.op(NfsOp4.OP_DESTROY_CLIENTID).int64(clientId);
      return call(connection, call, reply -> reply.next(NfsOp4.OP_DESTROY_CLIENTID));
    }
  }

  private Compound compound(String name) {
    return new Compound(name, allocator, REQUEST_BYTES_MAX, credential, machineName);
  }

  private <T> T call(NfsConnection connection, Compound call, Nfs41Session.Decoder<T> decoder)
      throws IOException {
    int xid = connection.newXid();
    CompletableFuture<ByteBuf> pending = connection.send(xid, call.record(xid));
    try (Reply reply = new Reply(call.name(), await(connection, call, xid, pending))) {
      return decoder.decode(reply);
    } catch (XdrException e) {
      throw new ServerProtocolException(call.name() + ": malformed reply: " + e.getMessage(), e);
    }
  }

  private ByteBuf await(
      NfsConnection connection, Compound call, int xid, CompletableFuture<ByteBuf> pending)
      throws IOException {
    try {
      return pending.get(callTimeoutNanos, TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw new ConnectionLostException(call.name() + ": " + e.getCause().getMessage(), e);
    } catch (TimeoutException e) {
      connection.forget(xid, pending);
      throw new ConnectionLostException(
          call.name()
              + ": no answer from "
              + connection.peer()
              + " within "
              + callTimeoutNanos / 1_000_000
              + " ms",
          e);
    } catch (InterruptedException e) {
      connection.forget(xid, pending);
      Thread.currentThread().interrupt();
      java.io.InterruptedIOException interrupted =
          new java.io.InterruptedIOException(call.name() + ": interrupted");
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  /** Whether a status means that the session is gone. */
  static boolean sessionIsGone(int status) {
    return status == NfsStat4.NFS4ERR_BADSESSION
        || status == NfsStat4.NFS4ERR_DEADSESSION
        || status == NfsStat4.NFS4ERR_STALE_CLIENTID;
  }

  /** Whether an exception says that the client id is gone. */
  static boolean clientIdIsGone(NfsStatusException e) {
    return e.status() == NfsStat4.NFS4ERR_STALE_CLIENTID;
  }
}
