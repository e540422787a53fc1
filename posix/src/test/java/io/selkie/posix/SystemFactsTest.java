package io.selkie.posix;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what the system says is read right, and what cannot be read is said. */
class SystemFactsTest {

  @TempDir Path made;

  private final Kernel kernel = new LinuxKernel();

  @Test
  void thisMachineCanBeRead() throws IOException {
    SystemFacts facts = SystemFacts.of(kernel);

    assertThat(facts.leaseBreakSeconds()).isPositive();
    assertThat(facts.memlockLimitBytes()).isPositive();
    assertThat(facts.openFilesLimit()).isGreaterThan(16);
    assertThat(facts.mounts()).anyMatch(mount -> mount.fileSystemType().equals("proc"));
    assertThat(facts.mounts()).anyMatch(mount -> mount.mountPoint().equals("/"));
    assertThat(facts.kernelRelease()).matches("\\d+\\.\\d+.*");
    if (kernel.effectiveUid() == 0) {
      assertThat(facts.capabilities()).contains(Capability.CAP_DAC_OVERRIDE);
    } else {
      assertThat(facts.capabilities()).doesNotContain(Capability.CAP_SYS_ADMIN);
    }
  }

  @Test
  void leaseBreakTimeIsReadWholeFromTheRealProc() throws Exception {
    Process cat = new ProcessBuilder("cat", "/proc/sys/fs/lease-break-time").start();
    String told = new String(cat.getInputStream().readAllBytes(), UTF_8).strip();

    assertThat(SystemFacts.of(kernel).leaseBreakSeconds()).isEqualTo(Integer.parseInt(told));
  }

  @Test
  void mountLinesAreParsedWithTheirEscapesAndTags() {
    var mount =
        MountFacts.parse(
                "36 35 259:4 /sub /mnt/a\\040b\\134c rw,noatime shared:1 master:2 - xfs"
                    + " /dev/pmem0 rw,dax=always,reflink")
            .orElseThrow();

    assertThat(mount.mountId()).isEqualTo(36);
    assertThat(mount.device()).isEqualTo(259L << 32 | 4);
    assertThat(mount.root()).isEqualTo("/sub");
    assertThat(mount.mountPoint()).isEqualTo("/mnt/a b\\c");
    assertThat(mount.fileSystemType()).isEqualTo("xfs");
    assertThat(mount.source()).isEqualTo("/dev/pmem0");
    assertThat(mount.hasOption("dax=always")).isTrue();
    assertThat(mount.hasOption("noatime")).isTrue();
    assertThat(mount.hasOption("ro")).isFalse();
  }

  @Test
  void brokenMountLinesAreLeftOut() {
    for (String line :
        List.of("", "1 2 3", "x 1 0:1 / / rw - proc proc rw", "1 1 0 / / rw - a b c")) {
      assertThat(MountFacts.parse(line)).isEmpty();
    }
  }

  @Test
  void rdmaDevicesAreListedByPort() throws IOException {
    Path port = Files.createDirectories(made.resolve("class/infiniband/rxe0/ports/1"));
    Files.writeString(port.resolve("state"), "4: ACTIVE\n");
    Files.writeString(port.resolve("link_layer"), "Ethernet\n");

    assertThat(new SystemFacts(made, made, kernel).rdmaDevices())
        .containsExactly(
            new SystemFacts.RdmaDeviceFacts("rxe0", "1", "4: ACTIVE", "Ethernet", "unknown"));
    assertThat(new SystemFacts(made, made.resolve("none"), kernel).rdmaDevices()).isEmpty();
  }

  @Test
  void unreadableLeaseBreakTimeIsAnError() throws IOException {
    var facts = new SystemFacts(made, made, kernel);
    assertThatThrownBy(facts::leaseBreakSeconds).isInstanceOf(IOException.class);
    Files.createDirectories(made.resolve("sys/fs"));
    Files.writeString(made.resolve("sys/fs/lease-break-time"), "soon\n");
    assertThatThrownBy(facts::leaseBreakSeconds)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("soon");
    Files.writeString(made.resolve("sys/fs/lease-break-time"), "45\n");
    assertThat(facts.leaseBreakSeconds()).isEqualTo(45);
    assertThat(facts.linksAreProtected()).as("unknown").isFalse();
    Files.writeString(made.resolve("sys/fs/protected_hardlinks"), "1\n");
    assertThat(facts.linksAreProtected()).isTrue();
    Files.writeString(made.resolve("sys/fs/protected_hardlinks"), "0\n");
    assertThat(facts.linksAreProtected()).isFalse();
  }

  @Test
  void errorsAreNamed() {
    assertThat(Errno.of(-2)).isEqualTo(Errno.ENOENT);
    assertThat(Errno.of(-9999)).isEqualTo(Errno.UNKNOWN);
    assertThat(Errno.of(-63)).isEqualTo(Errno.UNKNOWN);
    assertThat(Errno.describe(-63)).contains("63");
    assertThatThrownBy(() -> Errno.of(0)).isInstanceOf(IllegalArgumentException.class);
    for (Errno errno : Errno.values()) {
      if (errno != Errno.UNKNOWN) {
        assertThat(Errno.of(errno.result())).isEqualTo(errno);
      }
    }
    var failure = new PosixException("openat2", -13, "/export", "give the server access to it");
    assertThat(failure.errno()).isEqualTo(Errno.EACCES);
    assertThat(failure)
        .hasMessage("openat2 on /export: EACCES (Permission denied); give the server access to it");
  }
}
