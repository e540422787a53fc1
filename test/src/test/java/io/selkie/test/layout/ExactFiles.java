package io.selkie.test.layout;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_BLOCK_VOLUME;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.Arbiter;
import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutArbiter.LayoutReturnRequest;
import io.selkie.layout.LayoutPolicy;
import io.selkie.layout.block.BlockLayoutType;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.SealTarget;
import io.selkie.lease.StorageCommit;
import io.selkie.posix.AtFlags;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.FileStatus;
import io.selkie.posix.ForwardingKernel;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.layout.block.BlockExtent4;
import io.selkie.protocol.layout.block.BlockLayout4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.SystemTimers;
import io.selkie.test.support.ScratchDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGeneratorFactory;

/**
 * Block layouts of files on the file system of this machine, under the real kernel's leases. It is
 * taken for a device that clients reach, so that maps count exactly. Nobody goes there, so the maps
 * can be made up: each block of a file is an extent.
 */
final class ExactFiles implements AutoCloseable {

  static final int BLOCK = 4096;

  private static final long SECOND = 1_000_000_000L;
  private static final long CLIENT = 1;
  static final Stateid4 OPEN = new Stateid4(1, 42, 42);

  private final Mapping kernel = new Mapping();
  private final ExecutorService workers = Executors.newFixedThreadPool(2);
  private final SystemTimers timers = new SystemTimers("timers");
  private final ScratchDirectory directory;
  private final LeaseRuntime leases;
  private final Arbiter arbiter;

  /** Tells of block maps that are made up, and counts what is read of them. */
  private static final class Mapping extends ForwardingKernel {
    private final AtomicLong extents = new AtomicLong();

    Mapping() {
      super(new LinuxKernel());
    }

    @Override
    public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
      FileStatus status = new FileStatus();
      int result = statx(fd, new byte[0], AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, status);
      if (result < 0) {
        return result;
      }
      out.clear();
      long end = Math.min(start + length, status.size());
      for (long at = start & -BLOCK; at < end && out.count() < out.capacity(); at += BLOCK) {
        int last = at + BLOCK >= status.size() ? FiemapFlags.LAST : 0;
        out.add(at, placeOf(at), BLOCK, last);
      }
      extents.addAndGet(out.count());
      return out.count();
    }
  }

  /** A file of the directory, open for both. */
  record Target(int fd, FileIdentity identity, Path path, long bytes) implements SealTarget {
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

  /** All layouts that make up a whole file. */
  record Layouts(Stateid4 stateid, int requests, List<BlockExtent4> extents) {}

  ExactFiles() throws Exception {
    directory =
        ScratchDirectory.in(Path.of(System.getProperty("selkie.test.dir", "target")), "exact");
    NanoClock clock = NanoClock.system();
    var random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);
    // The auditor reads maps, too: here it never gets its turn.
    LeaseSettings settings = LeaseSettings.defaults().withAuditIntervalNanos(3600 * SECOND);
    leases =
        LeaseRuntime.start(
            new LeaseRuntime.Parts(
                kernel,
                clock,
                timers,
                workers,
                LeaseDeadlines.of(45, Duration.ofSeconds(35), Duration.ofSeconds(1)),
                settings,
                new LeaseEvents() {}));
    leases.reached(_ -> true);
    FileStatus status = new FileStatus();
    assertThat(
            kernel.statx(
                Kernel.AT_FDCWD,
                Names.bytes(directory.resolve("").toString()),
                0,
                FileStatus.MASK_BASIC,
                status))
        .isZero();
    BlockVolume volume =
        new BlockVolume(
            status.device(), Path.of("nowhere"), "any", -1, 0, ByteBuffer.wrap(new byte[] {1}));
    arbiter =
        new Arbiter(
            leases.sealer(),
            (_, _) -> {},
            List.of(
                new BlockLayoutType(
                    List.of(volume), new StorageCommit(kernel, settings), timers, SECOND, random)),
            _ -> {},
            clock,
            timers,
            workers,
            workers,
            random,
            policy());
  }

  /** Where on the device a block of any file is said to be. */
  static long placeOf(long offset) {
    return (1L << 40) + 2 * offset;
  }

  private static LayoutPolicy policy() {
    return new LayoutPolicy(
        35 * SECOND,
        SECOND,
        SECOND,
        SECOND / 20,
        SECOND,
        SECOND,
        1024,
        1024,
        1024,
        1024,
        1024,
        64,
        64,
        4,
        1024,
        1L << 40,
        64L << 20,
        BLOCK,
        LayoutPolicy.EXTENTS_MAX,
        1024,
        true);
  }

  /** Makes a file of so many blocks, each of which has its neighbours elsewhere. */
  Target fragmented(String name, int blocks) throws IOException {
    Path path = directory.resolve(name);
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(1), (long) blocks * BLOCK - 1);
    }
    return open(path, (long) blocks * BLOCK);
  }

  private Target open(Path path, long bytes) {
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
    return new Target(fd, new FileIdentity(status.device(), status.inode(), 0), path, bytes);
  }

  Arbiter arbiter() {
    return arbiter;
  }

  /** Extents that the kernel has told of so far. */
  long extentsRead() {
    return kernel.extents.get();
  }

  LayoutGetResult.Granted get(
      Target file, Stateid4 stateid, int ioMode, long offset, long length, int maxBytes) {
    LayoutGetResult result =
        arbiter
            .layoutGet(
                new LayoutGetRequest(
                    CLIENT,
                    "s",
                    file,
                    stateid,
                    arbiter.isLayoutStateid(stateid),
                    true,
                    true,
                    LAYOUT4_BLOCK_VOLUME,
                    ioMode,
                    offset,
                    length,
                    1,
                    maxBytes))
            .toCompletableFuture()
            .join();
    assertThat(result).isInstanceOf(LayoutGetResult.Granted.class);
    return (LayoutGetResult.Granted) result;
  }

  /** As many LAYOUTGETs as it takes for all of a file, each of which may be answered by so much. */
  Layouts layouts(Target file, int ioMode, int maxBytes) {
    Stateid4 stateid = OPEN;
    int requests = 0;
    List<ByteBuffer> bodies = new ArrayList<>();
    for (long at = 0; at < file.bytes(); requests++) {
      var granted = get(file, stateid, ioMode, at, file.bytes() - at, maxBytes);
      stateid = granted.stateid();
      bodies.add(granted.content());
      at = granted.offset() + granted.length();
    }
    List<BlockExtent4> extents = new ArrayList<>();
    bodies.forEach(
        body -> extents.addAll(BlockLayout4.decode(new XdrReader(body.duplicate())).extents()));
    return new Layouts(stateid, requests, extents);
  }

  void giveBack(Target file, Stateid4 stateid) {
    assertThat(
            arbiter
                .layoutReturn(
                    new LayoutReturnRequest(
                        CLIENT,
                        file.identity(),
                        stateid,
                        LAYOUT4_BLOCK_VOLUME,
                        LAYOUTIOMODE4_ANY,
                        0,
                        -1,
                        false,
                        ByteBuffer.allocate(0)))
                .toCompletableFuture()
                .join()
                .status())
        .isEqualTo(NFS4_OK);
  }

  @Override
  public void close() throws Exception {
    arbiter.close();
    leases.close();
    directory.close();
    timers.close();
    workers.shutdownNow();
  }
}
