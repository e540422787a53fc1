package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what sysfs says of DAX devices is understood; it is laid out as Linux 6.12 does. */
class DaxDeviceTest {
  private static final long MIB = 1 << 20;
  private static final UUID NAMESPACE = UUID.fromString("6a2fd3a1-9d0c-4b32-94c8-3d6b7bd1ad27");

  @TempDir private Path sysfs;
  private Path region;
  private Path facts;

  @BeforeEach
  void layOut() throws IOException {
    region = sysfs.resolve("devices/ndbus0/region3");
    facts = region.resolve("dax3.1/dax3.0");
    Files.createDirectories(facts);
    Files.writeString(region.resolve("resource"), "0x1c0000000\n");
    Files.writeString(region.resolve("badblocks"), "");
    Files.writeString(region.resolve("dax3.1/uuid"), NAMESPACE + "\n");
    Files.writeString(facts.resolve("size"), "528482304\n");
    Files.writeString(facts.resolve("align"), "2097152\n");
    Files.writeString(facts.resolve("resource"), "0x1c0800000\n");
    Path bus = Files.createDirectories(sysfs.resolve("bus/dax"));
    Files.createSymbolicLink(facts.resolve("subsystem"), bus);
    Files.createSymbolicLink(
        Files.createDirectories(sysfs.resolve("dev/char")).resolve("252:1"), facts);
  }

  private DaxDevice device() throws IOException {
    return DaxDevice.at(sysfs, Path.of("/dev/dax3.0"), "252:1");
  }

  @Test
  void sizeAlignmentAndNamespaceAreFound() throws IOException {
    DaxDevice device = device();
    assertThat(device.sizeBytes()).isEqualTo(528482304);
    assertThat(device.alignBytes()).isEqualTo(2 * MIB);
    assertThat(device.identity()).contains(NAMESPACE);
    assertThat(device.isThere()).isTrue();
    Files.writeString(facts.resolve("size"), "2097152\n");
    assertThat(device.isThere()).isFalse();
    Files.delete(facts.resolve("size"));
    assertThat(device.isThere()).isFalse();
  }

  @Test
  void badSectorsOfTheRegionAreThoseOfTheDevice() throws IOException {
    DaxDevice.BadBlockList list = device().badBlocks().orElseThrow();
    assertThat(list.read(528482304)).isEqualTo(BadRanges.NONE);
    // Before it, across its beginning, within, twice side by side, and behind its end.
    Files.writeString(region.resolve("badblocks"), "8 8\n16376 16\n20480 8\n20488 1\n9999999 8\n");
    assertThat(list.read(528482304))
        .isEqualTo(
            BadRanges.of(
                List.of(new long[] {0, 4096}, new long[] {2 * MIB, 2 * MIB + 4096 + 512})));
  }

  @Test
  void whatIsNoDaxDeviceIsSaidToBeNone() throws IOException {
    assertThatThrownBy(() -> DaxDevice.find(sysfs, Path.of("/dev/null")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("mount /sys");
    Path file = Files.createFile(sysfs.resolve("file"));
    assertThatThrownBy(() -> DaxDevice.find(sysfs, file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is no character device");
    Files.delete(facts.resolve("subsystem"));
    Files.createSymbolicLink(
        facts.resolve("subsystem"), Files.createDirectories(sysfs.resolve("class/mem")));
    assertThatThrownBy(this::device)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is no DAX device");
  }

  @Test
  void rangesAreMergedAndOverlapsFound() {
    BadRanges ranges =
        BadRanges.of(List.of(new long[] {100, 200}, new long[] {0, 10}, new long[] {150, 300}));
    assertThat(ranges.count()).isEqualTo(2);
    assertThat(ranges).hasToString("0+10, 100+200");
    assertThat(ranges.overlap(10, 100)).isFalse();
    assertThat(ranges.overlap(9, 10)).isTrue();
    assertThat(ranges.overlap(299, 400)).isTrue();
    assertThat(ranges.overlap(300, 400)).isFalse();
    assertThat(BadRanges.of(List.of(new long[] {120, 130})).isWithin(ranges)).isTrue();
    assertThat(ranges.isWithin(BadRanges.of(List.of(new long[] {120, 130})))).isFalse();
    assertThat(BadRanges.NONE.isWithin(BadRanges.NONE)).isTrue();
  }
}
