package io.selkie.test.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A small NFSv4.1 client by hand: one session, one slot, no back channel unless asked for. It knows
 * the results of those operations that tests look into and stops reading at any other.
 */
public final class RawNfs implements AutoCloseable {

  private static final int LAYOUTRECALL4_FILE = 1;

  private final RawRpc rpc;
  private final String owner;
  private final byte[] verifier;
  private long clientId;
  private byte[] sessionId = new byte[16];
  private int sequence;
  private int minorVersion = 1;

  private RawNfs(RawRpc rpc, String owner, byte[] verifier) {
    this.rpc = rpc;
    this.owner = owner;
    this.verifier = verifier;
  }

  /** Connects and sets up a session of a new client. */
  public static RawNfs connect(InetSocketAddress address, String owner) throws IOException {
    RawNfs nfs =
        new RawNfs(RawRpc.connect(address), owner, owner.repeat(8).substring(0, 8).getBytes(UTF_8));
    nfs.startSession(false);
    return nfs;
  }

  /**
   * Like {@link #connect}, with the connection as back channel too; what comes over it is answered
   * by {@link #awaitRecall} only.
   */
  public static RawNfs connectWithBackChannel(InetSocketAddress address, String owner)
      throws IOException {
    RawNfs nfs =
        new RawNfs(RawRpc.connect(address), owner, owner.repeat(8).substring(0, 8).getBytes(UTF_8));
    nfs.startSession(true);
    return nfs;
  }

  private void startSession(boolean backChannel) throws IOException {
    Reply exchange = call(Op.exchangeId(verifier, owner)).expectOk();
    exchange.result(Op.EXCHANGE_ID);
    clientId = exchange.body.getLong();
    int firstSequence = exchange.body.getInt();
    Reply create = call(Op.createSession(clientId, firstSequence, backChannel)).expectOk();
    create.result(Op.CREATE_SESSION);
    create.body.get(sessionId);
    compound(Op.reclaimComplete()).expectOk();
  }

  /** The RPC connection beneath. */
  public RawRpc rpc() {
    return rpc;
  }

  /** The client's id. */
  public long clientId() {
    return clientId;
  }

  /** The session's id: 16 bytes. */
  public byte[] sessionId() {
    return sessionId.clone();
  }

  /** Sends a COMPOUND that begins with SEQUENCE and takes the answer. */
  public Reply compound(Op... operations) throws IOException {
    List<Op> all = new ArrayList<>();
    all.add(Op.sequence(sessionId, ++sequence, 0));
    all.addAll(List.of(operations));
    Reply reply = call(all.toArray(Op[]::new));
    if (reply.status == 0 || reply.operations > 0) {
      reply.skipSequence();
    }
    return reply;
  }

  /** The same as NFSv4.2. */
  public Reply compound42(Op... operations) throws IOException {
    minorVersion = 2;
    try {
      return compound(operations);
    } finally {
      minorVersion = 1;
    }
  }

  /** The record of a COMPOUND that begins with SEQUENCE, for a test to send as it likes. */
  public byte[] record(Op... operations) {
    List<Op> all = new ArrayList<>();
    all.add(Op.sequence(sessionId, ++sequence, 0));
    all.addAll(List.of(operations));
    return record(rpc, all.toArray(Op[]::new));
  }

  /** The record of a COMPOUND on a slot and sequence of the caller's choice. */
  public byte[] record(int slot, int slotSequence, Op... operations) {
    List<Op> all = new ArrayList<>();
    all.add(Op.sequence(sessionId, slotSequence, slot));
    all.addAll(List.of(operations));
    return record(rpc, all.toArray(Op[]::new));
  }

  /** The record of a COMPOUND with just these operations. */
  public static byte[] record(RawRpc rpc, Op... operations) {
    return record(rpc, 1, operations);
  }

  private static byte[] record(RawRpc rpc, int minorVersion, Op[] operations) {
    XdrBytes call = rpc.callHeader(1).string("").u32(minorVersion).u32(operations.length);
    for (Op operation : operations) {
      call.append(operation.encoded());
    }
    return call.bytes();
  }

  /** Sends a COMPOUND with just these operations and takes the answer, callbacks put aside. */
  public Reply call(Op... operations) throws IOException {
    int xid = rpc.nextXid();
    rpc.send(record(rpc, minorVersion, operations));
    while (true) {
      ByteBuffer record = rpc.receive();
      if (record.getInt(0) == xid && record.getInt(4) == 1) {
        return new Reply(record);
      }
    }
  }

  /** The handle of a file of an export. */
  public byte[] handleOf(String export, String name) throws IOException {
    Reply reply =
        compound(Op.putRootFh(), Op.lookup(export), Op.lookup(name), Op.getFh()).expectOk();
    reply.result(Op.PUTROOTFH);
    reply.result(Op.LOOKUP);
    reply.result(Op.LOOKUP);
    reply.result(Op.GETFH);
    return reply.opaque();
  }

  /** Opens a file of an export for reading and writing. */
  public OpenFile open(String export, String name) throws IOException {
    Reply reply =
        compound(
                Op.putRootFh(),
                Op.lookup(export),
                Op.open(clientId, owner, name, false),
                Op.getFh())
            .expectOk();
    reply.result(Op.PUTROOTFH);
    reply.result(Op.LOOKUP);
    reply.result(Op.OPEN);
    Opaque stateid = new Opaque(reply.bytes(16));
    reply.skipRestOfOpen();
    reply.result(Op.GETFH);
    return new OpenFile(new Opaque(reply.opaque()), stateid);
  }

  /**
   * Asks for a layout; the answer's extents are parsed by the draft's layout (48 bytes each).
   *
   * @return nothing but the status when it was refused
   */
  public Layout layoutGet(OpenFile file, Opaque stateid, int ioMode, long offset, long length)
      throws IOException {
    return layoutGet(file, stateid, Op.LAYOUT4_RDMA, ioMode, offset, length);
  }

  /** The same of a type; extents of other types than Selkie's own are not looked into. */
  public Layout layoutGet(
      OpenFile file, Opaque stateid, long type, int ioMode, long offset, long length)
      throws IOException {
    Reply reply =
        compound(
            Op.putFh(file.handle.bytes()),
            Op.layoutGet(stateid.bytes(), type, ioMode, offset, length, 1));
    if (reply.status != 0) {
      return new Layout(reply.status, new Opaque(new byte[16]), List.of());
    }
    reply.result(Op.PUTFH);
    reply.result(Op.LAYOUTGET);
    reply.body.getInt();
    Opaque layoutStateid = new Opaque(reply.bytes(16));
    List<Extent> extents = new ArrayList<>();
    int layouts = reply.body.getInt();
    for (int i = 0; i < layouts; i++) {
      reply.bytes(8 + 8 + 4 + 4);
      ByteBuffer content = ByteBuffer.wrap(reply.opaque());
      int count = type == Op.LAYOUT4_RDMA ? content.getInt() : 0;
      for (int j = 0; j < count; j++) {
        byte[] device = new byte[16];
        content.get(device);
        extents.add(
            new Extent(
                new Opaque(device),
                content.getLong(),
                content.getInt(),
                content.getLong(),
                content.getLong(),
                content.getInt()));
      }
    }
    return new Layout(0, layoutStateid, extents);
  }

  /** Waits for CB_LAYOUTRECALL of one file, answers it with NFS4_OK and tells what it says. */
  public Recall awaitRecall() throws IOException {
    ByteBuffer call = rpc.receive();
    int xid = call.getInt();
    if (call.getInt() != 0) {
      throw new IOException("a reply instead of a callback");
    }
    // RPC version, program, version, procedure; credentials and verifier.
    call.position(call.position() + 16);
    skipAuth(call);
    skipAuth(call);
    // Tag, minor version, callback_ident, number of operations.
    skipOpaque(call);
    call.position(call.position() + 12);
    expect(call, Op.CB_SEQUENCE);
    byte[] sequence = new byte[16 + 3 * 4];
    call.get(sequence);
    // Cache this.
    call.position(call.position() + 4);
    skipReferringCalls(call);
    expect(call, Op.CB_LAYOUTRECALL);
    call.position(call.position() + 12);
    expect(call, LAYOUTRECALL4_FILE);
    Opaque handle = new Opaque(opaque(call));
    long offset = call.getLong();
    long length = call.getLong();
    byte[] stateid = new byte[16];
    call.get(stateid);
    XdrBytes answer =
        new XdrBytes().u32(xid).u32(1).u32(0).u32(0).u32(0).u32(0).u32(0).string("").u32(2);
    answer.u32(Op.CB_SEQUENCE).u32(0).fixed(sequence);
    // The highest slot again, as target.
    answer.u32(ByteBuffer.wrap(sequence).getInt(24)).u32(Op.CB_LAYOUTRECALL).u32(0);
    rpc.send(answer.bytes());
    return new Recall(handle, offset, length, new Opaque(stateid));
  }

  /** Lists of a session and the requests of it, slot and sequence, that gave out the layout. */
  private static void skipReferringCalls(ByteBuffer call) {
    int lists = call.getInt();
    for (int i = 0; i < lists; i++) {
      call.position(call.position() + 16);
      int calls = call.getInt();
      call.position(call.position() + calls * 8);
    }
  }

  private static void skipAuth(ByteBuffer call) {
    call.getInt();
    skipOpaque(call);
  }

  private static void skipOpaque(ByteBuffer from) {
    opaque(from);
  }

  private static byte[] opaque(ByteBuffer from) {
    byte[] bytes = new byte[from.getInt()];
    from.get(bytes);
    from.position(from.position() + (-bytes.length & 3));
    return bytes;
  }

  private static void expect(ByteBuffer call, int value) throws IOException {
    int found = call.getInt();
    if (found != value) {
      throw new IOException(found + " instead of " + value + " in a callback");
    }
  }

  @Override
  public void close() throws IOException {
    rpc.close();
  }

  /** A recall of a part of a file's layout. */
  public record Recall(Opaque handle, long offset, long length, Opaque stateid) {}

  /** A file's handle and open stateid. */
  public record OpenFile(Opaque handle, Opaque stateid) {}

  /** A layout, or the status that refused it. */
  public record Layout(int status, Opaque stateid, List<Extent> extents) {}

  /** One extent of the RDMA layout. */
  public record Extent(
      Opaque device, long fileOffset, int key, long length, long storageOffset, int state) {}

  /** The answer to a COMPOUND. */
  public static final class Reply {

    private final ByteBuffer body;
    private final int status;
    private final int operations;
    private int statusFlags;

    private Reply(ByteBuffer record) throws IOException {
      this.body = record;
      record.position(8);
      int replyState = record.getInt();
      if (replyState != 0) {
        throw new IOException("the call was denied: " + replyState);
      }
      record.getInt();
      skipOpaque();
      int accepted = record.getInt();
      if (accepted != 0) {
        throw new IOException("the call was not executed: accept_stat " + accepted);
      }
      this.status = record.getInt();
      skipOpaque();
      this.operations = record.getInt();
    }

    /** The status of the COMPOUND. */
    public int status() {
      return status;
    }

    /** What SEQUENCE said of the client's state, SEQ4_STATUS flags; 0 when it failed. */
    public int statusFlags() {
      return statusFlags;
    }

    /** How many operations have a result. */
    public int operations() {
      return operations;
    }

    /** What is left, from the first result that was not read yet. */
    public ByteBuffer body() {
      return body;
    }

    /** Fails unless the whole COMPOUND went well. */
    public Reply expectOk() throws IOException {
      if (status != 0) {
        throw new IOException("status " + status + " after " + operations + " operations");
      }
      return this;
    }

    /** Reads the head of the next result, which must be that of {@code operation}. */
    public int result(int operation) throws IOException {
      int number = body.getInt();
      if (number != operation) {
        throw new IOException("a result of operation " + number + " instead of " + operation);
      }
      return body.getInt();
    }

    /** Reads opaque bytes of fixed length. */
    public byte[] bytes(int length) {
      byte[] bytes = new byte[length];
      body.get(bytes);
      return bytes;
    }

    /** Reads opaque bytes of variable length. */
    public byte[] opaque() {
      byte[] bytes = bytes(body.getInt());
      body.position(body.position() + (-bytes.length & 3));
      return bytes;
    }

    private void skipOpaque() {
      opaque();
    }

    private void skipSequence() throws IOException {
      if (result(Op.SEQUENCE) == 0) {
        bytes(16 + 4 * 4);
        statusFlags = body.getInt();
      }
    }

    private void skipRestOfOpen() throws IOException {
      bytes(4 + 8 + 8 + 4);
      bytes(4 * body.getInt());
      int delegation = body.getInt();
      if (delegation == 3) {
        // OPEN_DELEGATE_NONE_EXT: why, and for two of the reasons a flag.
        int why = body.getInt();
        if (why == 1 || why == 2) {
          body.getInt();
        }
      } else if (delegation != 0) {
        throw new IOException("a delegation nobody asked for: " + delegation);
      }
    }
  }
}
