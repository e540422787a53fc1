package io.selkie.lease;

import io.selkie.posix.Kernel;
import java.nio.file.Path;

/**
 * Whether the disk of a file system could be reserved for SCSI layouts. Only asks: nothing is
 * registered, and nobody's reservation is touched.
 */
public final class ReservationProbe {

  private final Kernel kernel;
  private final Path sysfs;
  private final Path dev;

  /** Of this machine. */
  public ReservationProbe(Kernel kernel) {
    this(kernel, Path.of("/sys"), Path.of("/dev"));
  }

  /** Where sysfs and the devices' nodes are. */
  ReservationProbe(Kernel kernel, Path sysfs, Path dev) {
    this.kernel = kernel;
    this.sysfs = sysfs;
    this.dev = dev;
  }

  /**
   * Asks the disk. Blocks as it does.
   *
   * @param device {@code stx_dev} of the file system's files
   */
  public Probe of(long device) {
    try (BlockVolumes volumes = new BlockVolumes(kernel, sysfs, dev)) {
      BlockVolume volume = volumes.open(device, "this file system");
      volumes.requireWhole(volume, "this file system");
      ReservationCommands commands = ReservedDisk.commands(kernel, volume, sysfs);
      if (commands.designator().isEmpty()) {
        return Probe.no(volume.path() + " has no name that clients could find it by");
      }
      int keys = commands.keys().size();
      boolean reserved = commands.reservation().isPresent();
      return Probe.yes(
          "%s: %d keys are registered, and it is %s"
              .formatted(volume.path(), keys, reserved ? "reserved" : "not reserved"));
    } catch (BlockVolumeException | ScsiException e) {
      return Probe.no(e.getMessage());
    }
  }
}
