package io.selkie.server.state;

import io.selkie.protocol.nfs4.Stateid4;

/** What {@link OpenTable#open} answered. */
public sealed interface OpenResult {
  /**
   * It is open; the table holds the target now.
   *
   * @param stateid to be given to the client
   */
  record Opened(OpenState state, Stateid4 stateid) implements OpenResult {}

  /**
   * It is not; the target is the caller's still.
   *
   * @param status NFS4ERR_SHARE_DENIED, or for a limit NFS4ERR_DELAY (others may close) or
   *     NFS4ERR_SERVERFAULT (only the client itself can; NFSv4.1 has no better word), or
   *     NFS4ERR_EXPIRED when the client went while its request ran
   * @param reason for the log
   */
  record Refused(int status, String reason) implements OpenResult {}
}
