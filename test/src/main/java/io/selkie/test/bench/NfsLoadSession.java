package io.selkie.test.bench;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A client of its own with one session on one connection, as simple as a client of any NFSv4.1
 * server can be: EXCHANGE_ID, CREATE_SESSION without a back channel, RECLAIM_COMPLETE, and calls
 * one after the other on slot 0. {@link NfsLoad} takes over the connection when all is set up. Not
 * safe for use by several threads.
 */
final class NfsLoadSession implements AutoCloseable {

  /** RPC header and results before the data, generously. */
  static final int OVERHEAD_BYTES = 4096;

  /** Operations in one compound, at most. */
  static final int OPERATIONS_MAX = 64;

  /** Layouts asked for in one compound, at most. */
  static final int LAYOUTS_MAX = 32;

  private static final int LAYOUT_CONTENT_BYTES_MAX = 4096;

  /** Stateid, how many there are (one), offset, length, mode and type. */
  private static final int LAYOUT_HEAD_BYTES = 16 + 4 + 8 + 8 + 4 + 4;

  private static final int MESSAGE_BYTES = 16 * 1024;
  private static final int CALLBACK_PROGRAM = 0x4000_0000;
  private static final byte[] MACHINE = "bench".getBytes(StandardCharsets.US_ASCII);

  private final SocketChannel channel;
  private final AuthSys credential;
  private final ByteBuffer out = ByteBuffer.allocate(MESSAGE_BYTES);
  private final XdrWriter writer = new XdrWriter();
  private final int slots;
  private SessionId4 sessionId;
  private long clientId;
  private int sequenceOfSlot0;
  private int xid = 1;
  private ChannelAttrs4 fore;

  /** What the OPEN of the last call gave. */
  private Stateid4 opened;

  private NfsLoadSession(SocketChannel channel, AuthSys credential, int slots) {
    this.channel = channel;
    this.credential = credential;
    this.slots = slots;
  }

  /** An operation was answered with something else than NFS4_OK. */
  private static final class StatusException extends IOException {
    private static final long serialVersionUID = 1;
    private final int status;

    StatusException(int operation, int status) {
      super(NfsOp4.name(operation) + ": " + NfsStat4.name(status));
      this.status = status;
    }
  }

  /** A file that is open. */
  @SuppressWarnings("ArrayRecordComponent") // Handed over, never compared.
  record OpenedFile(byte[] handle, Stateid4 stateid) {}

  /**
   * Connects and makes a session.
   *
   * @param owner differs from that of every other client of the server
   * @param slots how many requests may be under way
   * @param dataBytesMax most file data in one operation
   */
  static NfsLoadSession connect(
      InetSocketAddress address, String owner, AuthSys credential, int slots, int dataBytesMax)
      throws IOException {
    return connect(
        address, owner, credential, slots, dataBytesMax, SessionConst4.EXCHGID4_FLAG_USE_NON_PNFS);
  }

  /** The same as a client that takes layouts. It cannot be called, so it never returns one. */
  static NfsLoadSession connectPnfs(
      InetSocketAddress address, String owner, AuthSys credential, int slots, int dataBytesMax)
      throws IOException {
    return connect(
        address, owner, credential, slots, dataBytesMax, SessionConst4.EXCHGID4_FLAG_USE_PNFS_MDS);
  }

  private static NfsLoadSession connect(
      InetSocketAddress address,
      String owner,
      AuthSys credential,
      int slots,
      int dataBytesMax,
      int flags)
      throws IOException {
    SocketChannel channel = SocketChannel.open(address);
    NfsLoadSession session = new NfsLoadSession(channel, credential, slots);
    try {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      session.create(owner, dataBytesMax, flags);
      return session;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private void create(String owner, int dataBytesMax, int flags) throws IOException {
    begin(1, -1);
    writer.int32(NfsOp4.OP_EXCHANGE_ID);
    // The verifier says which life of the client it is: each run is a new one.
    writer.int64(ProcessHandle.current().pid());
    writer.opaque(owner.getBytes(StandardCharsets.UTF_8));
    writer.int32(flags);
    writer.int32(SessionConst4.SP4_NONE);
    writer.int32(0);
    XdrReader in = call(NfsOp4.OP_EXCHANGE_ID);
    clientId = in.int64();
    int sequence = in.int32();

    begin(1, -1);
    writer.int32(NfsOp4.OP_CREATE_SESSION);
    writer.int64(clientId);
    writer.int32(sequence);
    writer.int32(0);
    long message = (long) dataBytesMax + OVERHEAD_BYTES;
    new ChannelAttrs4(0, message, message, OVERHEAD_BYTES, OPERATIONS_MAX, slots).encode(writer);
    new ChannelAttrs4(0, OVERHEAD_BYTES, OVERHEAD_BYTES, 0, 2, 1).encode(writer);
    writer.int32(CALLBACK_PROGRAM);
    writer.int32(1);
    writer.int32(0);
    in = call(NfsOp4.OP_CREATE_SESSION);
    sessionId = SessionId4.decode(in);
    in.int32();
    in.int32();
    fore = ChannelAttrs4.decode(in);
    if (fore.maxRequests() < slots
        || fore.maxRequestSize() < dataBytesMax
        || fore.maxResponseSize() < dataBytesMax) {
      throw new IOException("the server does not grant what is to be measured: " + fore);
    }

    begin(2, 0);
    writer.int32(NfsOp4.OP_RECLAIM_COMPLETE);
    writer.bool(false);
    call(NfsOp4.OP_SEQUENCE, NfsOp4.OP_RECLAIM_COMPLETE);
  }

  /** The server's limits. */
  ChannelAttrs4 fore() {
    return fore;
  }

  SocketChannel channel() {
    return channel;
  }

  int slots() {
    return slots;
  }

  AuthSys credential() {
    return credential;
  }

  SessionId4 sessionId() {
    return sessionId;
  }

  /** The sequence id that the last call on slot 0 had. */
  int sequenceOfSlot0() {
    return sequenceOfSlot0;
  }

  /** Says what the last call on slot 0 had, after somebody else used it. */
  void sequenceOfSlot0(int last) {
    sequenceOfSlot0 = last;
  }

  /**
   * Opens a file for reading and writing, making it if it is not there; declines delegations.
   *
   * @param directory names from the server's root
   * @param owner of the open; the same one twice on a file gives one open
   */
  OpenedFile open(List<String> directory, String name, String owner) throws IOException {
    begin(4 + directory.size(), 0);
    writer.int32(NfsOp4.OP_PUTROOTFH);
    lookUp(directory);
    writer.int32(NfsOp4.OP_OPEN);
    writer.int32(0);
    writer.int32(OpenConst4.OPEN4_SHARE_ACCESS_BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
    writer.int32(OpenConst4.OPEN4_SHARE_DENY_NONE);
    writer.int64(clientId);
    writer.opaque(owner.getBytes(StandardCharsets.UTF_8));
    writer.int32(OpenConst4.OPEN4_CREATE);
    writer.int32(OpenConst4.UNCHECKED4);
    Bitmap4.of(FileAttributes.FATTR4_MODE).encode(writer);
    writer.int32(Integer.BYTES);
    writer.int32(0644);
    writer.int32(OpenConst4.CLAIM_NULL);
    writer.utf8(name);
    writer.int32(NfsOp4.OP_GETFH);
    int[] operations = new int[4 + directory.size()];
    operations[0] = NfsOp4.OP_SEQUENCE;
    operations[1] = NfsOp4.OP_PUTROOTFH;
    for (int i = 0; i < directory.size(); i++) {
      operations[2 + i] = NfsOp4.OP_LOOKUP;
    }
    operations[2 + directory.size()] = NfsOp4.OP_OPEN;
    operations[3 + directory.size()] = NfsOp4.OP_GETFH;
    XdrReader in = call(operations);
    return new OpenedFile(in.opaque(Nfs4Const.NFS4_FHSIZE), opened);
  }

  /**
   * Looks names up, one after the other, in one compound.
   *
   * @param names at most {@link #OPERATIONS_MAX} / 4 of them
   */
  void lookUpEach(List<String> directory, List<String> names) throws IOException {
    int[] operations = new int[3 + directory.size() + 2 * names.size()];
    begin(operations.length, 0);
    int at = 0;
    operations[at++] = NfsOp4.OP_SEQUENCE;
    operations[at++] = NfsOp4.OP_PUTROOTFH;
    writer.int32(NfsOp4.OP_PUTROOTFH);
    lookUp(directory);
    for (int i = 0; i < directory.size(); i++) {
      operations[at++] = NfsOp4.OP_LOOKUP;
    }
    writer.int32(NfsOp4.OP_SAVEFH);
    operations[at++] = NfsOp4.OP_SAVEFH;
    for (String name : names) {
      lookUp(List.of(name));
      operations[at++] = NfsOp4.OP_LOOKUP;
      writer.int32(NfsOp4.OP_RESTOREFH);
      operations[at++] = NfsOp4.OP_RESTOREFH;
    }
    call(operations);
  }

  /**
   * Takes layouts to read, one beside the other, in one compound.
   *
   * @param count at most {@link #LAYOUTS_MAX}
   */
  void layouts(OpenedFile file, long offset, int bytesEach, int count) throws IOException {
    int[] operations = new int[2 + count];
    begin(operations.length, 0);
    operations[0] = NfsOp4.OP_SEQUENCE;
    operations[1] = NfsOp4.OP_PUTFH;
    writer.int32(NfsOp4.OP_PUTFH);
    writer.opaque(file.handle());
    for (int i = 0; i < count; i++) {
      operations[2 + i] = NfsOp4.OP_LAYOUTGET;
      writer.int32(NfsOp4.OP_LAYOUTGET);
      writer.bool(false);
      writer.int32(LayoutConst4.LAYOUT4_RDMA);
      writer.int32(LayoutConst4.LAYOUTIOMODE4_READ);
      writer.int64(offset + (long) i * bytesEach);
      writer.int64(bytesEach);
      writer.int64(bytesEach);
      Stateids.encode(writer, file.stateid());
      writer.int32(LAYOUT_CONTENT_BYTES_MAX);
    }
    call(operations);
  }

  private void lookUp(List<String> names) {
    for (String name : names) {
      writer.int32(NfsOp4.OP_LOOKUP);
      writer.utf8(name);
    }
  }

  /** CLOSE. */
  void close(OpenedFile file) throws IOException {
    begin(3, 0);
    writer.int32(NfsOp4.OP_PUTFH);
    writer.opaque(file.handle());
    writer.int32(NfsOp4.OP_CLOSE);
    writer.int32(0);
    Stateids.encode(writer, file.stateid());
    call(NfsOp4.OP_SEQUENCE, NfsOp4.OP_PUTFH, NfsOp4.OP_CLOSE);
  }

  // ------------------------------------------------------------------ calls

  /** Starts a call; slot -1 is one outside of the session. */
  private void begin(int operations, int slot) {
    out.clear();
    writer.wrap(out);
    header(writer, xid++, credential, operations);
    if (slot >= 0) {
      sequenceOfSlot0++;
      sequence(writer, sessionId, sequenceOfSlot0, slot, slots);
    }
  }

  /** Record mark, RPC header and the head of a compound. */
  static void header(XdrWriter to, int xid, AuthSys credential, int operations) {
    to.reserveInt32();
    RpcCall.encode(
        to,
        xid,
        Nfs4Const.NFS4_PROGRAM,
        Nfs4Const.NFS_V4,
        Nfs4Const.NFSPROC4_COMPOUND,
        credential,
        0,
        MACHINE);
    to.int32(0);
    to.int32(1);
    to.int32(operations);
  }

  static void sequence(XdrWriter to, SessionId4 session, int sequence, int slot, int slots) {
    to.int32(NfsOp4.OP_SEQUENCE);
    session.encode(to);
    to.int32(sequence);
    to.int32(slot);
    to.int32(slots - 1);
    to.bool(false);
  }

  /** Sends the call and reads the results of all operations but the last, which is returned. */
  private XdrReader call(int... operations) throws IOException {
    out.putInt(0, RecordMark.lastFragment(out.position() - RecordMark.BYTES));
    out.flip();
    while (out.hasRemaining()) {
      channel.write(out);
    }
    XdrReader in = new XdrReader(record());
    in.int32();
    in.int32();
    RpcReply header = new RpcReply();
    header.decode(in);
    if (!header.isSuccess()) {
      throw new IOException("the server refuses the call: " + header.replyStat());
    }
    in.int32();
    in.skipVariableOpaque(Nfs4Const.NFS4_OPAQUE_LIMIT);
    in.int32();
    for (int i = 0; i < operations.length; i++) {
      int operation = in.int32();
      int status = in.int32();
      if (operation != operations[i] || status != NfsStat4.NFS4_OK) {
        throw new StatusException(operation, status);
      }
      if (i < operations.length - 1) {
        skipResult(operation, in);
      }
    }
    return in;
  }

  private void skipResult(int operation, XdrReader in) {
    switch (operation) {
      case NfsOp4.OP_SEQUENCE -> in.skip(SessionId4.BYTES + 5 * Integer.BYTES);
      case NfsOp4.OP_LAYOUTGET -> {
        in.bool();
        in.skip(LAYOUT_HEAD_BYTES);
        in.skipVariableOpaque(LAYOUT_CONTENT_BYTES_MAX);
      }
      case NfsOp4.OP_OPEN -> {
        opened = Stateids.decode(in);
        in.skip(Integer.BYTES + 2 * Long.BYTES);
        in.int32();
        Bitmap4.skip(in);
        int delegation = in.int32();
        if (delegation == OpenConst4.OPEN_DELEGATE_NONE_EXT) {
          int why = in.int32();
          if (why == OpenConst4.WND4_CONTENTION || why == OpenConst4.WND4_RESOURCE) {
            in.bool();
          }
        } else if (delegation != OpenConst4.OPEN_DELEGATE_NONE) {
          throw new IllegalStateException("a delegation that was declined is granted");
        }
      }
      default -> {}
    }
  }

  private ByteBuffer record() throws IOException {
    ByteBuffer mark = readAll(ByteBuffer.allocate(RecordMark.BYTES)).flip();
    int word = mark.getInt();
    if (!RecordMark.isLast(word) || RecordMark.length(word) > MESSAGE_BYTES) {
      throw new IOException("a small reply in several fragments, or of %x".formatted(word));
    }
    return readAll(ByteBuffer.allocate(RecordMark.length(word))).flip();
  }

  private ByteBuffer readAll(ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new EOFException("the server closed the connection");
      }
    }
    return buffer;
  }

  /** Ends the connection without a word. */
  void abandon() throws IOException {
    channel.close();
  }

  /** Ends session and client, as far as the server lets it. */
  @Override
  public void close() throws IOException {
    try {
      begin(1, -1);
      writer.int32(NfsOp4.OP_DESTROY_SESSION);
      sessionId.encode(writer);
      call(NfsOp4.OP_DESTROY_SESSION);
      begin(1, -1);
      writer.int32(NfsOp4.OP_DESTROY_CLIENTID);
      writer.int64(clientId);
      call(NfsOp4.OP_DESTROY_CLIENTID);
    } catch (StatusException e) {
      if (e.status != NfsStat4.NFS4ERR_CLIENTID_BUSY) {
        throw e;
      }
      // It holds files open: they go with its lease.
    } finally {
      channel.close();
    }
  }
}
