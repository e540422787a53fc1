package io.selkie.lease;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.ScsiCommand;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what is said of a disk's reservations is so, and asking changes nothing. */
class ReservationProbeTest {

  private static final long DEVICE = 8L << 32 | 16;

  @TempDir Path dir;
  private final FakeDisk disk = new FakeDisk();
  private Path facts;
  private int error;

  @BeforeEach
  void sysfs() throws IOException {
    facts = Files.createDirectories(dir.resolve("sys/dev/block/8:16"));
    Files.writeString(facts.resolve("uevent"), "DEVNAME=disk1\n");
    Files.createDirectories(dir.resolve("dev"));
    ByteBuffer first = ByteBuffer.allocate(8192).put(0, "XFSB".getBytes(US_ASCII));
    Files.write(dir.resolve("dev/disk1"), first.array());
  }

  /** A file stands for the device, and the fake answers its commands. */
  private Kernel kernel() {
    Kernel real = new LinuxKernel();
    Kernel ofDisk = disk.kernel();
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, method, arguments) -> {
              if (method.getName().equals("scsi")) {
                return error == 0 ? ofDisk.scsi(3, (ScsiCommand) arguments[1]) : error;
              }
              if (method.getName().equals("openat2")) {
                arguments[2] = (long) arguments[2] & ~OpenFlags.DIRECT;
              }
              return method.invoke(real, arguments);
            });
  }

  private Probe probe() {
    return new ReservationProbe(kernel(), dir.resolve("sys"), dir.resolve("dev")).of(DEVICE);
  }

  @Test
  void aDiskWithReservationsCanAndStaysAsItIs() {
    disk.registered.put("cluster", 42L);
    disk.holder = "cluster";
    assertThat(probe().isYes()).isTrue();
    assertThat(probe().reason()).contains("1 keys", "it is reserved");
    assertThat(disk.registered).hasSize(1);
    assertThat(disk.holder).isEqualTo("cluster");
  }

  @Test
  void aDeviceThatIsNoScsiDiskCannot() {
    error = Errno.ENOTTY.result();
    assertThat(probe().isNo()).isTrue();
    assertThat(probe().reason()).contains("ENOTTY");
  }

  @Test
  void whoMayNotGiveItCommandsIsToldSo() {
    error = Errno.EPERM.result();
    assertThat(probe().isNo()).isTrue();
    assertThat(probe().reason()).contains("EPERM", "CAP_SYS_RAWIO");
  }

  @Test
  void aPartOfADiskCannot() throws IOException {
    Files.writeString(facts.resolve("partition"), "1\n");
    assertThat(probe().isNo()).isTrue();
    assertThat(probe().reason()).contains("part of a disk");
  }
}
