package io.selkie.server.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/** COMPOUND4args in the making. */
public final class Compound {

  private final XdrWriter out = growing(0);
  private int count;
  private int claimedCount = -1;
  private int minorVersion = 1;
  private byte[] tag = {};

  private Compound() {}

  /** Starts an empty one, of minor version 1. */
  public static Compound of() {
    return new Compound();
  }

  /** Sets the minor version. */
  public Compound minorVersion(int version) {
    minorVersion = version;
    return this;
  }

  /** Sets the tag. */
  public Compound tag(byte[] newTag) {
    tag = newTag.clone();
    return this;
  }

  /** Claims another number of operations than there are. */
  public Compound claim(int operationCount) {
    claimedCount = operationCount;
    return this;
  }

  /** Adds an operation without arguments. */
  public Compound op(int opcode) {
    return op(opcode, arguments -> {});
  }

  /** Adds an operation. */
  public Compound op(int opcode, Consumer<XdrWriter> arguments) {
    out.int32(opcode);
    arguments.accept(out);
    count++;
    return this;
  }

  /** Adds EXCHANGE_ID with SP4_NONE and no implementation id. */
  public Compound exchangeId(String owner, long verifier, int flags) {
    return op(
        NfsOp4.OP_EXCHANGE_ID,
        o -> {
          o.int64(verifier);
          o.opaque(owner.getBytes(UTF_8));
          o.int32(flags);
          o.int32(0);
          o.int32(0);
        });
  }

  /** Adds CREATE_SESSION with AUTH_NONE callbacks to program 0x40000000. */
  public Compound createSession(
      long clientId, int sequence, int flags, ChannelAttrs4 fore, ChannelAttrs4 back) {
    return op(
        NfsOp4.OP_CREATE_SESSION,
        o -> {
          o.int64(clientId);
          o.int32(sequence);
          o.int32(flags);
          fore.encode(o);
          back.encode(o);
          o.int32(0x40000000);
          o.int32(1);
          o.int32(0);
        });
  }

  /** Adds SEQUENCE. */
  public Compound sequence(
      SessionId4 session, int sequenceId, int slotId, int highestSlotId, boolean cacheThis) {
    return op(
        NfsOp4.OP_SEQUENCE,
        o -> {
          session.encode(o);
          o.int32(sequenceId);
          o.int32(slotId);
          o.int32(highestSlotId);
          o.bool(cacheThis);
        });
  }

  /** Adds BIND_CONN_TO_SESSION. */
  public Compound bind(SessionId4 session, int direction) {
    return op(
        NfsOp4.OP_BIND_CONN_TO_SESSION,
        o -> {
          session.encode(o);
          o.int32(direction);
          o.bool(false);
        });
  }

  /** Adds DESTROY_SESSION. */
  public Compound destroySession(SessionId4 session) {
    return op(NfsOp4.OP_DESTROY_SESSION, session::encode);
  }

  /** Adds DESTROY_CLIENTID. */
  public Compound destroyClientid(long clientId) {
    return op(NfsOp4.OP_DESTROY_CLIENTID, o -> o.int64(clientId));
  }

  /** Adds RECLAIM_COMPLETE for all file systems. */
  public Compound reclaimComplete() {
    return op(NfsOp4.OP_RECLAIM_COMPLETE, o -> o.bool(false));
  }

  /** Writes it all. */
  void encode(XdrWriter to) {
    to.opaque(tag);
    to.int32(minorVersion);
    to.int32(claimedCount >= 0 ? claimedCount : count);
    to.raw(out.buffer().array(), 0, out.position());
  }

  /** Returns a writer into a heap buffer that grows as needed. */
  static XdrWriter growing(int start) {
    ByteBuffer first = ByteBuffer.allocate(1024).position(start);
    return new XdrWriter()
        .wrap(
            first,
            (full, minCapacity) ->
                ByteBuffer.allocate(Math.max(minCapacity, 2 * full.capacity())).put(full.flip()),
            Integer.MAX_VALUE);
  }
}
