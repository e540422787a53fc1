package io.selkie.config;

import java.nio.file.Path;
import java.util.List;

/**
 * One exported directory, or device.
 *
 * @param path an existing directory, absolute after loading; of a device what {@code device} says,
 *     after loading
 * @param device a DAX device that is served as a directory with one file in it; null for a
 *     directory
 * @param file name of that file; the device's own when not given
 * @param name its name beneath the server's root, perhaps several levels deep; the directory's own
 *     name when not given
 * @param readOnly whether every change is refused with NFS4ERR_ROFS
 * @param layouts whether clients may get layouts of its files and reach them one-sided
 * @param blockLayouts whether clients who have the export's device too may read and write it by
 *     themselves
 * @param clients who may do what; when there are no rules, everybody may, root of other machines as
 *     the anonymous user
 */
public record ExportConfig(
    @Setting(value = Setting.NOTHING, min = 1, max = 4096) Path path,
    @Setting(value = Setting.NOTHING, min = 1, max = 4096) Path device,
    @Setting(value = Setting.NOTHING, min = 1, max = 255) String file,
    @Setting(value = Setting.NOTHING, min = 1, max = 255) String name,
    @Setting("false") boolean readOnly,
    @Setting("true") boolean layouts,
    @Setting("none") BlockLayouts blockLayouts,
    @Setting(live = true, max = 4096) List<ClientRule> clients) {

  /** Block layouts of an export. */
  public enum BlockLayouts {
    /** There are none. */
    NONE,
    /**
     * There are, and a client that is cut off is trusted to stop by itself, because nobody can keep
     * it from the device.
     */
    UNFENCED,
    /** There are SCSI layouts instead: the disk refuses a client that is cut off. */
    SCSI
  }

  /** Copies the list. */
  public ExportConfig {
    clients = List.copyOf(clients);
  }

  /** A directory. */
  public ExportConfig(
      Path path, String name, boolean readOnly, boolean layouts, List<ClientRule> clients) {
    this(path, null, null, name, readOnly, layouts, BlockLayouts.NONE, clients);
  }

  /** Whether clients may get layouts of that kind of its files. */
  public boolean hasBlockLayouts(BlockLayouts kind) {
    return layouts && blockLayouts == kind;
  }

  /** Whether clients may get block layouts of its files, of whatever kind. */
  public boolean hasBlockLayouts() {
    return layouts && blockLayouts != BlockLayouts.NONE;
  }

  /** A directory without rules for clients. */
  public ExportConfig(Path path, String name, boolean readOnly, boolean layouts) {
    this(path, name, readOnly, layouts, List.of());
  }

  /** Whether it is a device. */
  public boolean isDevice() {
    return device != null;
  }

  /** The name of a device's one file. */
  public String fileName() {
    return file == null ? String.valueOf(device.getFileName()) : file;
  }
}
