package io.selkie.server;

import io.selkie.config.ExportConfig;
import io.selkie.config.ExportConfig.BlockLayouts;
import io.selkie.config.SelkieConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutType;
import io.selkie.layout.block.BlockLayoutType;
import io.selkie.layout.block.FenceTrouble;
import io.selkie.layout.block.ScsiLayoutType;
import io.selkie.layout.block.ScsiLayoutType.Disk;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.BlockVolumes;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.PageCache;
import io.selkie.lease.ReservedDisk;
import io.selkie.lease.StorageCommit;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.ops.StorageExports;
import io.selkie.server.state.StateDirectory;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Block and SCSI layouts, for the exports that allow them by name.
 *
 * @param types the layout types
 * @param exports which exports have which
 */
record BlockParts(List<LayoutType> types, StorageExports exports) {

  private static final Logger LOG = LoggerFactory.getLogger(BlockParts.class);

  /** For each disk; its fences have one more. */
  private static final int SCSI_THREADS = 4;

  /** No export has any. */
  static final BlockParts NONE = new BlockParts(List.of(), StorageExports.NONE);

  /**
   * Opens their devices, and reserves those that can be.
   *
   * @throws IOException when clients could not be told of one, or it cannot be reserved; the
   *     message says why and what to do
   */
  static BlockParts open(
      SelkieConfig config,
      Collection<Export> exports,
      Kernel kernel,
      LeaseSettings settings,
      NanoClock clock,
      Timers timers,
      RandomGenerator random,
      StateDirectory state,
      ServerMetrics metrics,
      Teardown teardown)
      throws IOException {
    Set<String> block = names(config, BlockLayouts.UNFENCED);
    Set<String> scsi = names(config, BlockLayouts.SCSI);
    if (block.isEmpty() && scsi.isEmpty()) {
      return NONE;
    }
    long ioNanos = TimeUnit.MILLISECONDS.toNanos(config.layout().blockIoMillis());
    long expiryNanos = TimeUnit.SECONDS.toNanos(config.sessions().leaseSeconds()) + ioNanos;
    BlockVolumes volumes = teardown.later(new BlockVolumes(kernel));
    var commits = new StorageCommit(kernel, settings);
    List<LayoutType> types = new ArrayList<>();
    Map<Long, BlockVolume> plain = volumes(exports, block, volumes);
    Map<Long, BlockVolume> reserved = volumes(exports, scsi, volumes);
    for (Export export : exports) {
      if (block.contains(export.name())) {
        warnUnfenced(export, plain.get(export.device()), expiryNanos);
        if (reserved.containsKey(export.device())) {
          throw new IOException(
              "export %s: another export of the same file system has blockLayouts: scsi, which"
                      .formatted(export.name())
                  + " leaves no room for other layouts; write scsi here too, or none");
        }
      }
    }
    if (!plain.isEmpty()) {
      types.add(
          new BlockLayoutType(List.copyOf(plain.values()), commits, timers, expiryNanos, random));
    }
    if (!reserved.isEmpty()) {
      var cache = new PageCache(kernel);
      int start = ReservedDisk.start(state.bootEpoch(), state.serverId());
      List<Disk> disks = new ArrayList<>();
      for (BlockVolume volume : reserved.values()) {
        disks.add(reserve(kernel, volumes, volume, cache, start, teardown));
      }
      types.add(
          new ScsiLayoutType(
              disks,
              commits,
              cache,
              clock,
              timers,
              ioNanos,
              expiryNanos,
              ReservedDisk.clientKeys(start),
              random,
              trouble(metrics)));
    }
    return new BlockParts(types, new StorageExports(block, scsi, reserved.keySet()));
  }

  /** Whether any export has block layouts on a plain device. */
  static boolean hasUnfenced(SelkieConfig config) {
    return !names(config, BlockLayouts.UNFENCED).isEmpty();
  }

  /** The names of those exports. */
  private static Set<String> names(SelkieConfig config, BlockLayouts kind) {
    return config.exports().stream()
        .filter(export -> export.hasBlockLayouts(kind))
        .map(ExportConfig::name)
        .collect(Collectors.toUnmodifiableSet());
  }

  private static Map<Long, BlockVolume> volumes(
      Collection<Export> exports, Set<String> names, BlockVolumes volumes) throws IOException {
    Map<Long, BlockVolume> found = new LinkedHashMap<>();
    for (Export export : exports) {
      if (names.contains(export.name())) {
        found.put(export.device(), volumes.open(export.device(), "export " + export.name()));
      }
    }
    return found;
  }

  private static void warnUnfenced(Export export, BlockVolume volume, long expiryNanos) {
    LOG.warn(
        "export {}: block layouts, EXPERIMENTAL, on {} ({}). Clients must be trusted with all"
            + " of that device. What was appended and not committed is lost when the server"
            + " ends. Nobody can keep a client from it: one that is cut off is waited for {} ms and"
            + " then trusted to have stopped (blockLayouts: unfenced)",
        export.name(),
        volume.path(),
        volume.fileSystem(),
        TimeUnit.NANOSECONDS.toMillis(expiryNanos));
  }

  private static FenceTrouble trouble(ServerMetrics metrics) {
    return new FenceTrouble() {
      @Override
      public void attemptFailed() {
        metrics.counter(Metric.SCSI_FENCE_ATTEMPTS_FAILED).inc();
      }

      @Override
      public void gaveUp() {
        metrics.counter(Metric.SCSI_FENCES_FAILED).inc();
      }
    };
  }

  private static Disk reserve(
      Kernel kernel,
      BlockVolumes volumes,
      BlockVolume volume,
      PageCache cache,
      int start,
      Teardown teardown)
      throws IOException {
    volumes.requireWhole(volume, "its file system");
    int known = cache.isKnown(volume.fd());
    if (known < 0) {
      throw new IOException(
          "SCSI layouts on %s: cachestat: %s; they need Linux 6.5"
              .formatted(volume.path(), Errno.describe(known)));
    }
    // A disk that hangs keeps up nobody at another, and what waits for it no fence.
    String name = "scsi-" + volume.path().getFileName();
    var fencing = teardown.later(new BlockingThreads(name + "-fence", 1));
    var dropping = teardown.later(new BlockingThreads(name, SCSI_THREADS));
    ReservedDisk disk = teardown.later(ReservedDisk.open(kernel, volume, start));
    LOG.warn(
        "{} ({}): SCSI layouts, EXPERIMENTAL. Clients must be trusted with all of that disk. What"
            + " was appended and not committed is lost when the server ends. The disk stays"
            + " reserved for this machine when the server ends (blockLayouts: scsi)",
        volume.path(),
        volume.fileSystem());
    return new Disk(volume, disk, fencing, dropping);
  }
}
