package io.selkie.layout;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_BLOCK_VOLUME;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_RDMA;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutArbiter.LayoutCommitRequest;
import io.selkie.layout.LayoutArbiter.LayoutCommitResult;
import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutArbiter.LayoutReturnRequest;
import io.selkie.layout.LayoutArbiter.LayoutReturnResult;
import io.selkie.layout.block.BlockLayoutType;
import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.layout.rdma.RdmaLayoutType;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.ByteRange;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.StorageCommit;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.xdr.XdrReader;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGeneratorFactory;

/** An arbiter among fakes, all on one thread. */
final class Rig {
  static final long MB = 1 << 20;
  static final long KB4 = 4096;
  static final long SECOND = 1_000_000_000L;
  static final long WHOLE = -1;
  static final Stateid4 OPEN = new Stateid4(1, 42, 42);
  static final LayoutPolicy POLICY =
      new LayoutPolicy(
          10 * SECOND,
          2 * SECOND,
          3 * SECOND,
          SECOND / 20,
          SECOND,
          SECOND,
          1000,
          500,
          200,
          100,
          100,
          4,
          4,
          2,
          5,
          1L << 40,
          64 * MB,
          4096,
          100,
          16,
          true);

  /** A callback as it was sent. */
  record Sent(CallbackChannel.LayoutRecall recall, CallbackChannel.RecallReply reply) {
    void answer(int status) {
      reply.onReply(CallbackChannel.Outcome.ANSWERED, status);
    }
  }

  static final DelegationPolicy DELEGATIONS =
      new DelegationPolicy(true, 100, 50, 5 * SECOND, SECOND / 2);

  /** A CB_RECALL as it was sent. */
  record SentRecall(DelegationCallbacks.Recall recall, CallbackChannel.RecallReply reply) {
    void answer(int status) {
      reply.onReply(CallbackChannel.Outcome.ANSWERED, status);
    }
  }

  /** A CB_GETATTR as it was sent. */
  record SentQuery(DelegationCallbacks.Query query, DelegationCallbacks.AttributesReply reply) {
    void answer(long change, long size) {
      reply.onReply(Optional.of(new DelegationCallbacks.Attributes(change, size, null, null)));
    }
  }

  /** Clients that cannot be called. */
  final Set<Long> unreachable = new HashSet<>();

  final List<SentRecall> recalls = new ArrayList<>();
  final List<SentQuery> queries = new ArrayList<>();

  private final class Callbacks implements DelegationCallbacks {
    @Override
    public boolean isReachable(long clientId) {
      return !unreachable.contains(clientId);
    }

    @Override
    public void recall(Recall recall, CallbackChannel.RecallReply reply) {
      recalls.add(new SentRecall(recall, reply));
    }

    @Override
    public void attributes(Query query, AttributesReply reply) {
      queries.add(new SentQuery(query, reply));
    }
  }

  final FakeTime time = new FakeTime();
  final FakeSealer sealer = new FakeSealer(time);
  final FakeRdma rdma = new FakeRdma();
  final List<Sent> sent = new ArrayList<>();
  final List<LayoutEvents.Event> events = new ArrayList<>();

  /** Runs in the middle of a commit of blocks, as other threads would. */
  Runnable duringCommit = () -> {};

  /** Seals told of and not told to be gone; tests may clear the events. */
  private int seals;

  final ArrayDeque<Runnable> handedOn = new ArrayDeque<>();
  final ArrayDeque<Runnable> releases = new ArrayDeque<>();
  final RdmaDomains domains = new RdmaDomains(rdma);
  final RdmaDevices devices =
      new RdmaDevices(RandomGeneratorFactory.of("L64X128MixRandom").create(1));
  final Arbiter arbiter;
  private long lastInode;

  Rig() {
    this(POLICY, Long.MAX_VALUE);
  }

  Rig(LayoutPolicy policy, long regionBytesMax) {
    this(policy, regionBytesMax, Optional.empty());
  }

  /** One that grants block layouts too, of which a client is let go after so long. */
  static Rig withBlocks(long expiryNanos) {
    return new Rig(POLICY, Long.MAX_VALUE, Optional.of(expiryNanos));
  }

  private Rig(LayoutPolicy policy, long regionBytesMax, Optional<Long> blockExpiryNanos) {
    devices.add(Optional.of("192.0.2.1"), 20049);
    arbiter =
        new Arbiter(
            sealer,
            (recall, reply) -> sent.add(new Sent(recall, reply)),
            new Callbacks(),
            types(regionBytesMax, blockExpiryNanos),
            this::happened,
            time,
            time,
            handedOn::add,
            releases::add,
            RandomGeneratorFactory.of("L64X128MixRandom").create(2),
            policy,
            DELEGATIONS);
  }

  private List<LayoutType> types(long regionBytesMax, Optional<Long> blockExpiryNanos) {
    List<LayoutType> types = new ArrayList<>();
    types.add(new RdmaLayoutType(domains, devices, regionBytesMax, 4096));
    blockExpiryNanos.ifPresent(expiry ->
        types.add(
            new BlockLayoutType(
                List.of(
                    new BlockVolume(
                        7, Path.of("/dev/fake"), "xfs", -1, 32, ByteBuffer.allocate(16))),
                new StorageCommit(refusing(), LeaseSettings.defaults()),
                time,
                expiry,
                RandomGeneratorFactory.of("L64X128MixRandom").create(3))));
    return types;
  }

  /** Refuses what a commit of blocks begins with, after others had their turn. */
  private Kernel refusing() {
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, _, _) -> {
              duringCommit.run();
              return Errno.EIO.result();
            });
  }

  FakeSealer.File file() {
    return new FakeSealer.File(++lastInode);
  }

  /** Runs what was handed to the executors, and what that hands on. */
  void work() {
    while (!handedOn.isEmpty() || !releases.isEmpty()) {
      (handedOn.isEmpty() ? releases : handedOn).removeFirst().run();
    }
  }

  /** A LAYOUTGET, to be changed and sent. */
  final class Get {
    long client = 1;
    FakeSealer.File file;
    Stateid4 stateid = OPEN;
    int ioMode = LAYOUTIOMODE4_READ;
    long offset;
    long length = WHOLE;
    long min;
    boolean readable = true;
    boolean writable = true;
    int type = LAYOUT4_RDMA;
    int maxCount = 1 << 20;

    Get client(long id) {
      client = id;
      return this;
    }

    Get rw() {
      ioMode = LAYOUTIOMODE4_RW;
      return this;
    }

    Get range(long from, long bytes) {
      offset = from;
      length = bytes;
      return this;
    }

    Get blocks() {
      type = LAYOUT4_BLOCK_VOLUME;
      return this;
    }

    Get min(long bytes) {
      min = bytes;
      return this;
    }

    Get by(Stateid4 layoutStateid) {
      stateid = layoutStateid;
      return this;
    }

    CompletableFuture<LayoutGetResult> send() {
      return arbiter
          .layoutGet(
              new LayoutGetRequest(
                  client,
                  "session",
                  file,
                  stateid,
                  arbiter.isLayoutStateid(stateid),
                  readable,
                  writable,
                  type,
                  ioMode,
                  offset,
                  length,
                  min,
                  maxCount))
          .toCompletableFuture();
    }

    LayoutGetResult.Granted granted() {
      LayoutGetResult result = done(send());
      assertThat(result).isInstanceOf(LayoutGetResult.Granted.class);
      return (LayoutGetResult.Granted) result;
    }

    int refused() {
      LayoutGetResult result = done(send());
      assertThat(result).isInstanceOf(LayoutGetResult.Refused.class);
      return ((LayoutGetResult.Refused) result).status();
    }
  }

  Get get(FakeSealer.File file) {
    Get get = new Get();
    get.file = file;
    return get;
  }

  /** A wish for a delegation, to be changed and sent. */
  final class Wish {
    long client = 1;
    FakeSealer.File file;
    DelegationType type = DelegationType.READ;
    boolean reclaim;
    BooleanSupplier undisturbed = () -> true;
    long change = 7;

    Wish client(long id) {
      client = id;
      return this;
    }

    Wish write() {
      type = DelegationType.WRITE;
      return this;
    }

    Wish reclaimed() {
      reclaim = true;
      return this;
    }

    Wish undisturbed(BooleanSupplier test) {
      undisturbed = test;
      return this;
    }

    DelegationArbiter.DelegationResult send() {
      return arbiter
          .delegations()
          .delegate(
              new DelegationArbiter.DelegationRequest(
                  client,
                  file,
                  new byte[] {1},
                  type,
                  false,
                  reclaim,
                  undisturbed,
                  () -> change,
                  Optional.empty()));
    }

    DelegationArbiter.DelegationResult.Granted granted() {
      DelegationArbiter.DelegationResult result = send();
      assertThat(result).isInstanceOf(DelegationArbiter.DelegationResult.Granted.class);
      return (DelegationArbiter.DelegationResult.Granted) result;
    }

    int refused() {
      DelegationArbiter.DelegationResult result = send();
      assertThat(result).isInstanceOf(DelegationArbiter.DelegationResult.Refused.class);
      return ((DelegationArbiter.DelegationResult.Refused) result).why();
    }
  }

  Wish wish(FakeSealer.File file) {
    Wish wish = new Wish();
    wish.file = file;
    return wish;
  }

  int giveBackDelegation(long client, Stateid4 stateid, FakeSealer.File file) {
    return done(
        arbiter.delegations().giveBack(client, stateid, file.identity()).toCompletableFuture());
  }

  static <T> T done(CompletableFuture<T> future) {
    assertThat(future).isCompleted();
    return future.join();
  }

  /** All of a block layout. */
  LayoutReturnResult giveBackBlocks(FakeSealer.File file, long client, Stateid4 stateid) {
    return done(giveBack(file, client, stateid, 0, WHOLE, LAYOUTIOMODE4_ANY, LAYOUT4_BLOCK_VOLUME));
  }

  CompletableFuture<LayoutReturnResult> giveBack(
      FakeSealer.File file, long client, Stateid4 stateid, long offset, long length, int ioMode) {
    return giveBack(file, client, stateid, offset, length, ioMode, LAYOUT4_RDMA);
  }

  private CompletableFuture<LayoutReturnResult> giveBack(
      FakeSealer.File file,
      long client,
      Stateid4 stateid,
      long offset,
      long length,
      int ioMode,
      int type) {
    return arbiter
        .layoutReturn(
            new LayoutReturnRequest(
                client,
                file.identity(),
                stateid,
                type,
                ioMode,
                offset,
                length,
                false,
                ByteBuffer.allocate(0)))
        .toCompletableFuture();
  }

  LayoutReturnResult giveBack(FakeSealer.File file, long client, Stateid4 stateid) {
    return done(giveBack(file, client, stateid, 0, WHOLE, LAYOUTIOMODE4_ANY));
  }

  LayoutCommitResult commit(
      FakeSealer.File file, long client, Stateid4 stateid, long offset, long length) {
    return commit(file, client, stateid, offset, length, ByteBuffer.allocate(0));
  }

  LayoutCommitResult commit(
      FakeSealer.File file,
      long client,
      Stateid4 stateid,
      long offset,
      long length,
      ByteBuffer body) {
    return arbiter.layoutCommit(
        new LayoutCommitRequest(client, file, stateid, LAYOUT4_RDMA, offset, length, false, body));
  }

  LayoutCommitResult commitBlocks(FakeSealer.File file, long client, Stateid4 stateid) {
    return arbiter.layoutCommit(
        new LayoutCommitRequest(
            client, file, stateid, LAYOUT4_BLOCK_VOLUME, 0, WHOLE, false, ByteBuffer.allocate(0)));
  }

  ChangePermit change(FakeSealer.File file, FileChange change, long offset, long length, long by) {
    return arbiter.beforeChange(file.identity(), change, new ByteRange(offset, length), by);
  }

  ChangePermit.Granted permitted(
      FakeSealer.File file, FileChange change, long offset, long length, long by) {
    ChangePermit permit = change(file, change, offset, length, by);
    assertThat(permit).isInstanceOf(ChangePermit.Granted.class);
    return (ChangePermit.Granted) permit;
  }

  void delayed(FakeSealer.File file, FileChange change, long offset, long length, long by) {
    assertThat(change(file, change, offset, length, by)).isInstanceOf(ChangePermit.Delay.class);
  }

  /** The kernel wants the lease back, 45 seconds from now at the latest. */
  void breakLease(FakeSealer.File file) {
    breakLease(file, BreakCause.KERNEL_LEASE_BREAK);
  }

  void breakLease(FakeSealer.File file, BreakCause cause) {
    sealer.held.get(file).breaks(cause, time.nanoTime(), time.nanoTime() + 45 * SECOND);
  }

  boolean isSealed(FakeSealer.File file) {
    return sealer.held.containsKey(file);
  }

  static List<RdmaExtent4> extents(LayoutGetResult.Granted granted) {
    return RdmaLayout4.decode(new XdrReader(granted.content().duplicate())).extents();
  }

  private void happened(LayoutEvents.Event event) {
    events.add(event);
    switch (event.step()) {
      case SEALED -> seals++;
      case SEAL_RELEASED -> seals--;
      default -> {}
    }
    assertThat(seals).as("seals after %s", event).isNotNegative();
  }

  List<LayoutEvents.Step> steps() {
    return events.stream().map(LayoutEvents.Event::step).toList();
  }

  /** Nothing is left behind by anybody. */
  void assertNothingIsLeft(FakeSealer.File... files) {
    assertThat(arbiter.layoutCount()).isZero();
    assertThat(arbiter.delegations().delegationCount()).isZero();
    assertThat(rdma.live()).isEmpty();
    assertThat(sealer.held).isEmpty();
    assertThat(seals).as("seals told of and not told to be gone").isZero();
    for (FakeSealer.File file : files) {
      assertThat(file.retained).as(file.describe()).isZero();
    }
  }
}
