package io.selkie.layout;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_RDMA;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutArbiter.LayoutReturnRequest;
import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.layout.rdma.RdmaLayoutType;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Seal;
import io.selkie.lease.SealMode;
import io.selkie.lease.SealState;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer;
import io.selkie.lease.Sealer.Preparation;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RemoteAccess;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what the simulation cannot show, because it has one thread. Method: many real threads on
 * few files, with sealer and regions that count strictly (S1) and complete on threads of their own.
 */
@Timeout(120)
class ThreadsTest {

  private static final int THREADS = 8;
  private static final int ROUNDS = 20_000;
  private static final int GOING = 2_000;
  private static final long MB = 1 << 20;

  private final ScheduledExecutorService timerThread = Executors.newSingleThreadScheduledExecutor();
  private final ExecutorService workers = Executors.newFixedThreadPool(2);
  private final ExecutorService peers = Executors.newFixedThreadPool(2);
  private final AtomicInteger liveRegions = new AtomicInteger();
  private final AtomicInteger keys = new AtomicInteger();
  private final ConcurrentHashMap<Long, CountingSeal> seals = new ConcurrentHashMap<>();
  private final List<Throwable> failures =
      java.util.Collections.synchronizedList(new ArrayList<>());

  @AfterEach
  void stop() {
    timerThread.shutdownNow();
    workers.shutdownNow();
    peers.shutdownNow();
  }

  private record Target(long inode) implements SealTarget {
    @Override
    public FileIdentity identity() {
      return new FileIdentity(1, inode, 0);
    }

    @Override
    public int fd() {
      return 3;
    }

    @Override
    public boolean writable() {
      return true;
    }

    @Override
    public String describe() {
      return "/" + inode;
    }

    @Override
    public void retain() {}

    @Override
    public void release() {}
  }

  /** Counts handles, and refuses what S1 forbids. */
  private final class CountingSeal implements Seal {
    final SealTarget target;
    final Sealer.SealListener listener;
    private int handles;
    private SealState state = SealState.HELD;

    CountingSeal(SealTarget target, Sealer.SealListener listener) {
      this.target = target;
      this.listener = listener;
      if (seals.putIfAbsent(target.identity().inode(), this) != null) {
        failures.add(new AssertionError("sealed twice"));
      }
    }

    void breaks() {
      synchronized (this) {
        if (state != SealState.HELD) {
          return;
        }
        state = SealState.BREAKING;
      }
      long now = NanoClock.system().nanoTime();
      listener.onBreak(
          this, Sealer.BreakCause.KERNEL_LEASE_BREAK, now, now + TimeUnit.SECONDS.toNanos(45));
    }

    @Override
    public SealTarget target() {
      return target;
    }

    @Override
    public SealMode mode() {
      return SealMode.EXCLUSIVE;
    }

    @Override
    public synchronized SealState state() {
      return state;
    }

    @Override
    public OptionalLong deadlineNanos() {
      return OptionalLong.empty();
    }

    @Override
    public boolean exact() {
      return false;
    }

    @Override
    @SuppressWarnings("restricted")
    public MemorySegment mapping() {
      return MemorySegment.ofAddress(1L << 44).reinterpret(MB);
    }

    @Override
    public synchronized boolean addHandle(BlockMap granted) {
      if (state != SealState.HELD) {
        return false;
      }
      handles++;
      return true;
    }

    @Override
    public synchronized void removeHandle(BlockMap granted) {
      handles--;
    }

    @Override
    public void forgetMap() {}

    @Override
    public synchronized int liveHandles() {
      return handles;
    }

    @Override
    public long sizeBytes() {
      return MB;
    }

    @Override
    public int flush(ByteRange range) {
      return 0;
    }

    @Override
    public synchronized long release() {
      if (handles != 0) {
        failures.add(new AssertionError("S1: released with " + handles + " handles"));
      }
      state = SealState.RELEASED;
      seals.remove(target.identity().inode(), this);
      return 0;
    }
  }

  private final class CountingSealer implements Sealer {
    @Override
    public SealOutcome seal(
        SealTarget target,
        Purpose purpose,
        ByteRange range,
        Preparation preparation,
        SealListener listener) {
      return new SealOutcome.Sealed(new CountingSeal(target, listener), map(range));
    }

    @Override
    public LeaseOutcome hold(SealTarget target, SealListener listener) {
      return new LeaseOutcome.Leased(new CountingSeal(target, listener));
    }

    @Override
    public SealOutcome extend(
        Seal seal, Purpose purpose, ByteRange range, Preparation preparation) {
      return new SealOutcome.Sealed(seal, map(range));
    }

    private static BlockMap map(ByteRange range) {
      long end = Math.min(range.end(), MB);
      ByteRange inside = new ByteRange(range.offset(), end - range.offset());
      return new BlockMap(1, inside, List.of(new Extent(inside.offset(), MB, inside.length(), 0)));
    }
  }

  /** Dies at once or on another thread. */
  private final class Region implements MemoryRegion {
    private final int key = keys.incrementAndGet();
    private final CompletableFuture<Void> dead = new CompletableFuture<>();
    private boolean valid = true;

    @Override
    public int key() {
      return key;
    }

    @Override
    public long remoteAddress() {
      return 0;
    }

    @Override
    public long length() {
      return MB;
    }

    @Override
    public boolean isValid() {
      return valid;
    }

    @Override
    public CompletionStage<Void> invalidate() {
      if (valid) {
        valid = false;
        if (key % 2 == 0) {
          die();
        } else {
          peers.execute(this::die);
        }
      }
      return dead;
    }

    private void die() {
      liveRegions.decrementAndGet();
      dead.complete(null);
    }

    @Override
    public void abortAccesses() {}
  }

  private RdmaProvider provider() {
    ProtectionDomain domain =
        new ProtectionDomain() {
          @Override
          public MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access) {
            liveRegions.incrementAndGet();
            return new Region();
          }

          @Override
          public int liveRegions() {
            return liveRegions.get();
          }

          @Override
          public void close() {}
        };
    return (RdmaProvider)
        Proxy.newProxyInstance(
            RdmaProvider.class.getClassLoader(),
            new Class<?>[] {RdmaProvider.class},
            (_, method, _) -> {
              assertThat(method.getName()).isEqualTo("allocateProtectionDomain");
              return domain;
            });
  }

  private Arbiter arbiter(CallbackChannel channel) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(3);
    RdmaDevices devices = new RdmaDevices(random);
    devices.add(Optional.of("192.0.2.1"), 20049);
    Timers timers =
        (delay, task) -> {
          ScheduledFuture<?> pending =
              timerThread.schedule(task, Math.max(0, delay), TimeUnit.NANOSECONDS);
          return () -> pending.cancel(false);
        };
    return new Arbiter(
        new CountingSealer(),
        channel,
        List.of(new RdmaLayoutType(new RdmaDomains(provider()), devices, 1L << 40, 4096)),
        _ -> {},
        NanoClock.system(),
        timers,
        workers,
        workers,
        random,
        // Nobody retries here, so reservations are short.
        new LayoutPolicy(
            5 * Rig.SECOND,
            Rig.SECOND,
            100_000,
            1_000_000,
            10_000_000,
            Rig.SECOND,
            1000,
            500,
            500,
            100,
            100,
            64,
            4,
            2,
            100,
            1L << 40,
            1L << 40,
            4096,
            100,
            4096,
            true));
  }

  private void assertNothingIsLeft(Arbiter arbiter) throws Exception {
    arbiter.stop().toCompletableFuture().get(60, TimeUnit.SECONDS);
    assertThat(failures).isEmpty();
    assertThat(arbiter.layoutCount()).isZero();
    assertThat(liveRegions).hasValue(0);
    assertThat(seals).isEmpty();
  }

  @Test
  void manyThreadsOnFewFilesLeaveNothingBehind() throws Exception {
    AtomicLong recalls = new AtomicLong();
    Arbiter[] self = new Arbiter[1];
    CallbackChannel channel =
        (recall, reply) ->
            peers.execute(() -> {
              recalls.incrementAndGet();
              if (recall.recallId() % 3 == 0) {
                reply.onReply(CallbackChannel.Outcome.ANSWERED, 10060);
              } else {
                reply.onReply(CallbackChannel.Outcome.ANSWERED, NFS4_OK);
                giveBack(self[0], recall.clientId(), recall.file(), recall.stateid());
              }
            });
    Arbiter arbiter = arbiter(channel);
    self[0] = arbiter;

    AtomicLong granted = new AtomicLong();
    List<Future<?>> running = new ArrayList<>();
    ExecutorService clients = Executors.newFixedThreadPool(THREADS);
    for (int i = 0; i < THREADS; i++) {
      long client = i + 1L;
      running.add(clients.submit(() -> client(arbiter, client, granted)));
    }
    for (Future<?> one : running) {
      one.get(100, TimeUnit.SECONDS);
    }
    clients.shutdown();
    assertNothingIsLeft(arbiter);
    assertThat(granted.get()).isGreaterThan(1_000);
    assertThat(recalls.get()).isGreaterThan(50);
  }

  @Test
  void clientsThatGoWhileTheyAskKeepNothing() throws Exception {
    Arbiter arbiter =
        arbiter((_, reply) -> reply.onReply(CallbackChannel.Outcome.NO_BACK_CHANNEL, 0));
    try (ExecutorService clients = Executors.newFixedThreadPool(2)) {
      for (long client = 1; client <= GOING; client++) {
        long id = client;
        CyclicBarrier start = new CyclicBarrier(2);
        Future<?> asking =
            clients.submit(() -> {
              start.await(60, TimeUnit.SECONDS);
              for (int i = 0; i < 4; i++) {
                layoutGet(arbiter, id, new Target(i), LAYOUTIOMODE4_RW);
              }
              return null;
            });
        Future<?> going =
            clients.submit(() -> {
              start.await(60, TimeUnit.SECONDS);
              layoutGet(arbiter, id, new Target(id % 4), LAYOUTIOMODE4_READ);
              arbiter.clientGone(id, RecallCause.CLIENT_DESTROYED).toCompletableFuture().join();
              return null;
            });
        asking.get(100, TimeUnit.SECONDS);
        going.get(100, TimeUnit.SECONDS);
        assertThat(arbiter.holdsLayouts(id)).as("client %d", id).isFalse();
        assertThat(arbiter.layoutCount()).as("client %d", id).isZero();
      }
    }
    assertNothingIsLeft(arbiter);
  }

  private static LayoutGetResult layoutGet(Arbiter arbiter, long client, Target file, int ioMode) {
    return arbiter
        .layoutGet(
            new LayoutGetRequest(
                client,
                "s",
                file,
                Rig.OPEN,
                false,
                true,
                true,
                LAYOUT4_RDMA,
                ioMode,
                0,
                MB,
                0,
                4096))
        .toCompletableFuture()
        .orTimeout(60, TimeUnit.SECONDS)
        .join();
  }

  private void client(Arbiter arbiter, long client, AtomicLong granted) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(client);
    for (int round = 0; round < ROUNDS; round++) {
      Target file = new Target(random.nextInt(3));
      switch (random.nextInt(10)) {
        case 0 -> {
          CountingSeal seal = seals.get(file.inode());
          if (seal != null && random.nextInt(20) == 0) {
            seal.breaks();
          }
        }
        case 1, 2, 3 -> {
          FileChange change = random.nextInt(20) == 0 ? FileChange.SHRINK : FileChange.WRITE;
          if (arbiter.beforeChange(file.identity(), change, new ByteRange(0, MB), client)
              instanceof ChangePermit.Granted permit) {
            permit.close();
          }
        }
        case 4 -> arbiter.lastClose(client, file.identity());
        default -> {
          LayoutGetResult result =
              layoutGet(
                  arbiter,
                  client,
                  file,
                  random.nextBoolean() ? LAYOUTIOMODE4_READ : LAYOUTIOMODE4_RW);
          if (result instanceof LayoutGetResult.Granted grant) {
            granted.incrementAndGet();
            if (random.nextInt(3) > 0) {
              giveBack(arbiter, client, file.identity(), grant.stateid());
            }
          }
        }
      }
    }
    arbiter.layoutReturnBulk(client, LAYOUT4_RDMA, Optional.empty());
  }

  private static void giveBack(Arbiter arbiter, long client, FileIdentity file, Stateid4 stateid) {
    arbiter.layoutReturn(
        new LayoutReturnRequest(
            client,
            file,
            stateid,
            LAYOUT4_RDMA,
            LAYOUTIOMODE4_ANY,
            0,
            -1,
            false,
            ByteBuffer.allocate(0)));
  }
}
