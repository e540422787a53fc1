package io.selkie.client.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.selkie.client.FileHandle;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.rpc.RpcCall;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;

/**
 * A COMPOUND call as it is streamed into its record; no object stands for an operation. What is
 * known only when it is sent (xid, session, slot) is patched in place, so the same bytes serve a
 * retry on another slot or connection.
 *
 * <pre>
 *   0             4          8
 *   +-------------+----------+------------+---------+--------------+-------------+----------
 *   | record mark | RPC header (xid first)| tag<>   | minorversion | op count    | SEQUENCE
 *   +-------------+----------+------------+---------+--------------+-------------+----------
 * </pre>
 *
 * Not thread-safe; close it when its reply has been decoded.
 */
public final class Compound implements AutoCloseable {
  private static final int MINOR_VERSION = 1;
  private static final int FIRST_BYTES = 512;
  private static final int XID_POSITION = RecordMark.BYTES;
  private static final byte[] NO_TAG = {};

  private final String name;
  private final ByteBufAllocator allocator;
  private final XdrWriter out = new XdrWriter();
  private ByteBuf record;
  private final int countPosition;
  private int count;
  private int sequencePosition = -1;
  private boolean replaySafe = true;
  private boolean keepReply;
  private int mainOperation = Integer.MAX_VALUE;

  Compound(
      String name,
      ByteBufAllocator allocator,
      int requestBytesMax,
      AuthSys credential,
      byte[] machineName,
      int minorVersion) {
    this.name = name;
    this.allocator = allocator;
    record = allocator.directBuffer(FIRST_BYTES);
    out.wrap(record.nioBuffer(0, record.capacity()), this::grow, requestBytesMax);
    out.int32(0);
    RpcCall.encode(
        out,
        0,
        Nfs4Const.NFS4_PROGRAM,
        Nfs4Const.NFS_V4,
        Nfs4Const.NFSPROC4_COMPOUND,
        credential,
        0,
        machineName);
    out.opaque(NO_TAG);
    out.int32(minorVersion);
    countPosition = out.reserveInt32();
  }

  Compound(
      String name,
      ByteBufAllocator allocator,
      int requestBytesMax,
      AuthSys credential,
      byte[] machineName) {
    this(name, allocator, requestBytesMax, credential, machineName, MINOR_VERSION);
  }

  private ByteBuffer grow(ByteBuffer full, int capacityMin) {
    int position = full.position();
    ByteBuf larger = allocator.directBuffer(Math.max(capacityMin, 2 * record.capacity()));
    larger.setBytes(0, full.flip());
    record.release();
    record = larger;
    return larger.nioBuffer(0, larger.capacity()).position(position);
  }

  /** What it is for, in messages: the operation and what it is done to. */
  public String name() {
    return name;
  }

  /** Starts an operation; its arguments are written to the writer returned. */
  public XdrWriter op(int operation) {
    out.int32(operation);
    count++;
    return out;
  }

  /**
   * Says that the operation to come changes something: the server is asked to keep the reply, and
   * DELAY and the like after it are not retried as a whole.
   */
  public Compound keepReply() {
    keepReply = true;
    mainOperation = count;
    return this;
  }

  /**
   * Like {@link #keepReply}, and after the loss of the session the outcome is reported as unknown,
   * because carrying the operation out twice would do harm.
   */
  public Compound onceOnly() {
    replaySafe = false;
    return keepReply();
  }

  /** SEQUENCE first, its arguments patched when it is sent. */
  Compound sequence() {
    op(NfsOp4.OP_SEQUENCE);
    sequencePosition = out.position();
    out.int64(0);
    out.int64(0);
    out.int32(0);
    out.int32(0);
    out.int32(0);
    out.int32(0);
    return this;
  }

  /** PUTROOTFH. */
  public Compound putRootFh() {
    op(NfsOp4.OP_PUTROOTFH);
    return this;
  }

  /** PUTFH. */
  public Compound putFh(FileHandle handle) {
    op(NfsOp4.OP_PUTFH).opaque(handle.bytes());
    return this;
  }

  /** LOOKUP of one component. */
  public Compound lookup(String component) {
    op(NfsOp4.OP_LOOKUP).utf8(component);
    return this;
  }

  /** GETFH. */
  public Compound getFh() {
    op(NfsOp4.OP_GETFH);
    return this;
  }

  /** SAVEFH. */
  public Compound saveFh() {
    op(NfsOp4.OP_SAVEFH);
    return this;
  }

  /** GETATTR. */
  public Compound getAttr(Bitmap4 attributes) {
    attributes.encode(op(NfsOp4.OP_GETATTR));
    return this;
  }

  /** Number of operations so far, SEQUENCE included. */
  public int count() {
    return count;
  }

  boolean isReplaySafe() {
    return replaySafe;
  }

  boolean asksToKeepReply() {
    return keepReply;
  }

  /** The index of the operation after which a failure is not retried as a whole. */
  int mainOperationIndex() {
    return mainOperation;
  }

  boolean hasSequence() {
    return sequencePosition >= 0;
  }

  /** Size of the record without its mark. */
  int bytes() {
    return out.position() - RecordMark.BYTES;
  }

  void patchSequence(SessionId4 session, int sequence, int slot, int highestSlot) {
    int at = sequencePosition;
    out.patchInt64(at, session.high());
    out.patchInt64(at + 8, session.low());
    out.patchInt32(at + 16, sequence);
    out.patchInt32(at + 20, slot);
    out.patchInt32(at + 24, highestSlot);
    out.patchInt32(at + 28, keepReply ? 1 : 0);
  }

  /**
   * The record to send now. A retry may change the bytes, so a record that an earlier, failed
   * connection may still hold is copied first.
   */
  ByteBuf record(int xid) {
    if (record.refCnt() > 1) {
      ByteBuf copy = allocator.directBuffer(record.capacity());
      copy.setBytes(0, out.buffer().duplicate().flip());
      int position = out.position();
      int limit = out.limit();
      record.release();
      record = copy;
      out.wrap(copy.nioBuffer(0, copy.capacity()).position(position), this::grow, limit);
    }
    out.patchInt32(0, RecordMark.lastFragment(bytes()));
    out.patchInt32(XID_POSITION, xid);
    out.patchInt32(countPosition, count);
    return record.retainedSlice(0, out.position());
  }

  /** Lets go of the memory. Idempotent. */
  @Override
  public void close() {
    if (record != null) {
      record.release();
      record = null;
      out.release();
    }
  }
}
