package io.selkie.server.testing;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;
import java.nio.ByteBuffer;

/** A reply: its RPC header and, if that says success, COMPOUND4res read up to the results. */
public final class CompoundReply {

  private final RpcReply header = new RpcReply();
  private final byte[] record;
  private final XdrReader in;
  private int status;
  private byte[] tag;
  private int count;

  CompoundReply(byte[] record, boolean compound) {
    this.record = record;
    this.in = new XdrReader(ByteBuffer.wrap(record));
    in.skip(2 * Integer.BYTES);
    header.decode(in);
    if (compound && header.isSuccess()) {
      status = in.int32();
      tag = in.opaque(1 << 16);
      count = in.int32();
    }
  }

  /** The RPC header. */
  public RpcReply header() {
    return header;
  }

  /** The overall status, by name. */
  public String status() {
    return NfsStat4.name(status);
  }

  /** The tag. */
  public byte[] tag() {
    return tag.clone();
  }

  /** How many results there are. */
  public int count() {
    return count;
  }

  /** The rest, from the next result on. */
  public XdrReader in() {
    return in;
  }

  /** How long the whole record is, in bytes. */
  public int recordBytes() {
    return record.length;
  }

  /** COMPOUND4res as it came, without the RPC header: to compare a retry's with the original's. */
  public byte[] compoundBytes() {
    byte[] bytes = new byte[record.length - RpcReply.ACCEPTED_BYTES];
    System.arraycopy(record, RpcReply.ACCEPTED_BYTES, bytes, 0, bytes.length);
    return bytes;
  }

  /** Reads a result's opcode and status; the status, by name. */
  public String next(int opcode) {
    int got = in.int32();
    if (got != opcode) {
      throw new AssertionError("result of operation " + got + ", expected " + opcode);
    }
    return NfsStat4.name(in.int32());
  }

  /** Reads past SEQUENCE's successful result; its sr_status_flags. */
  public int sequenceOk() {
    String got = next(io.selkie.protocol.nfs4.NfsOp4.OP_SEQUENCE);
    if (!got.equals("NFS4_OK")) {
      throw new AssertionError("SEQUENCE answered " + got);
    }
    in.skip(32);
    return in.int32();
  }
}
