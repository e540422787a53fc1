package io.selkie.server.ops;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.server.vfs.Export;
import java.util.Optional;
import java.util.Set;

/**
 * Which exports have layouts that name places on the storage. Found at start.
 *
 * @param block names of those that have block layouts
 * @param scsi names of those that have SCSI layouts
 * @param bypassed devices whose page cache clients go past, because they have SCSI layouts:
 *     whatever export shows them, no other layouts are granted there
 */
public record StorageExports(Set<String> block, Set<String> scsi, Set<Long> bypassed) {

  /** None has. */
  public static final StorageExports NONE = new StorageExports(Set.of(), Set.of(), Set.of());

  /** Copies the sets. */
  public StorageExports {
    block = Set.copyOf(block);
    scsi = Set.copyOf(scsi);
    bypassed = Set.copyOf(bypassed);
  }

  boolean isEmpty() {
    return block.isEmpty() && bypassed.isEmpty();
  }

  boolean isBypassed(FileIdentity file) {
    return isBypassed(file.device());
  }

  private boolean isBypassed(long device) {
    // Each READ asks: nothing is made for it where no export has SCSI layouts.
    return !bypassed.isEmpty() && bypassed.contains(device);
  }

  /** Whether a layout type is for files of an export that has layouts. */
  boolean offers(Optional<Export> export, int layoutType) {
    if (isEmpty() || export.isEmpty()) {
      return true;
    }
    return switch (layoutType) {
      case LayoutConst4.LAYOUT4_BLOCK_VOLUME -> block.contains(export.get().name());
      case LayoutConst4.LAYOUT4_SCSI -> scsi.contains(export.get().name());
      default -> !isBypassed(export.get().device());
    };
  }
}
