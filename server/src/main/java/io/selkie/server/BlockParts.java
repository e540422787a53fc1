package io.selkie.server;

import io.selkie.config.ExportConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutType;
import io.selkie.layout.block.BlockLayoutType;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.BlockVolumes;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.StorageCommit;
import io.selkie.posix.Kernel;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sets block layouts up, for the exports that allow them by name. */
final class BlockParts {

  private static final Logger LOG = LoggerFactory.getLogger(BlockParts.class);

  private BlockParts() {}

  /** The names of those exports. */
  static Set<String> names(SelkieConfig config) {
    return config.exports().stream()
        .filter(ExportConfig::hasBlockLayouts)
        .map(ExportConfig::name)
        .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * Opens their devices.
   *
   * @throws IOException when clients could not be told of one; the message says why and what to do
   */
  static Optional<LayoutType> open(
      SelkieConfig config,
      Collection<Export> exports,
      Kernel kernel,
      LeaseSettings settings,
      Timers timers,
      RandomGenerator random,
      Teardown teardown)
      throws IOException {
    Set<String> names = names(config);
    if (names.isEmpty()) {
      return Optional.empty();
    }
    long expiryNanos =
        TimeUnit.SECONDS.toNanos(config.sessions().leaseSeconds())
            + TimeUnit.MILLISECONDS.toNanos(config.layout().blockIoMillis());
    BlockVolumes volumes = teardown.later(new BlockVolumes(kernel));
    for (Export export : exports) {
      if (names.contains(export.name())) {
        BlockVolume volume = volumes.open(export.device(), "export " + export.name());
        LOG.warn(
            "export {}: block layouts, EXPERIMENTAL, on {} ({}). Clients must be trusted with all"
                + " of that device. What was appended and not committed is lost when the server"
                + " ends; when it is killed they may still write to blocks that others have got."
                + " Nobody can keep a client from it: one that is cut off is waited for {} ms and"
                + " then trusted to have stopped (blockLayouts: unfenced)",
            export.name(),
            volume.path(),
            volume.fileSystem(),
            TimeUnit.NANOSECONDS.toMillis(expiryNanos));
      }
    }
    return Optional.of(
        new BlockLayoutType(
            volumes.all(), new StorageCommit(kernel, settings), timers, expiryNanos, random));
  }
}
