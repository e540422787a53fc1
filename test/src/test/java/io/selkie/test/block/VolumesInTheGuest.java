package io.selkie.test.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.lease.BlockVolume;
import io.selkie.lease.BlockVolumeException;
import io.selkie.lease.BlockVolumes;
import io.selkie.lease.PmemFileSystem;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what the kernel shows of devices that lie on others is understood: clients are told of a
 * disk or a part of one, and of nothing else.
 *
 * <p>Method: devices of every kind on a small one in memory, of which each part has an ext4.
 */
@Timeout(300)
class VolumesInTheGuest {

  /** Sectors of 512 bytes. */
  private static final int PART = 65_536;

  @BeforeAll
  static void make() throws Exception {
    run(
        """
        set -e
        modprobe -a loop dm-mod raid1
        truncate -s 256M /tmp/volumes
        losetup /dev/loop7 /tmp/volumes
        for part in 1 2 3 4 5; do
          addpart /dev/loop7 $part $((PART * part)) PART
        done
        dmsetup create linear --table '0 PART linear /dev/loop7p2 0'
        mdadm --create /dev/md7 --run --level=1 --raid-devices=2 --metadata=1.0 \
          /dev/loop7p3 /dev/loop7p4
        for _ in $(seq 300); do [ -b /dev/md7 ] && [ -b /dev/dm-0 ] && break; sleep 0.1; done
        addpart /dev/md7 1 2048 49152
        for device in loop7p1 dm-0 md7p1; do
          mkfs.ext4 -q -F -b 4096 /dev/$device
        done
        """
            .replace("PART", String.valueOf(PART)));
  }

  @AfterAll
  static void end() throws Exception {
    run("mdadm --stop /dev/md7; dmsetup remove linear; losetup -d /dev/loop7; rm /tmp/volumes");
  }

  private static String run(String command) throws Exception {
    return PmemFileSystem.run("sh", "-c", command);
  }

  /** As statx has it for files of a file system that lies there. */
  private static long number(String name) throws Exception {
    String[] parts = run("cat /sys/class/block/" + name + "/dev").strip().split(":", 2);
    return Long.parseLong(parts[0]) << 32 | Long.parseLong(parts[1]);
  }

  private static void assertRefused(String device) throws Exception {
    Kernel kernel = new LinuxKernel();
    long number = number(device);
    try (BlockVolumes volumes = new BlockVolumes(kernel)) {
      assertThatThrownBy(() -> volumes.open(number, "export x"))
          .isInstanceOf(BlockVolumeException.class)
          .hasMessageContaining("made of others");
    }
  }

  @Test
  void aPartOfADiskIsKnownByItsOwnContentAndCannotBeReserved() throws Exception {
    try (BlockVolumes volumes = new BlockVolumes(new LinuxKernel())) {
      BlockVolume volume = volumes.open(number("loop7p1"), "export x");
      assertThat(volume.path()).isEqualTo(Path.of("/dev/loop7p1"));
      assertThat(volume.fileSystem()).isEqualTo("ext4");
      assertThatThrownBy(() -> volumes.requireWhole(volume, "its file system"))
          .isInstanceOf(BlockVolumeException.class)
          .hasMessageContaining("part of a disk");
    }
  }

  @Test
  void aDeviceOfTheDeviceMapperIsRefused() throws Exception {
    assertRefused("dm-0");
  }

  @Test
  void aMirrorOfMdIsRefused() throws Exception {
    assertRefused("md7");
  }

  @Test
  void aPartOfAMirrorIsRefused() throws Exception {
    assertRefused("md7p1");
  }
}
