package io.selkie.server.admin;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.MountFacts;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What exports lie on, as the kernel tells it of mounts and block devices; no disk is asked. */
final class StorageFacts {

  private static final Path DEVICES = Path.of("/sys/dev/block");
  private static final String UNKNOWN = "unknown";
  private static final List<String> WITH_DAX = List.of("ext2", "ext4", "xfs", "fuse", "virtiofs");

  private final Map<Integer, MountFacts> mounts = new HashMap<>();

  /** Of these mounts. */
  StorageFacts(List<MountFacts> all) {
    all.forEach(mount -> mounts.put(mount.mountId(), mount));
  }

  private Optional<MountFacts> mountOf(Export export) {
    return export.mount().isPresent()
        ? Optional.ofNullable(mounts.get(export.mount().getAsInt()))
        : Optional.empty();
  }

  /** The type of the file system. */
  String typeOf(Export export) {
    return mountOf(export).map(MountFacts::fileSystemType).orElse(UNKNOWN);
  }

  /** always, inode, never or unknown. */
  String daxOf(Export export) {
    return mountOf(export).map(mount -> dax(mount, deviceHasDax(mount.device()))).orElse(UNKNOWN);
  }

  /**
   * From what a mount says, and its device.
   *
   * @param deviceHasDax empty when that is not known
   */
  static String dax(MountFacts mount, Optional<Boolean> deviceHasDax) {
    if (mount.hasOption("dax=always") || mount.hasOption("dax")) {
      return "always";
    }
    if (mount.hasOption("dax=never") || !WITH_DAX.contains(mount.fileSystemType())) {
      return "never";
    }
    // Without an option files have it that say so themselves, where the device lets them.
    return deviceHasDax.map(has -> has ? "inode" : "never").orElse(UNKNOWN);
  }

  private static Optional<Boolean> deviceHasDax(long device) {
    Path place = DEVICES.resolve(FileIdentity.deviceText(device));
    // A partition has its queue in the device it is part of.
    for (String queue : List.of("queue/dax", "../queue/dax")) {
      try {
        return Optional.of(Files.readString(place.toRealPath().resolve(queue)).strip().equals("1"));
      } catch (IOException _) {
        // Not there: the next place.
      }
    }
    return Optional.empty();
  }
}
