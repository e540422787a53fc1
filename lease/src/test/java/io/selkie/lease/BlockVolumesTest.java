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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

  private void assertRefused(long device, String why) {
    try (BlockVolumes volumes = volumes()) {
      assertThatThrownBy(() -> volumes.open(device, "export x"))
          .isInstanceOf(BlockVolumeException.class)
          .hasMessageContaining(why);
      assertThat(volumes.all()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dm", "md", "slaves/sdb"})
  void devicesMadeOfOthersAreRefused(String mark) throws Exception {
    begins(xfs());
    Files.createDirectories(facts.resolve(mark));
    assertRefused(DEVICE, "made of others");
  }

  /** Its own directory says that it is a part, and the one around it of what. */
  private void partOf(Path whole) throws IOException {
    Path part = Files.createDirectories(whole.resolve("disk1"));
    Files.move(facts.resolve("uevent"), part.resolve("uevent"));
    Files.writeString(part.resolve("partition"), "1\n");
    Files.delete(facts);
    Files.createSymbolicLink(facts, part);
    begins(xfs());
  }

  @ParameterizedTest
  @ValueSource(strings = {"dm", "md", "slaves/sdb"})
  void aPartOfADeviceMadeOfOthersIsRefused(String mark) throws Exception {
    Path whole = dir.resolve("sys/devices/whole");
    Files.createDirectories(whole.resolve(mark));
    partOf(whole);
    assertRefused(DEVICE, "made of others");
  }

  @Test
  void aPartOfADiskIsAVolumeOfItsOwnButNoneThatCanBeReserved() throws Exception {
    Files.createDirectories(dir.resolve("sys/devices/whole/slaves"));
    partOf(dir.resolve("sys/devices/whole"));
    try (BlockVolumes volumes = volumes()) {
      BlockVolume volume = volumes.open(DEVICE, "export x");
      assertThat(volume.fileSystem()).isEqualTo("xfs");
      assertThatThrownBy(() -> volumes.requireWhole(volume, "its file system"))
          .isInstanceOf(BlockVolumeException.class)
          .hasMessageContaining("part of a disk");
    }
  }

  @Test
  void whatIsNoXfsAndNoExt4IsRefusedAndWhatIsNoDeviceToo() throws Exception {
    begins(ByteBuffer.allocate(8192));
    assertRefused(DEVICE, "no XFS and no ext4");
    assertRefused(DEVICE + 1, "no block device of its own");
  }
}
