package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.RdmaCmId;
import io.selkie.rdma.CompletionQueue;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.WorkStatus;
import io.selkie.rdma.verbs.SendCalls.Operation;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A queue pair of the device.
 *
 * <pre>
 *   CONNECTING ──▶ UP ──▶ BROKEN ──▶ GONE
 *        └──────────────▶   ▲
 * </pre>
 *
 * <p>BROKEN: the device takes no requests any more, ours and the peer's alike. GONE: the device has
 * forgotten the queue pair; every request is over.
 *
 * <p>{@link #lock} guards the queue pair's handle: it is held for calls of microseconds.
 */
final class VerbsQueuePair implements QueuePair {

  private static final Logger LOG = LoggerFactory.getLogger(VerbsQueuePair.class);

  /** The states. */
  enum State {
    CONNECTING,
    UP,
    BROKEN,
    GONE;

    boolean mayBecome(State next) {
      return switch (this) {
        case CONNECTING -> next == UP || next == BROKEN;
        case UP -> next == BROKEN;
        case BROKEN -> next == GONE;
        case GONE -> false;
      };
    }
  }

  private final VerbsProvider provider;
  private final VerbsDomain domain;
  private final RdmaCmId id;
  private final VerbsHandles handles;
  private final SendRing ring;
  private final boolean passive;
  private final QueuePairListener listener;
  private final long chunkBytes;
  private final String peer;

  private final ReentrantLock lock = new ReentrantLock();
  private final CountDownLatch gone = new CountDownLatch(1);
  private final AtomicBoolean told = new AtomicBoolean();
  private final VerbsInbox inbox;
  private final VerbsCompletions completions;
  private final VerbsHandles.Sink sendSink = this::onCompletion;
  private volatile State state = State.CONNECTING;
  private volatile DisconnectCause cause;
  // Number of the first request that is wrong by itself, or -1.
  private volatile long doomed = -1;
  private volatile boolean wasUp;
  private volatile ByteBuffer remotePrivateData = ByteBuffer.allocate(0).asReadOnlyBuffer();

  /**
   * Over handles that were made for {@code id}.
   *
   * @param listener null for none, on the active side only
   */
  VerbsQueuePair(
      VerbsDomain domain,
      RdmaCmId id,
      VerbsHandles handles,
      boolean passive,
      QueuePairListener listener,
      long busyPollNanos,
      String peer) {
    provider = domain.provider();
    this.domain = domain;
    this.id = id;
    this.handles = handles;
    this.passive = passive;
    this.listener = listener;
    this.peer = peer;
    ring = new SendRing(handles.depth(), handles.workRequests());
    chunkBytes = Math.min(provider.device().maxMessageBytes(), 1L << 30);
    inbox = new VerbsInbox(this, domain, handles, listener);
    completions = new VerbsCompletions(this, handles, ring, provider.clock(), busyPollNanos);
  }

  // ---- what it is ----

  @Override
  public ByteBuffer remotePrivateData() {
    return remotePrivateData.duplicate();
  }

  @Override
  public ProtectionDomain domain() {
    return domain;
  }

  @Override
  public String remoteAddress() {
    return peer;
  }

  @Override
  public int sendQueueDepth() {
    return ring.depth();
  }

  @Override
  public boolean isUp() {
    return state == State.UP;
  }

  @Override
  public DisconnectCause disconnectCause() {
    return cause;
  }

  @Override
  public CompletionQueue completions() {
    return completions;
  }

  State state() {
    return state;
  }

  RdmaCmId id() {
    return id;
  }

  // ---- life ----

  private void become(State next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException("%s may not go from %s to %s".formatted(this, state, next));
    }
    state = next;
  }

  /** The connection is up; false when it was broken meanwhile. */
  boolean established(ByteBuffer privateData) {
    remotePrivateData = privateData;
    lock.lock();
    try {
      if (state != State.CONNECTING) {
        return false;
      }
      become(State.UP);
      wasUp = true;
    } finally {
      lock.unlock();
    }
    if (passive) {
      listener.onEstablished(this);
      deliver();
    }
    return true;
  }

  /** Something arrived, or buffers came back. On the loop. */
  void onReceive() {
    inbox.take(true);
    deliver();
  }

  /** The key of the oldest message is dead now. */
  void onNews() {
    if (passive) {
      provider.loop().execute(this::deliver);
    } else {
      handles.waker().wake();
    }
  }

  private void deliver() {
    // Before it is up nobody knows it: data may come before the event that says that it is.
    if (wasUp) {
      if (inbox.deviceBrokeIt() && state == State.UP) {
        endOfDevice();
      }
      inbox.deliver();
    }
  }

  /** The device ended it: because of a request of ours, or of one of the peer. */
  private void endOfDevice() {
    pollSends();
    end(
        new DisconnectCause(
            DisconnectCause.Kind.LOCAL_ERROR,
            "device %s refused a request of %s: key, bounds, right, domain or length is wrong"
                .formatted(provider.device().name(), peer)));
  }

  /** The peer said good-bye. On the loop. */
  void onDisconnected() {
    if (state == State.UP || state == State.CONNECTING) {
      if (passive) {
        onReceive();
      }
      pollSends();
      endOfPeer();
    }
  }

  /** Messages that came before the end, or the device's own word on it, count first. */
  private void endOfFlushed() {
    if (passive) {
      provider.loop().execute(this::onDisconnected);
    } else {
      endOfPeer();
    }
  }

  private void endOfPeer() {
    end(new DisconnectCause(DisconnectCause.Kind.REMOTE_CLOSE, peer + " closed the connection"));
  }

  /** The connection could not be made, or its device went away. On the loop. */
  void onTrouble(String what) {
    end(new DisconnectCause(DisconnectCause.Kind.TRANSPORT_FAILURE, what));
  }

  /** Ends it; the first cause counts. Returns at once, when no access can begin any more. */
  void end(DisconnectCause why) {
    lock.lock();
    try {
      if (state == State.BROKEN || state == State.GONE) {
        return;
      }
      cause = why;
      become(State.BROKEN);
      handles.breakNow();
    } finally {
      lock.unlock();
    }
    handles.waker().wake();
    provider.tearDown(this::tearDown);
  }

  private void tearDown() {
    // Whom the device told of its error needs no good-bye from us, which might come first.
    boolean peerSpeaks = passive && wasUp && cause.kind() == DisconnectCause.Kind.LOCAL_ERROR;
    if (!peerSpeaks) {
      try {
        id.disconnect();
      } catch (IOException e) {
        LOG.debug("good-bye to {} failed: {}", peer, e.getMessage());
      }
    }
    completions.driving().lock();
    try {
      pollSends();
      lock.lock();
      try {
        handles.destroyPair(id);
      } catch (IOException e) {
        LOG.warn("the end of the {} failed", this, e);
      } finally {
        lock.unlock();
      }
      pollSends();
      ring.finishAll(flushStatus());
      try {
        handles.close();
      } catch (IOException e) {
        LOG.warn("the end of the {} failed", this, e);
      }
      lock.lock();
      try {
        become(State.GONE);
      } finally {
        lock.unlock();
      }
    } finally {
      completions.driving().unlock();
    }
    domain.leave(this);
    // Before the provider forgets this queue pair: its end waits for those it knows.
    domain.letGo();
    provider.gone(this, peerSpeaks);
    gone.countDown();
    if (passive && wasUp) {
      provider.loop().execute(this::tellTheEnd);
    }
  }

  private void tellTheEnd() {
    if (listener != null && wasUp && told.compareAndSet(false, true)) {
      listener.onClosed(cause);
    }
  }

  /** On the active side the end is told by the thread that polls. */
  void tellTheEndIfPolled() {
    if (!passive && state == State.GONE) {
      tellTheEnd();
    }
  }

  @Override
  public void close() {
    end(new DisconnectCause(DisconnectCause.Kind.LOCAL_CLOSE, "closed by us"));
    if (!passive) {
      awaitGone();
      tellTheEnd();
    }
  }

  /** Waits until the device has forgotten it, or the time is over. */
  void awaitGone(long nanos) throws InterruptedException {
    var _ = gone.await(nanos, TimeUnit.NANOSECONDS);
  }

  /** Waits until the device has forgotten it. Not to be called on the loop. */
  void awaitGone() {
    boolean interrupted = false;
    while (true) {
      try {
        gone.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void abort(String reason) {
    end(new DisconnectCause(DisconnectCause.Kind.LOCAL_ABORT, reason));
  }

  // ---- posting ----

  @Override
  public PostResult postRead(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    return post(Operation.READ, false, localRegion, local, remoteKey, remoteAddress, workId);
  }

  @Override
  public PostResult postWrite(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    return post(Operation.WRITE, false, localRegion, local, remoteKey, remoteAddress, workId);
  }

  @Override
  public PostResult postWriteAndConfirm(
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    return post(Operation.WRITE, true, localRegion, local, remoteKey, remoteAddress, workId);
  }

  @Override
  public PostResult postSend(MemoryRegion localRegion, MemorySegment local, long workId) {
    return post(Operation.SEND, false, localRegion, local, 0, 0, workId);
  }

  @Override
  public PostResult postSendWithInvalidate(
      MemoryRegion localRegion, MemorySegment local, int remoteKey, long workId) {
    return post(Operation.SEND_WITH_KEY, false, localRegion, local, remoteKey, 0, workId);
  }

  @Override
  public boolean canFlush() {
    return handles.sends().canFlush();
  }

  @Override
  public PostResult postFlush(
      int remoteKey, long remoteAddress, long bytes, boolean persistent, long workId) {
    Operation operation = handles.sends().flush(provider, bytes, persistent);
    return post(operation, false, VerbsRegion.NO_KEY, 0, bytes, remoteKey, remoteAddress, workId);
  }

  private PostResult post(
      Operation operation,
      boolean confirm,
      MemoryRegion localRegion,
      MemorySegment local,
      int remoteKey,
      long remoteAddress,
      long workId) {
    int localKey = VerbsRegion.localKey(domain, localRegion, local, operation == Operation.READ);
    return post(
        operation,
        confirm,
        localKey,
        local.address(),
        local.byteSize(),
        remoteKey,
        remoteAddress,
        workId);
  }

  private PostResult post(
      Operation operation,
      boolean confirm,
      int localKey,
      long localAddress,
      long bytes,
      int remoteKey,
      long remoteAddress,
      long workId) {
    boolean hasBuffer = operation.hasBuffer() && bytes > 0;
    long chunks = hasBuffer ? Math.ceilDiv(bytes, chunkBytes) : 1;
    long parts = chunks + (confirm ? 1 : 0);
    if (parts > ring.partsMax()) {
      throw new IllegalArgumentException(
          "a request of %d octets: this queue pair takes %d at most; split it"
              .formatted(bytes, (ring.partsMax() - 1) * chunkBytes));
    }
    lock.lock();
    try {
      if (state != State.UP) {
        return PostResult.BROKEN;
      }
      long number = ring.post(workId, (int) parts);
      if (number < 0) {
        return PostResult.QUEUE_FULL;
      }
      if (doomed >= 0 || (localKey == VerbsRegion.NO_KEY && hasBuffer)) {
        doom(number);
        return PostResult.POSTED;
      }
      long offset = 0;
      try {
        for (long chunk = 1; chunk <= chunks; chunk++) {
          long length = hasBuffer ? Math.min(chunkBytes, bytes - offset) : bytes;
          boolean last = chunk == parts;
          handles
              .sends()
              .post(
                  operation,
                  work(number, last),
                  last,
                  localAddress + offset,
                  (int) length,
                  localKey,
                  remoteAddress + offset,
                  remoteKey);
          offset += length;
        }
        if (confirm) {
          handles.confirm(work(number, true), bytes > 0, remoteAddress, remoteKey);
        }
        return PostResult.POSTED;
      } catch (IOException e) {
        return refused(number, offset == 0 && (bytes > 0 || !confirm), e);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * A request whose local buffer is not covered does not go to the device, which need not say what
   * was wrong with it (soft RoCE may call it flushed); it ends in its turn, and those behind it are
   * flushed.
   */
  private void doom(long number) {
    if (doomed < 0) {
      doomed = number;
    }
    endDoomed();
  }

  private void endDoomed() {
    long number = doomed;
    if (number >= 0 && ring.finishIfNext(number, WorkStatus.LOCAL_PROTECTION_ERROR)) {
      end(
          new DisconnectCause(
              DisconnectCause.Kind.LOCAL_ERROR,
              "the local buffer of a request to %s is not covered by a region of its domain"
                  .formatted(peer)));
    }
  }

  private PostResult refused(long number, boolean whole, IOException e) {
    if (provider.device().isEnd(e)) {
      // The request is in the device's queue all the same, and is flushed with it.
      endOfFlushed();
      return PostResult.POSTED;
    }
    if (whole) {
      ring.unpost(number);
    }
    end(
        new DisconnectCause(
            DisconnectCause.Kind.LOCAL_ERROR, "the device takes no request: " + e.getMessage()));
    return whole ? PostResult.BROKEN : PostResult.POSTED;
  }

  /** What comes back in a completion: the request, and whether it is over with this part. */
  private static long work(long number, boolean last) {
    return number << 1 | (last ? 1 : 0);
  }

  // ---- completions ----

  /** Takes what the device says of our requests. */
  private void pollSends() {
    handles.pollLock().lock();
    try {
      if (handles.isOpen()) {
        handles.pollSends(sendSink);
        endDoomed();
      }
    } catch (IOException e) {
      onTrouble("completions cannot be taken: " + e.getMessage());
    } finally {
      handles.pollLock().unlock();
    }
  }

  private void onCompletion(long work, int status) {
    long number = work >>> 1;
    if (status == WorkCompletions.SUCCESS) {
      if ((work & 1) != 0) {
        ring.finish(number, WorkStatus.SUCCESS);
      }
    } else if (provider.device().isFlush(status)) {
      ring.finish(number, flushStatus());
      if (state == State.UP && provider.device().iwarp()) {
        // The event that it is over comes later there.
        endOfFlushed();
      }
    } else if (ring.finish(number, WorkCompletions.failure(status))) {
      end(
          new DisconnectCause(
              WorkCompletions.kind(status),
              "a request to %s failed: %s".formatted(peer, WorkCompletions.words(status))));
    }
  }

  /** How the first request ends that was under way when the queue pair broke. */
  private WorkStatus flushStatus() {
    DisconnectCause why = cause;
    boolean ours =
        why != null
            && (why.kind() == DisconnectCause.Kind.LOCAL_CLOSE
                || why.kind() == DisconnectCause.Kind.LOCAL_ABORT);
    return ours ? WorkStatus.FLUSHED : WorkStatus.CONNECTION_LOST;
  }

  /** Takes what is there of completions and, on the active side, of messages. */
  void takeAll() {
    pollSends();
    if (!passive) {
      inbox.take(false);
      deliver();
    }
  }

  @Override
  public String toString() {
    return "verbs queue pair with %s in %s".formatted(peer, domain);
  }
}
