package io.selkie.server.session;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * CB_COMPOUND4args with a CB_SEQUENCE and one operation (RFC 8881 sections 20.2 and 20.9).
 *
 * <pre>
 *   +-----+-------+---------+---------+-------------+-----------+------+--------+------+---------+
 *   | tag | minor | ident=0 | count=2 | CB_SEQUENCE | sessionid | seq, | highest| cache| lists   |
 *   |     |       |         |         |             |           | slot |        | =no  |         |
 *   +-----+-------+---------+---------+-------------+-----------+------+--------+------+---------+
 *   | operation | its arguments ...
 *   +-----------+------------------
 * </pre>
 */
record CallbackCompound(
    int minorVersion,
    SessionId4 sessionId,
    int sequenceId,
    int slotId,
    int highestSlotId,
    Callback callback) {

  private static final int TAG_BYTES_MAX = 1024;

  /**
   * The two statuses of an answer.
   *
   * @param sequenceStatus of CB_SEQUENCE
   * @param status of the operation, if CB_SEQUENCE succeeded
   * @param hasResults whether the operation was answered with NFS4_OK: the reader is at its results
   */
  record Result(int sequenceStatus, int status, boolean hasResults) {
    Result(int sequenceStatus, int status) {
      this(sequenceStatus, status, false);
    }

    /** An answer that makes no sense. */
    static final Result BROKEN = new Result(NfsStat4.NFS4ERR_BADXDR, NfsStat4.NFS4ERR_BADXDR);
  }

  void encode(XdrWriter out) {
    out.int32(0);
    out.int32(minorVersion);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    sessionId.encode(out);
    out.int32(sequenceId);
    out.int32(slotId);
    out.int32(highestSlotId);
    // Clients need not keep replies; a retry that was executed says so, which is all we ask.
    out.bool(false);
    encodeReferringCalls(out);
    out.int32(callback.opcode);
    callback.arguments.accept(out);
  }

  /** Writes csa_referring_call_lists: a list for each session. */
  private void encodeReferringCalls(XdrWriter out) {
    Map<SessionId4, List<CallReference>> lists = new LinkedHashMap<>();
    for (CallReference call : callback.referringCalls) {
      lists.computeIfAbsent(call.sessionId(), _ -> new ArrayList<>()).add(call);
    }
    out.int32(lists.size());
    lists.forEach((session, calls) -> {
      session.encode(out);
      out.int32(calls.size());
      for (CallReference call : calls) {
        out.int32(call.sequenceId());
        out.int32(call.slotId());
      }
    });
  }

  /** Reads CB_COMPOUND4res. */
  static Result decode(XdrReader in, SessionId4 sessionId, int slotId, int opcode) {
    int status = in.int32();
    in.skipVariableOpaque(TAG_BYTES_MAX);
    int count = in.int32();
    if (count == 0) {
      return new Result(status == NfsStat4.NFS4_OK ? NfsStat4.NFS4ERR_BADXDR : status, status);
    }
    if (in.int32() != NfsCbOp4.OP_CB_SEQUENCE) {
      return Result.BROKEN;
    }
    int sequenceStatus = in.int32();
    if (sequenceStatus != NfsStat4.NFS4_OK) {
      return new Result(sequenceStatus, status);
    }
    if (!SessionId4.decode(in).equals(sessionId)) {
      return Result.BROKEN;
    }
    in.int32();
    if (in.int32() != slotId) {
      return Result.BROKEN;
    }
    in.int32();
    in.int32();
    if (count < 2 || in.int32() != opcode) {
      return new Result(NfsStat4.NFS4_OK, status);
    }
    int answer = in.int32();
    // It was executed before its connection broke, and the client kept no more than that.
    return new Result(
        NfsStat4.NFS4_OK,
        answer == NfsStat4.NFS4ERR_RETRY_UNCACHED_REP ? NfsStat4.NFS4_OK : answer,
        answer == NfsStat4.NFS4_OK);
  }
}
