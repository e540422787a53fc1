package io.selkie.client.fake;

import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToIntFunction;
import java.util.function.UnaryOperator;

/** The server; see the package. */
public final class FakeServer implements AutoCloseable {
  /** Answer of a script: carry the operation out. */
  public static final int PROCEED = 0;

  /** Answer of a script: carry the compound out, keep the reply, and break the connection. */
  public static final int DROP_REPLY = -1;

  /** Answer of a script: break the connection without carrying anything out. */
  public static final int DROP_CALL = -2;

  /** Answer of a script: never answer this call. */
  public static final int SILENCE = -3;

  private static final int RECORD_MAX = 4 << 20;

  private final ServerSocket socket;
  private final List<Connection> connections = new CopyOnWriteArrayList<>();
  private final AtomicInteger callbackXid = new AtomicInteger(1);
  private final Map<Integer, CompletableFuture<ByteBuffer>> callbacks = new ConcurrentHashMap<>();
  private final List<String> log = new CopyOnWriteArrayList<>();
  final FakeState state;
  private volatile ToIntFunction<String> script = operation -> PROCEED;
  private volatile UnaryOperator<ByteBuffer> replyFilter = reply -> reply;
  private volatile boolean closed;

  /** Listens on the loopback address. */
  public FakeServer() throws IOException {
    state = new FakeState(this);
    socket = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
    Thread.ofPlatform().daemon().name("fake-accept").start(this::accept);
  }

  /** The NFS port. */
  public int port() {
    return socket.getLocalPort();
  }

  /** State and files. */
  public FakeState state() {
    return state;
  }

  /**
   * Decides about each operation, by the RFC's name: an NFS status to answer instead, or one of the
   * constants. Called once for an operation, before it is carried out.
   */
  public void script(ToIntFunction<String> newScript) {
    script = newScript;
  }

  /** Changes replies on their way out; null drops one. */
  public void filterReplies(UnaryOperator<ByteBuffer> filter) {
    replyFilter = filter;
  }

  /** Operations carried out, in order, as "NAME" or "NAME offset+length". */
  public List<String> log() {
    return log;
  }

  void log(String entry) {
    log.add(entry);
    synchronized (log) {
      log.notifyAll();
    }
  }

  /** Waits until an operation was carried out, and until the compound it was in is over. */
  public void awaitLog(String operation) throws InterruptedException {
    awaitLogCount(operation, 1);
  }

  /** Waits until an operation was carried out so many times. */
  public void awaitLogCount(String operation, int count) throws InterruptedException {
    synchronized (log) {
      while (counts().getOrDefault(operation, 0) < count) {
        log.wait(10_000);
      }
    }
    synchronized (state) {
      // Whoever carries a compound out holds the monitor until its end.
      var _ = log.size();
    }
  }

  int decide(String operation) {
    return script.applyAsInt(operation);
  }

  private void accept() {
    while (!closed) {
      try {
        Connection connection = new Connection(socket.accept());
        connections.add(connection);
        Thread.ofPlatform().daemon().name("fake-connection").start(connection);
      } catch (IOException e) {
        if (!closed) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  /** Breaks all connections. */
  public void dropConnections() throws IOException {
    for (Connection connection : connections) {
      connection.socket.close();
    }
    connections.clear();
  }

  @Override
  public void close() throws IOException {
    closed = true;
    socket.close();
    dropConnections();
    state.close();
  }

  /** CB_LAYOUTRECALL of a range of a file; the stateid's seqid moves on as the RFC says. */
  public CompletableFuture<Integer> recall(FakeFile file, long offset, long length) {
    Stateid4 stateid;
    synchronized (state) {
      Stateid4 now = file.layoutStateid;
      stateid = now.withSeqid(now.seqid() + 1);
      file.layoutStateid = stateid;
    }
    return callBack(out -> {
      out.int32(NfsCbOp4.OP_CB_LAYOUTRECALL);
      out.int32(io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_RDMA);
      out.int32(io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY);
      out.bool(false);
      out.int32(io.selkie.protocol.nfs4.LayoutConst4.LAYOUTRECALL4_FILE);
      out.opaque(file.handle.bytes());
      out.int64(offset);
      out.int64(length);
      Stateids.encode(out, stateid);
    });
  }

  /** A CB_COMPOUND of CB_SEQUENCE and one more operation; the future holds that one's status. */
  public CompletableFuture<Integer> callBack(java.util.function.Consumer<XdrWriter> operation) {
    int sequence;
    SessionId4 session;
    synchronized (state) {
      sequence = ++state.callbackSequence;
      session = state.sessionId;
    }
    return callBack(session, sequence, operation);
  }

  /** The same with a sequence of the test's choice, in slot 0. */
  public CompletableFuture<Integer> callBack(
      SessionId4 session, int sequence, java.util.function.Consumer<XdrWriter> operation) {
    int xid = callbackXid.getAndIncrement();
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(8192));
    out.int32(0);
    RpcCall.encode(out, xid, 0x40000000, 1, 1);
    out.utf8("");
    out.int32(1);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    session.encode(out);
    out.int32(sequence);
    out.int32(0);
    out.int32(0);
    out.bool(true);
    out.int32(0);
    operation.accept(out);
    CompletableFuture<ByteBuffer> reply = new CompletableFuture<>();
    callbacks.put(xid, reply);
    send(connections.getLast(), out);
    return reply.thenApply(FakeServer::callbackStatus);
  }

  private static int callbackStatus(ByteBuffer reply) {
    XdrReader in = new XdrReader(reply);
    in.skip(8);
    RpcReply header = new RpcReply();
    header.decode(in);
    return header.isSuccess() ? in.int32() : -header.stat();
  }

  private static void send(Connection connection, XdrWriter out) {
    out.patchInt32(0, RecordMark.lastFragment(out.position() - RecordMark.BYTES));
    connection.send(out.buffer().flip());
  }

  /** Waits for a callback's status. */
  public static int await(CompletableFuture<Integer> callback) throws Exception {
    return callback.get(60, TimeUnit.SECONDS);
  }

  private final class Connection implements Runnable {
    private final Socket socket;

    Connection(Socket socket) throws IOException {
      this.socket = socket;
      socket.setTcpNoDelay(true);
    }

    @Override
    public void run() {
      try (socket) {
        DataInputStream in = new DataInputStream(socket.getInputStream());
        while (true) {
          int mark = in.readInt();
          if (RecordMark.length(mark) > RECORD_MAX) {
            throw new IOException("record too long");
          }
          byte[] record = in.readNBytes(RecordMark.length(mark));
          handle(ByteBuffer.wrap(record));
        }
      } catch (IOException e) {
        connections.remove(this);
      }
    }

    private void handle(ByteBuffer record) throws IOException {
      XdrReader in = new XdrReader(record);
      int xid = in.int32();
      if (in.int32() == RpcConst.REPLY) {
        CompletableFuture<ByteBuffer> callback = callbacks.remove(xid);
        if (callback != null) {
          callback.complete(record.rewind());
        }
        return;
      }
      RpcCall header = new RpcCall();
      header.decode(xid, in);
      XdrWriter out = new XdrWriter(ByteBuffer.allocate(RECORD_MAX));
      out.int32(0);
      RpcReply.encodeAccepted(out, xid, RpcConst.SUCCESS);
      int what = PROCEED;
      if (header.procedure() != 0) {
        what = new FakeCompound(FakeServer.this, in, out).run();
      }
      if (what == DROP_CALL || what == DROP_REPLY) {
        throw new IOException("dropped by the test");
      }
      if (what != SILENCE) {
        ByteBuffer filtered = replyFilter.apply(flip(out));
        if (filtered != null) {
          send(filtered);
        }
      }
    }

    private ByteBuffer flip(XdrWriter out) {
      out.patchInt32(0, RecordMark.lastFragment(out.position() - RecordMark.BYTES));
      return out.buffer().flip();
    }

    private synchronized void send(ByteBuffer bytes) {
      try {
        DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        out.write(copy);
        out.flush();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** A script that answers one status a number of times to one operation. */
  public static ToIntFunction<String> times(int count, String operation, int answer) {
    AtomicInteger left = new AtomicInteger(count);
    return name ->
        name.equals(operation) && left.getAndUpdate(n -> n > 0 ? n - 1 : 0) > 0 ? answer : PROCEED;
  }

  /** One script after the other; the first that does not say PROCEED decides. */
  public static ToIntFunction<String> all(List<ToIntFunction<String>> scripts) {
    List<ToIntFunction<String>> copy = new ArrayList<>(scripts);
    return name ->
        copy.stream()
            .mapToInt(s -> s.applyAsInt(name))
            .filter(a -> a != PROCEED)
            .findFirst()
            .orElse(PROCEED);
  }

  /** Counts log entries by operation. */
  public Map<String, Integer> counts() {
    Map<String, Integer> counts = new HashMap<>();
    for (String entry : log) {
      counts.merge(entry.split(" ", 2)[0], 1, Integer::sum);
    }
    return counts;
  }
}
