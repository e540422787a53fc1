package io.selkie.server.session;

import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.server.rpc.RpcConnection;

/**
 * The arguments of a CREATE_SESSION on their way to becoming a session: checked, negotiated, built
 * (RFC 8881 section 18.36.3).
 */
final class SessionBuilder {

  /** Below this not even a SEQUENCE with its headers fits, so the channel could carry nothing. */
  static final int FORE_BYTES_MIN = 256;

  /** A CB_LAYOUTRECALL with the longest file handle, headers and credentials included. */
  static final int BACK_REQUEST_BYTES_MIN = 512;

  /** CB_SEQUENCE's result and another operation's, with headers. */
  static final int BACK_RESPONSE_BYTES_MIN = 128;

  private static final int BACK_OPERATIONS_MIN = 2;

  private static final int FLAGS =
      SessionConst4.CREATE_SESSION4_FLAG_PERSIST
          | SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN
          | SessionConst4.CREATE_SESSION4_FLAG_CONN_RDMA;

  private final SessionLimits limits;
  private final Timers timers;
  private final long randomBits;
  private final RpcConnection connection;
  private final int minorVersion;
  private final int flags;
  private final ChannelAttrs4 foreOffered;
  private final ChannelAttrs4 backOffered;
  private final int callbackProgram;
  private final CallbackSecurity security;

  private Session session;
  private ChannelAttrs4 back;

  /**
   * Takes the arguments.
   *
   * @param randomBits make the session ID one that cannot be guessed
   */
  SessionBuilder(
      SessionLimits limits,
      Timers timers,
      long randomBits,
      RpcConnection connection,
      int minorVersion,
      int flags,
      ChannelAttrs4 foreOffered,
      ChannelAttrs4 backOffered,
      int callbackProgram,
      CallbackSecurity security) {
    this.limits = limits;
    this.timers = timers;
    this.randomBits = randomBits;
    this.connection = connection;
    this.minorVersion = minorVersion;
    this.flags = flags;
    this.foreOffered = foreOffered;
    this.backOffered = backOffered;
    this.callbackProgram = callbackProgram;
    this.security = security;
  }

  /** The status of arguments that no session can be made from, or NFS4_OK. */
  int check() {
    if ((flags & ~FLAGS) != 0
        || foreOffered.maxRequests() == 0
        || foreOffered.maxOperations() == 0) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (security.status() != NfsStat4.NFS4_OK) {
      return security.status();
    }
    if (foreOffered.maxRequestSize() < FORE_BYTES_MIN
        || foreOffered.maxResponseSize() < FORE_BYTES_MIN) {
      return NfsStat4.NFS4ERR_TOOSMALL;
    }
    if (wantsBackChannel()
        && (backOffered.maxRequestSize() < BACK_REQUEST_BYTES_MIN
            || backOffered.maxResponseSize() < BACK_RESPONSE_BYTES_MIN
            || backOffered.maxOperations() < BACK_OPERATIONS_MIN
            || backOffered.maxRequests() == 0)) {
      return NfsStat4.NFS4ERR_TOOSMALL;
    }
    return NfsStat4.NFS4_OK;
  }

  private boolean wantsBackChannel() {
    return (flags & SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN) != 0;
  }

  /** How many slots the client would like, but not more than so many. */
  int slotsOffered(int max) {
    return (int) Math.min(foreOffered.maxRequests(), max);
  }

  /** How much of a reply each slot will keep at most, in bytes. */
  int cachedBytes() {
    return (int)
        Math.min(
            Math.min(foreOffered.maxResponseSizeCached(), foreOffered.maxResponseSize()),
            limits.cachedBytesMax());
  }

  /**
   * Builds the session and associates the connection with it.
   *
   * @param slots how many it may have at first; what they promise is taken from the budget already
   * @param slotsMax how many it may grow to
   */
  Session build(ClientRecord client, int slots, int slotsMax, SlotBudget budget) {
    ChannelAttrs4 fore =
        new ChannelAttrs4(
            0,
            Math.min(foreOffered.maxRequestSize(), limits.requestBytesMax()),
            Math.min(foreOffered.maxResponseSize(), limits.responseBytesMax()),
            cachedBytes(),
            Math.min(foreOffered.maxOperations(), limits.operationsMax()),
            Math.min(foreOffered.maxRequests(), slots));
    // Of the back channel's attributes the server may lower the sizes and nothing else.
    back =
        new ChannelAttrs4(
            0,
            Math.min(backOffered.maxRequestSize(), limits.requestBytesMax()),
            Math.min(backOffered.maxResponseSize(), limits.responseBytesMax()),
            Math.min(backOffered.maxResponseSizeCached(), limits.responseBytesMax()),
            backOffered.maxOperations(),
            backOffered.maxRequests());
    SessionId4 id = new SessionId4(client.clientId(), randomBits);
    BackChannel backChannel =
        new BackChannel(id, back, minorVersion, callbackProgram, security, limits, timers);
    session =
        new Session(
            id,
            client,
            fore,
            backChannel,
            limits.connectionsPerSessionMax(),
            (int) Math.min(foreOffered.maxRequests(), slotsMax),
            budget);
    session.bind(
        connection,
        resultFlags() != 0 ? SessionConst4.CDFS4_BOTH : SessionConst4.CDFS4_FORE,
        false);
    return session;
  }

  /** The only flag ever granted is the back channel, if there is a way to use it. */
  private int resultFlags() {
    return wantsBackChannel() && security.isUsable()
        ? SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN
        : 0;
  }

  /** The result, once built. */
  CreateSessionResult result(int sequence) {
    return new CreateSessionResult(session.id(), sequence, resultFlags(), session.fore(), back);
  }
}
