package io.selkie.server.session;

import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.server.compound.Principal;
import io.selkie.server.compound.SequencedSlot;
import java.nio.ByteBuffer;

/**
 * One slot of a session's reply cache: the last request on it and its reply (RFC 8881 section
 * 2.10.6.1). Safe for use by several threads; its lock is held only to look and to copy.
 */
final class Slot implements SequencedSlot {

  /** What a SEQUENCE means to a slot. */
  enum Verdict {
    /** The next request: execute it. */
    NEW,
    /** A retry of the last request, whose reply is kept. */
    RETRY_CACHED,
    /** A retry of the last request, whose reply is not kept. */
    RETRY_UNCACHED,
    /** A retry of a request that is still running: NFS4ERR_DELAY. */
    RUNNING,
    /** Same sequence id, other request: NFS4ERR_SEQ_FALSE_RETRY. */
    FALSE_RETRY,
    /** NFS4ERR_SEQ_MISORDERED. */
    MISORDERED
  }

  private static final byte[] NOTHING = new byte[0];

  private final Session session;
  private final int slotId;

  private int sequenceId;
  private boolean used;
  private boolean running;
  private long fingerprint;
  private Principal principal;
  private boolean cacheThis;
  private byte[] reply = NOTHING;
  private int replyBytes;

  /** Given back by the client once; it may count on from its last request or anew from one. */
  private boolean retired;

  /** How many slots the client was last told to use in a reply on this one. */
  private volatile int told;

  Slot(Session session, int slotId) {
    this.session = session;
    this.slotId = slotId;
  }

  /**
   * Judges a request; for {@link Verdict#NEW} the slot is taken until {@link #complete}.
   *
   * @param requestFingerprint tells requests apart; see {@link Fingerprint}
   */
  synchronized Verdict begin(
      int requestSequenceId, long requestFingerprint, Principal requestPrincipal, boolean cache) {
    if (retired && !running) {
      retired = false;
      used = false;
      if (requestSequenceId == 1) {
        sequenceId = 0;
      }
    }
    int ahead = requestSequenceId - sequenceId;
    if (ahead == 0 && used) {
      if (fingerprint != requestFingerprint || !requestPrincipal.equals(principal)) {
        return Verdict.FALSE_RETRY;
      }
      if (running) {
        return Verdict.RUNNING;
      }
      return cacheThis ? Verdict.RETRY_CACHED : Verdict.RETRY_UNCACHED;
    }
    if (ahead != 1 || running) {
      return Verdict.MISORDERED;
    }
    sequenceId = requestSequenceId;
    used = true;
    running = true;
    fingerprint = requestFingerprint;
    principal = requestPrincipal;
    cacheThis = cache;
    replyBytes = 0;
    return Verdict.NEW;
  }

  @Override
  public synchronized void complete(ByteBuffer compoundResult) {
    if (cacheThis) {
      replyBytes = compoundResult.remaining();
      if (reply.length < replyBytes) {
        reply = new byte[replyBytes];
      }
      compoundResult.get(compoundResult.position(), reply, 0, replyBytes);
    }
    running = false;
    session.requestEnded();
  }

  @Override
  public synchronized void abandon() {
    if (running) {
      cacheThis = false;
      running = false;
      session.requestEnded();
    }
  }

  int told() {
    return told;
  }

  void told(int slots) {
    told = slots;
  }

  synchronized boolean isRunning() {
    return running;
  }

  /** The client has given it back: the reply need not be kept. */
  synchronized void retire() {
    retired = true;
    reply = NOTHING;
    replyBytes = 0;
  }

  /** The kept reply; only after {@link Verdict#RETRY_CACHED}. The caller must not change it. */
  synchronized ByteBuffer cachedReply() {
    return ByteBuffer.wrap(reply.clone(), 0, replyBytes);
  }

  @Override
  public SessionId4 sessionId() {
    return session.id();
  }

  @Override
  public long clientId() {
    return session.client().clientId();
  }

  @Override
  public boolean isOfPnfsClient() {
    return session.client().role() == SessionConst4.EXCHGID4_FLAG_USE_PNFS_MDS;
  }

  @Override
  public int slotId() {
    return slotId;
  }

  @Override
  public synchronized int sequenceId() {
    return sequenceId;
  }
}
