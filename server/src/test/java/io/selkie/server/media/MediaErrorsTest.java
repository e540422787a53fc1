package io.selkie.server.media;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.lease.BlockMap;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.AtFlags;
import io.selkie.posix.BadBlockLists;
import io.selkie.posix.DaxDevice;
import io.selkie.posix.DeviceFiles;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PretendedBadBlocks;
import io.selkie.server.metrics.ServerMetrics;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what lies on bad blocks is not granted, and what was granted is recalled when they turn up,
 * and nothing else.
 *
 * <p>Method: real files and seals; the kernel's list is a file of the test's own.
 */
@Timeout(300)
class MediaErrorsTest {
  private static final int BYTES = 64 * 1024;

  private final Kernel kernel = new LinuxKernel();
  private final List<FileIdentity> recalled = new ArrayList<>();
  private final List<Target> targets = new ArrayList<>();
  private Path folder;
  private PretendedBadBlocks bad;
  private LeaseRuntime leases;
  private BadBlockLists lists;
  private MediaErrors media;

  @BeforeEach
  void start() throws Exception {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    Files.createDirectories(base);
    folder = Files.createTempDirectory(base, "media");
    long second = TimeUnit.SECONDS.toNanos(1);
    leases =
        LeaseRuntime.start(
            new LeaseRuntime.Parts(
                kernel,
                NanoClock.system(),
                (_, _) -> () -> false,
                Runnable::run,
                new LeaseDeadlines(45 * second, 20 * second, 5 * second, 2 * second),
                LeaseSettings.defaults(),
                new LeaseEvents() {}));
    Target any = new Target("any");
    bad = new PretendedBadBlocks(folder.resolve("sys"), any.identity().device());
    lists = bad.lists(kernel);
    media =
        new MediaErrors(
            new DeviceFiles(kernel, DaxDevice.bySysfs()),
            lists,
            NanoClock.system(),
            new ServerMetrics(),
            Runnable::run);
    media.attach(leases, arbiter());
  }

  @AfterEach
  void stop() throws IOException {
    lists.close();
    leases.close();
    targets.forEach(Target::close);
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private LayoutArbiter arbiter() {
    return (LayoutArbiter)
        Proxy.newProxyInstance(
            MediaErrorsTest.class.getClassLoader(),
            new Class<?>[] {LayoutArbiter.class},
            (_, method, arguments) -> {
              assertThat(method.getName()).isEqualTo("recall");
              assertThat(arguments[1]).isEqualTo(RecallCause.MEDIA_ERROR);
              synchronized (recalled) {
                recalled.add(((RecallFilter) arguments[0]).file().orElseThrow());
              }
              return CompletableFuture.completedFuture(null);
            });
  }

  /** A file with all its blocks, and the server's one description of it. */
  private final class Target implements SealTarget, AutoCloseable {
    private final Path path;
    private final int fd;
    private final FileIdentity identity;

    Target(String name) throws IOException {
      path = folder.resolve(name);
      try (FileChannel file =
          FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        file.write(java.nio.ByteBuffer.allocate(BYTES));
        file.force(true);
      }
      fd =
          kernel.openat2(
              Kernel.AT_FDCWD,
              Names.bytes(path.toString()),
              OpenFlags.RDWR | OpenFlags.CLOEXEC,
              0,
              0);
      FileStatus status = new FileStatus();
      kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
      identity = new FileIdentity(status.device(), status.inode(), 0);
      targets.add(this);
    }

    @Override
    public FileIdentity identity() {
      return identity;
    }

    @Override
    public int fd() {
      return fd;
    }

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

    @Override
    public void close() {
      kernel.close(fd);
    }
  }

  private SealOutcome seal(Target target) {
    return leases
        .sealer()
        .seal(target, Purpose.READ_WRITE, new ByteRange(0, BYTES), (_, _, _, _) -> {});
  }

  private static BlockMap mapOf(SealOutcome outcome) {
    assertThat(outcome).isInstanceOf(SealOutcome.Sealed.class);
    return ((SealOutcome.Sealed) outcome).map();
  }

  /** Lists one sector under a byte of a file. */
  private void spoil(BlockMap map, long offset) throws IOException {
    BlockMap.Extent extent =
        map.extents().stream()
            .filter(each -> each.logical() <= offset && offset < each.end())
            .findFirst()
            .orElseThrow();
    bad.spoil(extent.physical() + offset - extent.logical());
  }

  @Test
  void whatLiesOnBadBlocksIsNotGranted() throws Exception {
    Target file = new Target("file");
    SealOutcome first = seal(file);
    BlockMap map = mapOf(first);
    ((SealOutcome.Sealed) first).seal().release();
    spoil(map, 5000);

    SealOutcome second = seal(file);

    assertThat(second).isInstanceOf(SealOutcome.Refused.class);
    assertThat(((SealOutcome.Refused) second).refusal().reason()).isEqualTo(Reason.MEDIA_ERROR);
    assertThat(((SealOutcome.Refused) second).refusal().message()).contains("bad blocks");
    assertThat(leases.keeper().size()).as("leases left").isZero();
    bad.clear();
    SealOutcome third = seal(file);
    assertThat(mapOf(third).extents()).isNotEmpty();
    ((SealOutcome.Sealed) third).seal().release();
  }

  @Test
  void whatWasGrantedIsRecalledAndNothingElse() throws Exception {
    Target file = new Target("file");
    Target other = new Target("other");
    SealOutcome granted = seal(file);
    SealOutcome sound = seal(other);
    Seal seal = ((SealOutcome.Sealed) granted).seal();
    assertThat(seal.addHandle(mapOf(granted))).isTrue();
    Seal soundSeal = ((SealOutcome.Sealed) sound).seal();
    assertThat(soundSeal.addHandle(mapOf(sound))).isTrue();
    media.refresh();
    assertThat(recalled).isEmpty();
    spoil(mapOf(granted), BYTES - 1);

    assertThat(media.rows()).singleElement().matches(row -> row.bytes() == 512);

    synchronized (recalled) {
      assertThat(recalled).containsOnly(file.identity());
    }
    seal.removeHandle(mapOf(granted));
    soundSeal.removeHandle(mapOf(sound));
    seal.release();
    soundSeal.release();
  }
}
