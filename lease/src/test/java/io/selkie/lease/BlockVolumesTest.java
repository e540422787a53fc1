package io.selkie.lease;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: clients are told only of devices that they can find safely, and where blocks are. */
class BlockVolumesTest {

  private static final long DEVICE = 8L << 32 | 17;

  @TempDir Path dir;

  private Path facts;

  @BeforeEach
  void sysfs() throws IOException {
    facts = Files.createDirectories(dir.resolve("sys/dev/block/8:17"));
    Files.writeString(facts.resolve("uevent"), "MAJOR=8\nMINOR=17\nDEVNAME=disk1\n");
    Files.createDirectories(dir.resolve("dev"));
  }

  private BlockVolumes volumes() {
    return new BlockVolumes(cached(), dir.resolve("sys"), dir.resolve("dev"));
  }

  /** The kernel, for whom a file stands for a device: not every file system has O_DIRECT. */
  private static Kernel cached() {
    Kernel real = new LinuxKernel();
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, method, arguments) -> {
              if (method.getName().equals("openat2")) {
                arguments[2] = (long) arguments[2] & ~OpenFlags.DIRECT;
              }
              return method.invoke(real, arguments);
            });
  }

  private void begins(ByteBuffer content) throws IOException {
    byte[] bytes = new byte[content.capacity()];
    content.get(0, bytes);
    Files.write(dir.resolve("dev/disk1"), bytes);
  }

  private static ByteBuffer xfs() {
    ByteBuffer first = ByteBuffer.allocate(8192);
    return first.put(0, "XFSB".getBytes(US_ASCII)).put(32, "0123456789abcdef".getBytes(US_ASCII));
  }

  @Test
  void xfsIsKnownByItsName() throws Exception {
    begins(xfs());
    try (BlockVolumes volumes = volumes()) {
      BlockVolume volume = volumes.open(DEVICE, "export x");
      assertThat(volume.fileSystem()).isEqualTo("xfs");
      assertThat(US_ASCII.decode(volume.signature()).toString()).isEqualTo("0123456789abcdef");
      assertThat(volumes.find(DEVICE)).contains(volume);
    }
  }

  @Test
  void xfsWithARealtimeSectionIsRefused() throws Exception {
    begins(xfs().putLong(16, 1));
    try (BlockVolumes volumes = volumes()) {
      assertThatThrownBy(() -> volumes.open(DEVICE, "export x"))
          .isInstanceOf(BlockVolumeException.class)
          .hasMessageContaining("realtime");
      assertThat(volumes.all()).isEmpty();
    }
  }

  @Test
  void devicesMadeOfOthersAndUnknownOnesAreRefused() throws Exception {
    begins(xfs());
    Files.createDirectory(facts.resolve("dm"));
    try (BlockVolumes volumes = volumes()) {
      assertThatThrownBy(() -> volumes.open(DEVICE, "export x"))
          .isInstanceOf(BlockVolumeException.class)
          .hasMessageContaining("made of others");
      Files.delete(facts.resolve("dm"));
      begins(ByteBuffer.allocate(8192));
      assertThatThrownBy(() -> volumes.open(DEVICE, "export x"))
          .isInstanceOf(BlockVolumeException.class)
          .hasMessageContaining("no XFS and no ext4");
      assertThatThrownBy(() -> volumes.open(DEVICE + 1, "export x"))
          .isInstanceOf(BlockVolumeException.class);
    }
  }
}
