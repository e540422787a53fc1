package io.selkie.server.session;

import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrWriter;

/** CREATE_SESSION4resok (RFC 8881 section 18.36.2); kept for a retry. */
record CreateSessionResult(
    SessionId4 sessionId, int sequence, int flags, ChannelAttrs4 fore, ChannelAttrs4 back) {

  /** The encoded size. */
  static final int BYTES = SessionId4.BYTES + 8 + 2 * ChannelAttrs4.BYTES;

  void encode(XdrWriter out) {
    sessionId.encode(out);
    out.int32(sequence);
    out.int32(flags);
    fore.encode(out);
    back.encode(out);
  }
}
