package io.selkie.client.session;

import io.netty.buffer.ByteBuf;
import io.selkie.client.NfsStatusException;
import io.selkie.client.ServerProtocolException;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;

/**
 * A COMPOUND reply, read operation by operation. Every length and count in it is the server's word
 * and bounded before it is used. Not thread-safe.
 */
public final class Reply implements AutoCloseable {
  private static final int TAG_BYTES_MAX = Nfs4Const.NFS4_OPAQUE_LIMIT;
  private static final int RPC_XID_AND_TYPE = 8;

  private final String name;
  private final ByteBuf record;
  private final XdrReader in;
  private final int status;
  private final int results;
  private int done;
  private int lastOperation;
  private int lastStatus;

  /**
   * Reads up to the first operation's result.
   *
   * @param record owned by the reply from now on
   */
  Reply(String name, ByteBuf record) throws ServerProtocolException {
    this.name = name;
    this.record = record;
    this.in = new XdrReader(record.nioBuffer(record.readerIndex(), record.readableBytes()));
    boolean good = false;
    try {
      in.skip(RPC_XID_AND_TYPE);
      RpcReply header = new RpcReply();
      header.decode(in);
      if (!header.isSuccess()) {
        throw new ServerProtocolException(
            name
                + ": the server did not take the call (reply_stat "
                + header.replyStat()
                + ", stat "
                + header.stat()
                + ", auth_stat or low "
                + header.low()
                + ")");
      }
      status = in.int32();
      in.skipVariableOpaque(TAG_BYTES_MAX);
      results = in.count(Integer.MAX_VALUE, 2 * Integer.BYTES);
      good = true;
    } finally {
      if (!good) {
        record.release();
      }
    }
  }

  /** The compound's status: that of the last operation carried out. */
  public int status() {
    return status;
  }

  /** Number of results. */
  int results() {
    return results;
  }

  /** The XDR of the current operation's result. */
  public XdrReader in() {
    return in;
  }

  /** The operation read last, for messages. */
  public String lastOperation() {
    return NfsOp4.name(lastOperation);
  }

  /**
   * Goes to the next operation's result; what the operation before left unread would be taken for
   * it, so results are read to their end.
   *
   * @param operation the one that was asked for
   * @return its status
   */
  public int next(int operation) throws ServerProtocolException {
    if (done == results) {
      // The compound stopped before: the status is that of what failed.
      if (status == NfsStat4.NFS4_OK || lastStatus == NfsStat4.NFS4_OK) {
        throw new ServerProtocolException(
            name
                + ": no result of "
                + NfsOp4.name(operation)
                + " in a reply with status "
                + NfsStat4.name(status));
      }
      return lastStatus;
    }
    int answered = in.int32();
    lastStatus = in.int32();
    lastOperation = operation;
    done++;
    if (answered != operation
        && !(answered == NfsOp4.OP_ILLEGAL && lastStatus != NfsStat4.NFS4_OK)) {
      throw new ServerProtocolException(
          name
              + ": result of "
              + NfsOp4.name(answered)
              + " where "
              + NfsOp4.name(operation)
              + " was asked for");
    }
    if (lastStatus != NfsStat4.NFS4_OK && done != results) {
      throw new ServerProtocolException(
          name + ": results after the failure of " + NfsOp4.name(operation));
    }
    return lastStatus;
  }

  /**
   * Like {@link #next}, but any status other than NFS4_OK is thrown.
   *
   * @return this
   */
  public Reply ok(int operation) throws NfsStatusException, ServerProtocolException {
    int answer = next(operation);
    if (answer != NfsStat4.NFS4_OK) {
      throw new NfsStatusException(answer, name);
    }
    return this;
  }

  /** The exception for a status that the caller cannot handle. */
  public NfsStatusException failure(int failed) {
    return new NfsStatusException(failed, name);
  }

  /** Lets go of the memory. */
  @Override
  public void close() {
    in.release();
    record.release();
  }
}
