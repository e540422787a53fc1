package io.selkie.server.session;

import java.time.Duration;

/**
 * What clients and sessions may take, all of it negotiated in CREATE_SESSION and then enforced, or
 * a bound on how many there may be.
 *
 * @param lease how long a client may be silent
 * @param courtesy how long a client whose lease is over keeps what nobody else wants
 * @param courteousMax how many such clients there may be; the oldest goes first. 0: none
 * @param clientsMax how many confirmed clients there may be; beyond it EXCHANGE_ID answers DELAY
 * @param clientsPerHostMax how many of them may come from one host
 * @param unconfirmedMax how many unconfirmed client records are kept; the oldest goes first
 * @param unconfirmedPerHostMax how many of them are of one host; its own oldest goes first
 * @param sessionsPerClientMax beyond it CREATE_SESSION answers NOSPC
 * @param connectionsPerSessionMax how many connections may be associated with one session
 * @param requestBytesMax the largest ca_maxrequestsize granted
 * @param responseBytesMax the largest ca_maxresponsesize granted
 * @param cachedBytesMax the largest ca_maxresponsesize_cached granted
 * @param operationsMax the largest ca_maxoperations granted
 * @param slotsMax the largest ca_maxrequests granted
 * @param replyCacheBytesMax what all sessions with their reply caches together may promise to hold;
 *     when it is used up sessions get fewer slots, in the end one, then NOSPC
 * @param callbackSlotsMax how many of a back channel's slots are used
 * @param callbacksPendingMax how many callbacks of one session may wait for a slot
 * @param callbackTimeout how long a callback may go unanswered before it counts as lost
 */
public record SessionLimits(
    Duration lease,
    Duration courtesy,
    int courteousMax,
    int clientsMax,
    int clientsPerHostMax,
    int unconfirmedMax,
    int unconfirmedPerHostMax,
    int sessionsPerClientMax,
    int connectionsPerSessionMax,
    int requestBytesMax,
    int responseBytesMax,
    int cachedBytesMax,
    int operationsMax,
    int slotsMax,
    long replyCacheBytesMax,
    int callbackSlotsMax,
    int callbacksPendingMax,
    Duration callbackTimeout) {

  /** The largest negotiable values; the lease is Linux's own default. */
  public static final SessionLimits DEFAULT =
      new SessionLimits(
          Duration.ofSeconds(90),
          Duration.ofDays(1),
          1024,
          8192,
          2048,
          1024,
          256,
          64,
          64,
          (1 << 20) + 8192,
          (1 << 20) + 8192,
          8192,
          64,
          64,
          320L << 20,
          16,
          16_384,
          Duration.ofSeconds(10));

  /** The same limits with another lease. */
  public SessionLimits withLease(Duration newLease) {
    return new SessionLimits(
        newLease,
        courtesy,
        courteousMax,
        clientsMax,
        clientsPerHostMax,
        unconfirmedMax,
        unconfirmedPerHostMax,
        sessionsPerClientMax,
        connectionsPerSessionMax,
        requestBytesMax,
        responseBytesMax,
        cachedBytesMax,
        operationsMax,
        slotsMax,
        replyCacheBytesMax,
        callbackSlotsMax,
        callbacksPendingMax,
        callbackTimeout);
  }
}
