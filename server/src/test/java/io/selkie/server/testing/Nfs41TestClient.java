package io.selkie.server.testing;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * One TCP connection to a server, on which a test says what it wants. A thread of its own reads:
 * replies go to whoever waits for their xid, calls to the {@linkplain #onCallback callback
 * handler}.
 */
public final class Nfs41TestClient implements AutoCloseable {

  /** No test waits longer for an answer. */
  public static final int TIMEOUT_SECONDS = 60;

  private static final int RECORD_BYTES_MAX = 16 << 20;

  private final Socket socket;
  private final Map<Integer, CompletableFuture<byte[]>> waiting = new ConcurrentHashMap<>();
  private final CompletableFuture<Void> closedByServer = new CompletableFuture<>();
  private final AtomicInteger lastXid = new AtomicInteger(1000);
  private volatile BiConsumer<XdrReader, XdrWriter> callbackHandler = (in, out) -> {};
  private volatile boolean answersCallbacks = true;
  private volatile int lastCallbackProgram;
  private volatile PcapFile tap;
  private volatile AuthSys credential = new AuthSys().set(0, 0);

  private Nfs41TestClient(Socket socket) {
    this.socket = socket;
  }

  /** Connects. */
  public static Nfs41TestClient connect(InetSocketAddress server) throws IOException {
    Nfs41TestClient client = connectWithoutReading(server);
    Thread.ofVirtual().name("test-client-reader").start(client::readAll);
    return client;
  }

  /** Connects from an address of this machine, such as 127.0.0.2. */
  public static Nfs41TestClient connectFrom(String local, InetSocketAddress server)
      throws IOException {
    Socket socket = new Socket();
    socket.setTcpNoDelay(true);
    socket.bind(new InetSocketAddress(local, 0));
    socket.connect(server, TIMEOUT_SECONDS * 1000);
    Nfs41TestClient client = new Nfs41TestClient(socket);
    Thread.ofVirtual().name("test-client-reader").start(client::readAll);
    return client;
  }

  /** Connects, and never reads anything. */
  public static Nfs41TestClient connectWithoutReading(InetSocketAddress server) throws IOException {
    Socket socket = new Socket();
    socket.setTcpNoDelay(true);
    socket.connect(server, TIMEOUT_SECONDS * 1000);
    return new Nfs41TestClient(socket);
  }

  /** Changes the user that calls are made as; null for AUTH_NONE. */
  public Nfs41TestClient as(AuthSys newCredential) {
    credential = newCredential;
    return this;
  }

  /** Changes the user that calls are made as. */
  public Nfs41TestClient as(int uid) {
    return as(new AuthSys().set(uid, uid));
  }

  /**
   * Sets what answers calls from the server: it reads CB_COMPOUND4args and writes CB_COMPOUND4res.
   */
  public void onCallback(BiConsumer<XdrReader, XdrWriter> handler) {
    callbackHandler = handler;
    answersCallbacks = true;
  }

  /** From now on calls from the server are taken and never answered. */
  public void ignoreCallbacks() {
    answersCallbacks = false;
  }

  /** From now on everything sent and received is noted in a capture file. */
  public Nfs41TestClient tap(PcapFile file) {
    tap = file;
    return this;
  }

  /** The program that the server last called. */
  public int lastCallbackProgram() {
    return lastCallbackProgram;
  }

  /** The underlying socket. */
  public Socket socket() {
    return socket;
  }

  /** Sends a compound and waits for its reply. */
  public CompoundReply call(Compound compound) {
    return await(send(compound));
  }

  /** Sends a compound. */
  public CompletableFuture<CompoundReply> send(Compound compound) {
    return sendCall(Nfs4Const.NFSPROC4_COMPOUND, compound::encode)
        .thenApply(record -> new CompoundReply(record, true));
  }

  /** Calls a procedure of the NFS program and waits for its reply. */
  public CompoundReply callProcedure(int procedure) {
    return await(
        sendCall(procedure, out -> {}).thenApply(record -> new CompoundReply(record, false)));
  }

  private CompletableFuture<byte[]> sendCall(int procedure, Consumer<XdrWriter> arguments) {
    int xid = lastXid.incrementAndGet();
    return sendRecord(
        xid,
        out -> {
          header(out, xid, Nfs4Const.NFS4_PROGRAM, Nfs4Const.NFS_V4, procedure);
          arguments.accept(out);
        });
  }

  /** Writes a call's header with this client's credential. */
  public void header(XdrWriter out, int xid, int program, int version, int procedure) {
    if (credential == null) {
      RpcCall.encode(out, xid, program, version, procedure);
    } else {
      RpcCall.encode(out, xid, program, version, procedure, credential, 0, new byte[0]);
    }
  }

  /** Sends one record, in one fragment, and returns what the reply with this xid will be. */
  public CompletableFuture<byte[]> sendRecord(int xid, Consumer<XdrWriter> content) {
    return sendRecord(xid, content, true);
  }

  /** The same; if {@code really} is false nothing is sent, because the test does it by itself. */
  public CompletableFuture<byte[]> sendRecord(
      int xid, Consumer<XdrWriter> content, boolean really) {
    CompletableFuture<byte[]> reply = new CompletableFuture<>();
    waiting.put(xid, reply);
    if (really) {
      XdrWriter out = Compound.growing(0);
      out.reserveInt32();
      content.accept(out);
      out.patchInt32(0, RecordMark.lastFragment(out.position() - RecordMark.BYTES));
      sendRaw(out.buffer().array(), 0, out.position());
    }
    return reply;
  }

  /** Returns the record of a call, without its mark. */
  public byte[] recordOf(int xid, Compound compound) {
    XdrWriter out = Compound.growing(0);
    header(out, xid, Nfs4Const.NFS4_PROGRAM, Nfs4Const.NFS_V4, Nfs4Const.NFSPROC4_COMPOUND);
    compound.encode(out);
    return Arrays.copyOf(out.buffer().array(), out.position());
  }

  /** Sends bytes as they are. */
  public void sendRaw(byte[] bytes, int offset, int length) {
    try {
      synchronized (socket) {
        if (tap != null) {
          tap.add(true, bytes, offset, length);
        }
        socket.getOutputStream().write(bytes, offset, length);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits for a reply. */
  public static <T> T await(CompletableFuture<T> future) {
    try {
      return future.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new AssertionError("no answer: " + e, e);
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted", e);
    }
  }

  /** Complete when the server has closed the connection. */
  public CompletableFuture<Void> closedByServer() {
    return closedByServer;
  }

  /** Waits until the server has closed the connection. */
  public void awaitClosedByServer() {
    await(closedByServer);
  }

  /** Whether the server has not closed the connection so far. */
  public boolean isOpen() {
    return !closedByServer.isDone();
  }

  private void readAll() {
    try (DataInputStream in = new DataInputStream(socket.getInputStream())) {
      while (true) {
        readRecord(in);
      }
    } catch (IOException e) {
      closedByServer.complete(null);
      waiting
          .values()
          .forEach(reply -> reply.completeExceptionally(new IOException("connection lost", e)));
    }
  }

  private void readRecord(DataInputStream in) throws IOException {
    int mark = in.readInt();
    int length = RecordMark.length(mark);
    if (!RecordMark.isLast(mark) || length > RECORD_BYTES_MAX) {
      throw new EOFException("unexpected record mark " + Integer.toHexString(mark));
    }
    byte[] record = new byte[length];
    in.readFully(record);
    if (tap != null) {
      byte[] marked = ByteBuffer.allocate(4 + length).putInt(mark).put(record).array();
      tap.add(false, marked, 0, marked.length);
    }
    XdrReader reader = new XdrReader(ByteBuffer.wrap(record));
    int xid = reader.int32();
    if (reader.int32() == RpcConst.CALL) {
      answer(xid, reader);
      return;
    }
    CompletableFuture<byte[]> reply = waiting.remove(xid);
    if (reply == null) {
      throw new IOException("reply to nothing, xid " + xid);
    }
    reply.complete(record);
  }

  private void answer(int xid, XdrReader in) {
    RpcCall header = new RpcCall();
    header.decode(xid, in);
    lastCallbackProgram = header.program();
    if (!answersCallbacks) {
      return;
    }
    XdrWriter out = Compound.growing(0);
    out.reserveInt32();
    RpcReply.encodeAccepted(out, xid, RpcConst.SUCCESS);
    callbackHandler.accept(in, out);
    out.patchInt32(0, RecordMark.lastFragment(out.position() - RecordMark.BYTES));
    sendRaw(out.buffer().array(), 0, out.position());
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
