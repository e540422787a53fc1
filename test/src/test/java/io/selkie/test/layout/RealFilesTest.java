package io.selkie.test.layout;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_RDMA;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.Arbiter;
import io.selkie.layout.CallbackChannel;
import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutArbiter.LayoutReturnRequest;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.LayoutPolicy;
import io.selkie.layout.RecallCause;
import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.layout.rdma.RdmaLayoutType;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.SealTarget;
import io.selkie.posix.AtFlags;
import io.selkie.posix.BadBlockLists;
import io.selkie.posix.DaxDevice;
import io.selkie.posix.DeviceFiles;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PretendedBadBlocks;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.server.SystemTimers;
import io.selkie.server.media.MediaErrors;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ScratchDirectory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: what the simulation assumes of kernel and provider is what the real ones do. */
@Tag("slow")
@Timeout(value = 600, unit = TimeUnit.SECONDS)
class RealFilesTest {

  private static final int LAYOUTS = 10_000;
  private static final long HEAP_MAX = 64L << 20;
  private static final int FILE_BYTES = 64 << 10;

  /** Who answers is in time even where everything is slow. */
  private static final int PATIENT_SECONDS = 35;

  private static final long SECOND = 1_000_000_000L;
  private static final Stateid4 OPEN = new Stateid4(1, 42, 42);
  private static final NanoClock CLOCK = NanoClock.system();

  private final Kernel kernel = new LinuxKernel();
  private final RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);
  private final ExecutorService workers = Executors.newFixedThreadPool(2);
  private final ExecutorService client = Executors.newSingleThreadExecutor();
  private final SystemTimers timers = new SystemTimers("timers");
  private final ConcurrentLinkedQueue<LayoutEvents.Event> events = new ConcurrentLinkedQueue<>();
  private final List<Target> targets = new ArrayList<>();

  /** What the client does about a recall. */
  private final AtomicReference<CallbackChannel> channel = new AtomicReference<>((_, _) -> {});

  private ScratchDirectory directory;
  private LeaseRuntime leases;
  private IwarpProvider provider;
  private Arbiter arbiter;

  /** A real description. */
  private record Target(int fd, FileIdentity identity, Path path) implements SealTarget {
    @Override
    public boolean writable() {
      return true;
    }

    @Override
    public String describe() {
      return path.getFileName().toString();
    }

    @Override
    public void retain() {}

    @Override
    public void release() {}
  }

  @BeforeEach
  void start() throws Exception {
    directory =
        ScratchDirectory.in(Path.of(System.getProperty("selkie.test.dir", "target")), "real-files");
    start(PATIENT_SECONDS);
  }

  private void start(int recallSeconds) throws Exception {
    leases =
        LeaseRuntime.start(
            new LeaseRuntime.Parts(
                kernel,
                CLOCK,
                timers,
                workers,
                LeaseDeadlines.of(45, Duration.ofSeconds(recallSeconds), Duration.ofSeconds(1)),
                LeaseSettings.defaults(),
                new LeaseEvents() {}));
    provider = new IwarpProvider(IwarpConfig.DEFAULTS);
    RdmaDevices devices = new RdmaDevices(random);
    devices.add(Optional.of("127.0.0.1"), 20049);
    arbiter =
        new Arbiter(
            leases.sealer(),
            (recall, reply) -> channel.get().layoutRecall(recall, reply),
            List.of(
                new RdmaLayoutType(
                    new RdmaDomains(provider),
                    devices,
                    provider.capabilities().maxRegionBytes(),
                    4096)),
            events::add,
            CLOCK,
            timers,
            workers,
            workers,
            random,
            new LayoutPolicy(
                recallSeconds * SECOND,
                SECOND,
                SECOND,
                SECOND / 20,
                SECOND,
                SECOND,
                LAYOUTS,
                LAYOUTS,
                LAYOUTS,
                LAYOUTS,
                LAYOUTS,
                64,
                64,
                4,
                1024,
                1L << 40,
                64L << 20,
                4096,
                1024,
                1024,
                true));
  }

  @AfterEach
  void stop() throws Exception {
    close();
    targets.forEach(target -> kernel.close(target.fd()));
    directory.close();
    timers.close();
    workers.shutdownNow();
    client.shutdownNow();
  }

  private void close() throws Exception {
    arbiter.close();
    leases.close();
    provider.close();
  }

  private Target open(String name) throws IOException {
    Path path = directory.resolve(name);
    Files.write(path, new byte[FILE_BYTES]);
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path.toString()),
            OpenFlags.RDWR | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(fd).as("descriptor of " + path).isNotNegative();
    FileStatus status = new FileStatus();
    assertThat(kernel.statx(fd, new byte[0], AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, status))
        .isZero();
    Target target = new Target(fd, new FileIdentity(status.device(), status.inode(), 0), path);
    targets.add(target);
    return target;
  }

  private Stateid4 granted(Target file) {
    return granted(1, LAYOUTIOMODE4_RW, file);
  }

  private Stateid4 granted(long client, int ioMode, Target file) {
    LayoutGetResult result =
        arbiter
            .layoutGet(
                new LayoutGetRequest(
                    client,
                    "s",
                    file,
                    OPEN,
                    false,
                    true,
                    true,
                    LAYOUT4_RDMA,
                    ioMode,
                    0,
                    -1,
                    FILE_BYTES,
                    4096))
            .toCompletableFuture()
            .join();
    assertThat(result).isInstanceOf(LayoutGetResult.Granted.class);
    return ((LayoutGetResult.Granted) result).stateid();
  }

  private void giveBack(CallbackChannel.LayoutRecall recall, CallbackChannel.RecallReply reply) {
    client.execute(() -> {
      reply.onReply(CallbackChannel.Outcome.ANSWERED, NFS4_OK);
      arbiter.layoutReturn(
          new LayoutReturnRequest(
              recall.clientId(),
              recall.file(),
              recall.stateid(),
              LAYOUT4_RDMA,
              LAYOUTIOMODE4_ANY,
              recall.offset(),
              recall.length(),
              false,
              ByteBuffer.allocate(0)));
    });
  }

  private List<Step> steps() {
    return events.stream().map(LayoutEvents.Event::step).toList();
  }

  @Test
  void otherProcessGoesOnTheMomentTheLayoutIsBack() throws Exception {
    Target file = open("truncated");
    granted(file);
    channel.set(this::giveBack);

    var truncation =
        OtherProcess.truncate(CLOCK, file.path(), 4096).outcome().get(40, TimeUnit.SECONDS);

    assertThat(truncation.succeeded()).as(truncation.output()).isTrue();
    assertThat(Files.size(file.path())).isEqualTo(4096);
    // The other process may go on, and end, before we are done with giving the seal up.
    arbiter.stop().toCompletableFuture().get(60, TimeUnit.SECONDS);
    assertThat(steps())
        .containsSubsequence(
            Step.BREAK_SEEN, Step.RECALL_SENT, Step.HANDLE_INVALIDATED, Step.SEAL_RELEASED);
    assertThat(steps()).doesNotContain(Step.FENCE_BEGUN);
    assertThat(arbiter.layoutCount()).isZero();
  }

  @Test
  void otherProcessGoesOnAfterTheFenceOfAClientThatNeverAnswers() throws Exception {
    close();
    start(2);
    Target file = open("fenced");
    Stateid4 stateid = granted(file);

    var truncation =
        OtherProcess.truncate(CLOCK, file.path(), 0).outcome().get(40, TimeUnit.SECONDS);

    assertThat(truncation.succeeded()).as(truncation.output()).isTrue();
    long waited = truncation.endedNanos() - truncation.startedNanos();
    assertThat(waited).isBetween(2 * SECOND, 35 * SECOND);
    arbiter.stop().toCompletableFuture().get(60, TimeUnit.SECONDS);
    assertThat(steps())
        .containsSubsequence(
            Step.RECALL_SENT, Step.FENCE_BEGUN, Step.HANDLE_INVALIDATED, Step.SEAL_RELEASED);
    assertThat(arbiter.hasRevokedState(1)).isTrue();
    assertThat(arbiter.freeStateid(1, stateid)).isEqualTo(NFS4_OK);
  }

  /** Behind a page cache a block is where it is when it is written back, not when it is granted. */
  @Test
  void whatCameToLieOnBadBlocksIsRecalledFromWhoeverHoldsIt() throws Exception {
    Target spoiled = open("spoiled");
    Target sound = open("sound");
    channel.set(this::giveBack);
    var disk = new PretendedBadBlocks(directory.resolve("sys"), spoiled.identity().device());
    var metrics = new ServerMetrics();
    try (BadBlockLists lists = disk.lists(kernel)) {
      var files = new DeviceFiles(kernel, DaxDevice.bySysfs());
      var media = new MediaErrors(files, lists, CLOCK, metrics, Runnable::run);
      media.attach(leases, arbiter);
      granted(1, LAYOUTIOMODE4_READ, spoiled);
      granted(2, LAYOUTIOMODE4_READ, spoiled);
      granted(3, LAYOUTIOMODE4_READ, sound);
      assertThat(kernel.fsync(spoiled.fd())).isZero();
      assertThat(kernel.fsync(sound.fd())).isZero();
      var page = new FiemapPage(4);
      assertThat(kernel.fiemap(spoiled.fd(), 0, FILE_BYTES, 0, page)).isPositive();

      // In its first block: the next one may lie elsewhere.
      disk.spoil(page.physical(0) + 1000);
      assertThat(media.rows()).hasSize(1);

      assertThat(metrics.counter(Metric.MEDIA_RECALLS).getCount()).isPositive();
    }
    arbiter.stop().toCompletableFuture().get(60, TimeUnit.SECONDS);
    assertThat(events)
        .filteredOn(event -> event.step() == Step.RECALL_SENT)
        .filteredOn(event -> event.cause() == RecallCause.MEDIA_ERROR)
        .extracting(LayoutEvents.Event::clientId, LayoutEvents.Event::file)
        .containsExactlyInAnyOrder(tuple(1L, spoiled.identity()), tuple(2L, spoiled.identity()));
    assertThat(steps()).doesNotContain(Step.FENCE_BEGUN);
  }

  /** As many as there may be descriptors; what is measured is scaled up to 10,000. */
  @Test
  void tenThousandLayoutsOnRealFilesFitIntoTheHeapTheyMayHave() throws Exception {
    long descriptors = kernel.resourceLimit(7);
    int count = (int) Math.min(LAYOUTS, Math.max(100, descriptors - 500));
    for (int i = 0; i < count; i++) {
      open("file" + i);
    }
    granted(targets.getFirst());
    events.clear();
    long before = usedHeap();

    for (Target file : targets.subList(1, count)) {
      granted(file);
      events.clear();
    }
    long used = usedHeap() - before;

    assertThat(arbiter.layoutCount()).isEqualTo(count);
    assertThat(used / count * LAYOUTS).as("bytes of 10,000 layouts").isLessThan(HEAP_MAX);
    assertThat(arbiter.layoutReturnBulk(1, LAYOUT4_RDMA, Optional.empty()))
        .succeedsWithin(Duration.ofSeconds(60));
    assertThat(arbiter.layoutCount()).isZero();
    assertThat(leases.keeper().size()).isZero();
  }

  private static long usedHeap() {
    var memory = ManagementFactory.getMemoryMXBean();
    for (int i = 0; i < 3; i++) {
      memory.gc();
    }
    return memory.getHeapMemoryUsage().getUsed();
  }
}
