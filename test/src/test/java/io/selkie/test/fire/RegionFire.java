package io.selkie.test.fire;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RemoteAccess;
import io.selkie.test.fire.Board.Count;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Fencing under fire with nothing but a provider: memory is registered, flooded through several
 * queue pairs of a process, and the key is taken back in the middle of it; now and then the process
 * is killed. When the invalidation is over the memory may change by nobody but its owner.
 */
final class RegionFire implements AutoCloseable {

  /**
   * What there is and how long it lasts.
   *
   * @param broken takes for over what was not even begun
   */
  record Plan(
      String provider,
      InetAddress address,
      long seed,
      int seconds,
      int clients,
      int queuePairs,
      boolean broken) {}

  /** How it was. */
  record Outcome(
      List<String> violations,
      long placedAfterTheEnd,
      long queuePairsBroken,
      int kills,
      String story) {}

  private static final int REGION_BYTES = 256 << 10;
  private static final int WAIT_SECONDS = 600;
  private static final int ROUNDS_MIN = 8;

  /** As a server does: then the queue pairs in question are broken. */
  private static final int PATIENCE_MILLIS = 400;

  private static final int KILL_ONE_OF = 8;
  private static final int KILL_AT_ROUND = ROUNDS_MIN / 2;

  private static final Set<RemoteAccess> READ_WRITE = Set.of(RemoteAccess.READ, RemoteAccess.WRITE);

  private final Plan plan;
  private final NanoClock clock = NanoClock.system();
  private final Path boardFile;
  private final Board board;
  private final Arena arena = Arena.ofShared();
  private final RdmaProvider provider;
  private final List<ProtectionDomain> domains = new ArrayList<>();
  private final RdmaListener listener;
  private final Marks marks = new Marks();
  private final AtomicInteger kills = new AtomicInteger();
  private final AtomicInteger aborts = new AtomicInteger();
  private final ConcurrentLinkedQueue<String> violations = new ConcurrentLinkedQueue<>();

  private RegionFire(Plan plan, Path scratch) throws Exception {
    this.plan = plan;
    this.boardFile = scratch.resolve("board");
    this.board = Board.open(boardFile);
    this.provider = FireClient.provider(plan.provider, plan.address);
    for (int i = 0; i < plan.clients; i++) {
      domains.add(provider.allocateProtectionDomain("client " + i));
    }
    this.listener = provider.listen(new InetSocketAddress(plan.address, 0), this::accept);
  }

  private ConnectionAcceptor.Decision accept(ConnectionAcceptor.ConnectionRequest request) {
    int index = request.privateData().getInt(request.privateData().position());
    return new ConnectionAcceptor.Accept(domains.get(index), ByteBuffer.allocate(0), new Silent());
  }

  private static final class Silent implements QueuePairListener {
    @Override
    public void onEstablished(QueuePair queuePair) {}

    @Override
    public void onClosed(DisconnectCause cause) {}
  }

  static Outcome burn(Plan plan, Path scratch) throws Exception {
    try (RegionFire fire = new RegionFire(plan, scratch)) {
      return fire.burn();
    }
  }

  private boolean isLost() {
    boolean placed = board.get(Count.PLACED_AFTER_THE_END) > 0;
    return plan.broken ? !violations.isEmpty() && placed : !violations.isEmpty() || placed;
  }

  private Outcome burn() throws Exception {
    SplittableRandom random = new SplittableRandom(plan.seed);
    try (ExecutorService threads = Executors.newFixedThreadPool(plan.clients)) {
      List<Future<?>> owners = new ArrayList<>();
      for (int i = 0; i < plan.clients; i++) {
        int index = i;
        SplittableRandom own = random.split();
        owners.add(
            threads.submit(() -> {
              own(index, own);
              return null;
            }));
      }
      for (Future<?> owner : owners) {
        owner.get();
      }
    }
    return new Outcome(
        List.copyOf(violations),
        board.get(Count.PLACED_AFTER_THE_END),
        board.get(Count.QUEUE_PAIRS_BROKEN),
        kills.get(),
        story());
  }

  /** One who owns memory and lets a client of his write to it, again and again. */
  private void own(int index, SplittableRandom random) throws Exception {
    MemorySegment memory = arena.allocate(REGION_BYTES, 4096);
    int mark = marks.next();
    Words.fill(memory, Words.mark(mark));
    ClientProcess client = start(index, random);
    try {
      long begun = clock.nanoTime();
      for (int round = 0;
          !isLost()
              && (round < ROUNDS_MIN
                  || TimeUnit.NANOSECONDS.toSeconds(clock.nanoTime() - begun) < plan.seconds);
          round++) {
        MemoryRegion region = domains.get(index).register(memory, READ_WRITE);
        int grant = board.drawGrant(index);
        board.add(Count.GRANTS);
        client.tell(
            RegionClient.line(grant, region.key(), region.remoteAddress(), region.length()));
        client.awaitAnswer(grant, WAIT_SECONDS);
        FireClient.pause(random.nextInt(1, 60));
        // Whatever is drawn, there is one of each owner's; a broken end is found out without.
        boolean killed =
            random.nextInt(KILL_ONE_OF) == 0 || (!plan.broken && round == KILL_AT_ROUND);
        if (killed) {
          client.kill();
          kills.incrementAndGet();
        }
        if (!plan.broken) {
          invalidate(region);
        }
        mark = look(memory, index, grant, mark, random);
        if (plan.broken) {
          invalidate(region);
        }
        if (killed) {
          client = start(index, random);
        }
      }
    } finally {
      client.close();
    }
  }

  /** When the key is dead and the last access over, or is said to be. */
  private int look(MemorySegment memory, int index, int grant, int mark, SplittableRandom random)
      throws InterruptedException {
    board.setOver(index, grant + 1);
    ByteBuffer found = copy(memory);
    Words.forbidden(found, word -> word == Words.mark(mark) || word == Words.grant(grant))
        .ifPresent(wrong -> violations.add("grant " + grant + ", at its end: " + wrong));
    FireClient.pause(random.nextInt(1, 20));
    if (!copy(memory).equals(found)) {
      violations.add("memory of grant " + grant + " changes after its end");
    }
    int next = marks.next();
    Words.fill(memory, Words.mark(next));
    FireClient.pause(random.nextInt(1, 20));
    Words.forbidden(copy(memory), word -> word == Words.mark(next))
        .ifPresent(wrong -> violations.add("grant " + grant + ", after its end: " + wrong));
    return next;
  }

  private static ByteBuffer copy(MemorySegment memory) {
    ByteBuffer copy = ByteBuffer.allocate((int) memory.byteSize());
    MemorySegment.ofBuffer(copy).copyFrom(memory);
    return copy;
  }

  /** In either way. */
  private void invalidate(MemoryRegion region) throws Exception {
    CompletableFuture<Void> over =
        (region.key() & 1) == 0
            ? region.invalidate().toCompletableFuture()
            : region.invalidateHere().toCompletableFuture();
    try {
      over.get(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (TimeoutException _) {
      aborts.incrementAndGet();
      region.abortAccesses();
      over.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }
  }

  private ClientProcess start(int index, SplittableRandom random) throws IOException {
    return ClientProcess.start(
        RegionClient.class,
        RegionClient.words(
            boardFile,
            index,
            plan.provider,
            listener.address(),
            plan.queuePairs,
            random.nextLong()));
  }

  private String story() {
    StringBuilder text =
        new StringBuilder(
            "regions under fire: provider %s, seed %d, %d clients with %d queue pairs each:"
                .formatted(plan.provider, plan.seed, plan.clients, plan.queuePairs));
    for (Count count : Count.values()) {
      if (board.get(count) > 0) {
        text.append(" %s %d,".formatted(count.name().toLowerCase(Locale.ROOT), board.get(count)));
      }
    }
    return text.append(" killed %d, aborted %d".formatted(kills.get(), aborts.get())).toString();
  }

  @Override
  public void close() {
    listener.close();
    provider.close();
    board.close();
    arena.close();
  }
}
