package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import com.ibm.disni.verbs.impl.NatIbvCQ;
import com.ibm.disni.verbs.impl.NatIbvCompChannel;
import com.ibm.disni.verbs.impl.NatRdmaEventChannel;
import io.selkie.config.time.NanoClock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that takes the connection manager's events and those of the passive queue pairs'
 * receive queues. It also makes and ends connections' ids, because DiSNI keeps them in a map that
 * is not made for several threads.
 */
final class VerbsLoop implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(VerbsLoop.class);

  /** RDMA_PS_TCP does not fit into DiSNI's parameter; the native half knows. */
  private static final short PORT_SPACE = (short) 0x0106;

  private static final List<RdmaCmEvent.EventType> KINDS = List.of(RdmaCmEvent.EventType.values());

  private record Lingering(RdmaCmId id, long deadlineNanos) {}

  private final NanoClock clock;
  private final RdmaEventChannel events;
  private final Thread thread;
  private final Map<RdmaCmId, ConnectionEvent.Handler> handlers = new ConcurrentHashMap<>();
  private final Map<Long, Runnable> receivers = new ConcurrentHashMap<>();
  // One entry for each connection, listener or domain that somebody works on: bounded by those.
  private final ConcurrentLinkedQueue<Runnable> tasks = new ConcurrentLinkedQueue<>();
  private final ArrayDeque<Lingering> lingering = new ArrayDeque<>();
  private final Map<RdmaCmId, Lingering> lingeringIds = new HashMap<>();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment last = arena.allocate(NativeVerbs.Event.BYTES, 8);
  private VerbsDevice device;
  private RdmaCmId anchor;
  private IbvCompChannel receives;
  private Waker waker;
  private volatile boolean stopping;

  VerbsLoop(NanoClock clock) throws IOException {
    this.clock = clock;
    this.events = RdmaCm.open().createEventChannel();
    this.thread = Thread.ofPlatform().daemon().name("verbs-loop").unstarted(this::run);
  }

  /** An id that is not known to anybody yet; before {@link #start} only. */
  RdmaCmId firstId() throws IOException {
    return events.createId(PORT_SPACE);
  }

  /**
   * Starts the thread.
   *
   * @param chosen the device
   * @param id bound to it; keeps it open
   */
  void start(VerbsDevice chosen, RdmaCmId id) throws IOException {
    device = chosen;
    anchor = id;
    receives = chosen.context().createCompChannel();
    waker =
        new Waker(
            NativeVerbs.eventChannelFd(((NatRdmaEventChannel) events).getObjId()),
            NativeVerbs.completionChannelFd(((NatIbvCompChannel) receives).getObjId()));
    thread.start();
  }

  /** Where the receive queues of passive queue pairs say that there is something. */
  IbvCompChannel receives() {
    return receives;
  }

  boolean isCurrentThread() {
    return Thread.currentThread().equals(thread);
  }

  /** Runs something on the loop, soon. */
  void execute(Runnable task) {
    tasks.add(task);
    waker.wake();
  }

  /** Runs something on the loop and waits for it; at once when this is the loop. */
  <T> T call(Callable<T> task) throws IOException, InterruptedException {
    if (isCurrentThread()) {
      try {
        return task.call();
      } catch (Exception e) {
        throw asIo(e);
      }
    }
    CompletableFuture<T> result = new CompletableFuture<>();
    execute(() -> {
      try {
        result.complete(task.call());
      } catch (Exception e) {
        result.completeExceptionally(e);
      }
    });
    if (stopping && !thread.isAlive()) {
      throw new IOException("the verbs provider is closed");
    }
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw asIo(e.getCause());
    }
  }

  private static IOException asIo(Throwable cause) {
    return cause instanceof IOException io ? io : new IOException(cause);
  }

  RdmaCmId createId(ConnectionEvent.Handler handler) throws IOException, InterruptedException {
    return call(() -> {
      RdmaCmId id = events.createId(PORT_SPACE);
      handlers.put(id, handler);
      return id;
    });
  }

  void handle(RdmaCmId id, ConnectionEvent.Handler handler) {
    handlers.put(id, handler);
  }

  /** What to run when a passive queue pair's receive queue has something. */
  void onReceive(IbvCQ queue, Runnable receiver) {
    receivers.put(((NatIbvCQ) queue).getObjId(), receiver);
  }

  /** To be called before the queue is destroyed. */
  void forget(IbvCQ queue) {
    receivers.remove(((NatIbvCQ) queue).getObjId());
  }

  /** Ends an id, on the loop. */
  void destroy(RdmaCmId id) {
    execute(() -> destroyAtOnce(id));
  }

  /**
   * Ends an id when the peer has said good-bye or the time is over: what the peer does wrong it is
   * told by the device, and an end from us could come first.
   */
  void destroyLater(RdmaCmId id, long lingerNanos) {
    execute(() -> {
      Lingering later = new Lingering(id, clock.nanoTime() + lingerNanos);
      handlers.put(
          id,
          event -> {
            if (event.kind() == RdmaCmEvent.EventType.RDMA_CM_EVENT_DISCONNECTED) {
              endLingering(later);
            }
          });
      lingering.add(later);
      lingeringIds.put(id, later);
    });
  }

  private void endLingering(Lingering later) {
    if (lingeringIds.remove(later.id(), later)) {
      lingering.remove(later);
      try {
        later.id().disconnect();
      } catch (IOException e) {
        LOG.debug("good-bye to a peer that is gone: {}", e.getMessage());
      }
      destroyAtOnce(later.id());
    }
  }

  /** Ends an id; on the loop only. */
  void destroyAtOnce(RdmaCmId id) {
    handlers.remove(id);
    try {
      id.destroyId();
    } catch (IOException e) {
      LOG.warn("the end of a connection's id failed", e);
    }
  }

  private void run() {
    while (!stopping) {
      try {
        waker.await(untilLingering());
      } catch (VerbsException e) {
        LOG.error("the verbs loop cannot wait any more, and ends", e);
        return;
      }
      guarded(this::takeReceives);
      guarded(this::takeEvents);
      for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
        Runnable next = task;
        guarded(next::run);
      }
      endOverdue();
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  /** One peer's trouble must not stop the others. */
  private static void guarded(Step step) {
    try {
      step.run();
    } catch (IOException | RuntimeException e) {
      LOG.error("the verbs loop goes on after an error", e);
    }
  }

  private long untilLingering() {
    Lingering first = lingering.peek();
    return first == null ? -1 : Math.max(1, first.deadlineNanos() - clock.nanoTime());
  }

  private void endOverdue() {
    for (Iterator<Lingering> all = lingering.iterator(); all.hasNext(); ) {
      Lingering next = all.next();
      if (next.deadlineNanos() - clock.nanoTime() > 0) {
        return;
      }
      all.remove();
      lingeringIds.remove(next.id());
      destroyAtOnce(next.id());
    }
  }

  private void takeReceives() throws IOException {
    long channel = ((NatIbvCompChannel) receives).getObjId();
    for (long queue = NativeVerbs.nextCompletionEvent(channel);
        queue != 0;
        queue = NativeVerbs.nextCompletionEvent(channel)) {
      Runnable receiver = receivers.get(queue);
      if (receiver != null) {
        guarded(receiver::run);
      }
    }
  }

  private void takeEvents() throws IOException {
    for (RdmaCmEvent event = events.getCmEvent(0); event != null; event = events.getCmEvent(0)) {
      NativeVerbs.lastEvent(last.address());
      int length = last.get(ValueLayout.JAVA_INT, NativeVerbs.Event.LENGTH);
      ConnectionEvent whole =
          new ConnectionEvent(
              KINDS.get(event.getEvent()),
              last.get(ValueLayout.JAVA_INT, NativeVerbs.Event.STATUS),
              event.getConnIdPriv(),
              last.get(ValueLayout.JAVA_INT, NativeVerbs.Event.RESPONDER_RESOURCES),
              last.get(ValueLayout.JAVA_INT, NativeVerbs.Event.INITIATOR_DEPTH),
              ByteBuffer.wrap(
                  last.asSlice(NativeVerbs.Event.PRIVATE_DATA, length)
                      .toArray(ValueLayout.JAVA_BYTE)));
      // A request belongs to its listener, everything else to the connection.
      RdmaCmId owner =
          whole.kind() == RdmaCmEvent.EventType.RDMA_CM_EVENT_CONNECT_REQUEST
              ? event.getListenIdPriv()
              : event.getConnIdPriv();
      ConnectionEvent.Handler handler = owner == null ? null : handlers.get(owner);
      if (handler != null) {
        guarded(() -> handler.onEvent(whole));
      } else if (whole.kind() == RdmaCmEvent.EventType.RDMA_CM_EVENT_CONNECT_REQUEST) {
        destroyAtOnce(whole.id());
      }
    }
  }

  /** Stops the thread and closes what is left. Idempotent; not to be called on the loop. */
  @Override
  public void close() {
    synchronized (this) {
      if (stopping) {
        return;
      }
      stopping = true;
    }
    if (waker != null) {
      waker.wake();
      joinThread();
      for (Lingering left : lingering) {
        destroyAtOnce(left.id());
      }
      for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
        Runnable next = task;
        guarded(next::run);
      }
    }
    guarded(() -> {
      if (receives != null) {
        receives.destroyCompChannel();
      }
      if (anchor != null) {
        anchor.destroyId();
      }
      events.destroyEventChannel();
    });
    if (waker != null) {
      guarded(waker::close);
    }
    arena.close();
  }

  private void joinThread() {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  VerbsDevice device() {
    return device;
  }
}
