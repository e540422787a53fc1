package io.selkie.rdma.iwarp;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.iwarp.IwarpConnection.Signal;
import io.selkie.rdma.iwarp.IwarpConnection.State;
import java.io.IOException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A queue pair of the active side, driven by the threads that use it: who posts writes to the
 * socket, who waits reads from it. A blocking round trip costs no hand-over between threads.
 *
 * <p><b>Leader and followers.</b> Of several waiting threads one, the leader, reads the socket and
 * sleeps on it; the others wait until it has completions for them or gives its place up. {@code
 * wire} guards the stream and the writing half of the socket; it is held for work that cannot wait
 * (the socket is non-blocking), never while a thread sleeps nor while the consumer is called. The
 * reading half and the receive buffer belong to the leader.
 */
final class CallerQueuePair extends AbstractQueuePair {

  private static final Logger LOG = LoggerFactory.getLogger(CallerQueuePair.class);

  /** A read of so many octets is taken for a part of something larger. */
  static final int EAGER_BYTES = 32 << 10;

  /**
   * How long to look for the rest of a long transfer before sleeping: as long as a wake-up takes.
   */
  private static final long BULK_SPIN_NANOS = 50_000;

  /** Octets thrown away after our own Terminate, so that no reset overtakes it. */
  private static final int DRAINED_BYTES_MAX = 4 << 20;

  private final SocketChannel channel;
  private final Selector selector;
  private final SelectionKey key;
  private final String remoteAddress;
  private final IwarpConnection connection;
  private final SendQueue sendQueue;
  private final QueuePairListener listener;
  private final NanoClock clock;
  private final long busyPollNanos;
  private final LoopBuffers buffers;
  private final IwarpProvider provider;

  private final ReentrantLock wire = new ReentrantLock();
  private final Condition followers = wire.newCondition();
  // The leader's alone.
  private final ReceiveBuffer in;

  // Under the lock.
  private final ArrayDeque<Chunk> outgoing = new ArrayDeque<>();
  private boolean led;
  private boolean leaderSleeps;
  private volatile boolean wantsWrite;

  /** The rest of a long read is on its way: it comes within microseconds, or the peer is slow. */
  private volatile boolean awaitsMuch;

  private boolean writingFailed;
  private boolean socketClosed;
  private boolean goneTold;

  /**
   * @param listener told of messages and of the end; null when nobody listens
   */
  CallerQueuePair(
      SocketChannel channel,
      IwarpConnection connection,
      SendQueue sendQueue,
      QueuePairListener listener,
      NanoClock clock,
      long busyPollNanos,
      IwarpProvider provider)
      throws IOException {
    this.channel = channel;
    this.connection = connection;
    this.sendQueue = sendQueue;
    this.listener = listener;
    this.clock = clock;
    this.busyPollNanos = busyPollNanos;
    this.provider = provider;
    remoteAddress = String.valueOf(channel.getRemoteAddress());
    buffers = new LoopBuffers(connection.config().limits(), false);
    in = buffers.takeReceiveBuffer();
    channel.configureBlocking(false);
    selector = Selector.open();
    key = channel.register(selector, SelectionKey.OP_READ);
  }

  @Override
  IwarpConnection connection() {
    return connection;
  }

  @Override
  SendQueue sendQueue() {
    return sendQueue;
  }

  @Override
  public String remoteAddress() {
    return remoteAddress;
  }

  // ---- set-up, one thread ----

  /**
   * Exchanges the MPA frames.
   *
   * @return what the peer answered, or null when the time was over
   */
  Signal handshake(long timeoutNanos) throws IOException, InterruptedException {
    long start = clock.nanoTime();
    transmit();
    while (true) {
      long left = timeoutNanos - (clock.nanoTime() - start);
      if (left <= 0) {
        return null;
      }
      sleep(left);
      if (Thread.interrupted()) {
        throw new InterruptedException("interrupted while connecting to " + remoteAddress);
      }
      int count = read();
      Signal signal = connection.receive(in);
      if (signal != Signal.NEED_INPUT) {
        transmit();
        return signal;
      }
      if (count < 0) {
        return Signal.ENDED;
      }
      transmit();
    }
  }

  /** Gives up before the consumer has seen it. */
  void discard() {
    wire.lock();
    try {
      goneTold = true;
      closeSocket(DisconnectCause.Kind.LOCAL_CLOSE, "the set-up failed");
    } finally {
      wire.unlock();
    }
  }

  // ---- posting ----

  @Override
  void kick() {
    wire.lock();
    try {
      transmit();
      nudgeLeader();
    } finally {
      wire.unlock();
    }
  }

  /** A leader asleep on the socket must see what somebody else has changed. */
  private void nudgeLeader() {
    if (leaderSleeps && (wantsWrite || sendQueue.hasCompletions() || socketClosed)) {
      selector.wakeup();
    }
  }

  /** Writes what there is, as far as the socket takes it. Under the lock. */
  private void transmit() {
    if (writingFailed || socketClosed) {
      return;
    }
    boolean sound = false;
    try {
      boolean more = true;
      while (more) {
        Chunk chunk = outgoing.peekFirst();
        if (chunk == null) {
          more = assemble();
        } else {
          connection.written(channel.write(chunk.bytes()));
          more = !chunk.bytes().hasRemaining();
          if (more) {
            outgoing.removeFirst();
            chunk.release();
            buffers.give(chunk);
          }
        }
      }
      // While the socket is full the next chunk is made ready, so that it goes out at once.
      if (outgoing.size() == 1) {
        var _ = assemble();
      }
      setWantsWrite(!outgoing.isEmpty());
      sound = true;
    } catch (IOException e) {
      // The peer may have said why before it closed: the reader will see that, or the end.
      LOG.debug("{}: writing failed", remoteAddress, e);
      writingFailed = true;
      setWantsWrite(false);
      sound = true;
    } finally {
      breakUnless(sound);
    }
  }

  /** Whatever was thrown is the caller's to see, but a stream it left half done must not go on. */
  private void breakUnless(boolean sound) {
    if (!sound) {
      connection.abort("internal error; see the exception that was thrown");
      closeSocket(DisconnectCause.Kind.LOCAL_ABORT, "internal error");
    }
  }

  private boolean assemble() {
    if (!connection.hasOutput()) {
      return false;
    }
    Chunk chunk = buffers.takeChunk();
    connection.produce(chunk);
    if (chunk.bytes().position() == 0) {
      chunk.release();
      buffers.give(chunk);
      return false;
    }
    chunk.bytes().flip();
    outgoing.addLast(chunk);
    return true;
  }

  private void setWantsWrite(boolean wanted) {
    if (wantsWrite != wanted) {
      wantsWrite = wanted;
      if (key.isValid()) {
        key.interestOps(
            wanted ? SelectionKey.OP_READ | SelectionKey.OP_WRITE : SelectionKey.OP_READ);
      }
    }
  }

  // ---- reaping ----

  @Override
  public int poll(Sink sink, int limit) {
    int given = reap(sink, limit);
    if (given == 0 && takeLead()) {
      try {
        advance(read());
      } finally {
        giveLead();
      }
      given = reap(sink, limit);
    }
    return given;
  }

  @Override
  public int await(Sink sink, int limit, long timeoutNanos) throws InterruptedException {
    int given = reap(sink, limit);
    if (given > 0) {
      return given;
    }
    long start = clock.nanoTime();
    long left = timeoutNanos;
    while (true) {
      if (Thread.interrupted()) {
        throw new InterruptedException("interrupted while waiting for completions");
      }
      if (takeLead()) {
        try {
          lead(left);
        } finally {
          giveLead();
        }
      } else {
        follow(left);
      }
      given = reap(sink, limit);
      left = timeoutNanos - (clock.nanoTime() - start);
      if (given > 0 || left <= 0 || (!isUp() && sendQueue.isIdle())) {
        return given;
      }
    }
  }

  private boolean takeLead() {
    wire.lock();
    try {
      boolean taken = !led;
      led = true;
      return taken;
    } finally {
      wire.unlock();
    }
  }

  private void giveLead() {
    wire.lock();
    try {
      led = false;
      followers.signalAll();
    } finally {
      wire.unlock();
    }
    tellGone();
  }

  private void follow(long nanos) throws InterruptedException {
    wire.lock();
    try {
      long left = nanos;
      while (left > 0 && led && !sendQueue.hasCompletions()) {
        left = followers.awaitNanos(left);
      }
    } finally {
      wire.unlock();
    }
  }

  /** Reads once, spinning and sleeping for it as long as told, and uses what came. */
  private void lead(long nanos) {
    long spinNanos = Math.max(busyPollNanos, awaitsMuch || wantsWrite ? BULK_SPIN_NANOS : 0);
    int count = spinNanos > 0 ? spin(Math.min(nanos, spinNanos)) : 0;
    if (count == 0 && !sendQueue.hasCompletions() && nanos > spinNanos) {
      if (mayGoToSleep()) {
        sleep(nanos - spinNanos);
      }
      count = read();
    }
    advance(count);
    // In the middle of much, more has come meanwhile: worth a look without going to sleep.
    while (count >= EAGER_BYTES && !sendQueue.hasCompletions()) {
      count = read();
      advance(count);
    }
  }

  private int spin(long nanos) {
    long start = clock.nanoTime();
    int count = read();
    while (count == 0 && clock.nanoTime() - start < nanos && !sendQueue.hasCompletions()) {
      if (wantsWrite) {
        // What the socket would not take yet must go out too, or both sides wait for ever.
        transmitWaiting();
      } else {
        Thread.onSpinWait();
      }
      count = read();
    }
    return count;
  }

  private void transmitWaiting() {
    wire.lock();
    try {
      transmit();
    } finally {
      wire.unlock();
    }
  }

  private boolean mayGoToSleep() {
    wire.lock();
    try {
      leaderSleeps = !socketClosed && !sendQueue.hasCompletions();
      return leaderSleeps;
    } finally {
      wire.unlock();
    }
  }

  private void sleep(long nanos) {
    try {
      long millis = Math.max(1, TimeUnit.NANOSECONDS.toMillis(nanos));
      var _ = selector.select(CallerQueuePair::ignore, millis);
    } catch (IOException | ClosedSelectorException e) {
      LOG.debug("{}: selecting ended", remoteAddress, e);
    }
  }

  private static void ignore(SelectionKey ready) {
    // There is only one key, and the reading shows what it is ready for.
    assert ready != null;
  }

  /** Reads what is there: octets, 0 for nothing, -1 at the end. The leader's alone. */
  private int read() {
    try {
      in.compact();
      int count = channel.read(in.room());
      if (count > 0) {
        in.received(count);
      }
      return count;
    } catch (IOException e) {
      LOG.debug("{}: reading failed", remoteAddress, e);
      return -1;
    }
  }

  /** Uses what was read; delivers messages with no lock held. */
  private void advance(int count) {
    boolean more = true;
    while (more) {
      Signal signal;
      boolean sound = false;
      wire.lock();
      try {
        leaderSleeps = false;
        signal = count > 0 || !in.isEmpty() ? connection.receive(in) : Signal.NEED_INPUT;
        if (signal != Signal.MESSAGE) {
          more = false;
          transmit();
          awaitsMuch = sendQueue.awaitsRead(EAGER_BYTES);
          endIfDue(signal, count);
        }
        sound = true;
      } finally {
        breakUnless(sound);
        wire.unlock();
      }
      if (signal == Signal.MESSAGE) {
        listener.onMessage(connection.message(), connection.invalidatedKey());
      }
    }
  }

  private void endIfDue(Signal signal, int count) {
    if (signal == Signal.ENDED) {
      if (connection.state() == State.TERMINATING) {
        drain();
      }
      closeSocket(DisconnectCause.Kind.LOCAL_CLOSE, "ended");
    } else if (count < 0) {
      closeSocket(
          writingFailed
              ? DisconnectCause.Kind.TRANSPORT_FAILURE
              : DisconnectCause.Kind.REMOTE_CLOSE,
          writingFailed ? "the connection was lost" : "the peer closed the connection");
    }
  }

  /** After our Terminate: says that no more will come, and throws away what is there. */
  private void drain() {
    try {
      channel.shutdownOutput();
      int drained = 0;
      int count;
      do {
        in.clear();
        count = channel.read(in.room());
        drained += count;
      } while (count > 0 && drained < DRAINED_BYTES_MAX);
    } catch (IOException e) {
      LOG.debug("{}: draining ended", remoteAddress, e);
    }
  }

  // ---- ends ----

  @Override
  public void close() {
    wire.lock();
    try {
      if (!socketClosed) {
        connection.close();
        transmit();
        closeSocket(DisconnectCause.Kind.LOCAL_CLOSE, "closed by this side");
      }
    } finally {
      wire.unlock();
    }
    tellGone();
  }

  @Override
  public void abort(String reason) {
    connection.abort(reason);
    wire.lock();
    try {
      closeSocket(DisconnectCause.Kind.LOCAL_ABORT, reason);
    } finally {
      wire.unlock();
    }
    tellGone();
  }

  @Override
  public void abortIfHolding(IwarpRegion region) {
    boolean holds = false;
    wire.lock();
    try {
      for (Chunk chunk : outgoing) {
        holds |= chunk.holds(region);
      }
    } finally {
      wire.unlock();
    }
    if (holds) {
      abort("accesses to a region were aborted; this peer does not read");
    }
  }

  /** Under the lock. Idempotent. */
  private void closeSocket(DisconnectCause.Kind kind, String detail) {
    if (socketClosed) {
      return;
    }
    socketClosed = true;
    connection.lost(kind, detail);
    try {
      // Both: a channel that is registered stays half open until its selector has seen it off.
      channel.close();
      selector.wakeup();
      if (!led) {
        selector.close();
      }
    } catch (IOException e) {
      LOG.debug("{}: closing failed", remoteAddress, e);
    }
    for (Chunk chunk : outgoing) {
      chunk.release();
    }
    outgoing.clear();
    followers.signalAll();
  }

  /** Says the end, once, with no lock held, when no thread is at work on the socket any more. */
  private void tellGone() {
    wire.lock();
    try {
      if (!socketClosed || led || goneTold) {
        return;
      }
      goneTold = true;
    } finally {
      wire.unlock();
    }
    try {
      selector.close();
    } catch (IOException e) {
      LOG.debug("{}: closing the selector failed", remoteAddress, e);
    }
    provider.forget(this);
    if (connection.domain() != null) {
      connection.domain().leave(this);
    }
    if (listener != null) {
      listener.onClosed(connection.cause());
    }
  }
}
