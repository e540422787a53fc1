package io.selkie.test.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.ProviderChoice;
import io.selkie.client.SelkieClient;
import io.selkie.test.verbs.ServedOnDevice.Said;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a client on an iWARP device reads and writes files of a server whose iWARP is software.
 *
 * <p>Method: server and commands on the kernel's software iWARP, with an ext4 on a disk. Not a test
 * by its name: it runs in the guest that has such a device.
 */
@Timeout(600)
class SiwClientOnDevice {

  private Path export;
  private ServedOnDevice served;

  @BeforeEach
  void start() throws Exception {
    export = Files.createTempDirectory(Path.of(System.getProperty("selkie.verbs.disk")), "export-");
  }

  @AfterEach
  void end() {
    if (served != null) {
      served.close();
    }
  }

  private void serve(String provider) throws Exception {
    served =
        new ServedOnDevice(
            provider, ServedOnDevice.ADDRESS + ":0", export + "=data(*,rw,no_root_squash)");
  }

  @Test
  void clientOnTheDeviceReadsAndWritesFilesOfAServerInSoftware() throws Exception {
    serve("iwarp");
    Path local = served.local("local", 5);
    served.succeed(
        "cp", "--direct=require", "--rdma-provider=verbs", local, served.url("data/file"));
    assertThat(export.resolve("file")).hasSameBinaryContentAs(local);
    Path back = served.place("back");
    served.succeed(
        "cp", "--direct=require", "--rdma-provider=verbs", served.url("data/file"), back);
    assertThat(back).hasSameBinaryContentAs(local);
    assertThat(served.metric("selkie_direct_read_bytes_total"))
        .isGreaterThanOrEqualTo(Files.size(local));
    assertThat(served.metric("selkie_direct_write_bytes_total"))
        .isGreaterThanOrEqualTo(Files.size(local));
    assertThat(served.server().metrics().values())
        .as("nothing of it went by NFS")
        .containsEntry("selkie_nfs_read_bytes_total", 0L)
        .containsEntry("selkie_nfs_write_bytes_total", 0L);
  }

  @Test
  void clientInSoftwareReachesAServerThatHasTheDevice() throws Exception {
    serve("auto");
    Path local = served.local("local", 6);
    served.succeed(
        "cp", "--direct=require", "--rdma-provider=iwarp", local, served.url("data/file"));
    Path back = served.place("back");
    served.succeed(
        "cp", "--direct=require", "--rdma-provider=iwarp", served.url("data/file"), back);
    assertThat(back).hasSameBinaryContentAs(local);
    Said devices =
        served.succeed("ctl", "devices", "--socket", served.server().adminSocket().get());
    assertThat(devices.out()).contains("siw0");
  }

  /** The device does not say that a key is refused: to a client it is a connection lost. */
  @Test
  void fencedClientOnTheDeviceLosesNothingAndComesBack() throws Exception {
    serve("iwarp");
    byte[] data = new byte[900_001];
    new Random(7).nextBytes(data);
    MemorySegment all = MemorySegment.ofArray(data);
    Files.write(export.resolve("file"), new byte[data.length]);
    try (SelkieClient client =
        SelkieClient.connect(
            ServedOnDevice.ADDRESS,
            served.server().nfsAddress().getPort(),
            ClientOptions.defaults().withProviderChoice(ProviderChoice.VERBS))) {
      try (DirectFile file = open(client, DirectMode.PREFER)) {
        file.write(all.asSlice(0, 300_001), 0);
        assertThat(client.counters().get(Counter.DIRECT_WRITES)).isEqualTo(1);
        served.succeed(
            "ctl", "fence", "--all", "--yes", "--socket", served.server().adminSocket().get());
        file.write(all.asSlice(300_001, 300_000), 300_001);
        assertThat(client.counters().get(Counter.FENCES)).isEqualTo(1);
        assertThat(client.counters().get(Counter.NFS_WRITES)).as("what was refused").isPositive();
        file.write(all.asSlice(600_001), 600_001);
      }
      assertThat(Files.readAllBytes(export.resolve("file"))).isEqualTo(data);
      byte[] back = new byte[data.length];
      try (DirectFile file = open(client, DirectMode.REQUIRE)) {
        assertThat(file.read(MemorySegment.ofArray(back), 0)).isEqualTo(data.length);
      }
      assertThat(back).isEqualTo(data);
      assertThat(client.counters().get(Counter.NFS_READS)).as("by a new layout").isZero();
    }
  }

  private static DirectFile open(SelkieClient client, DirectMode mode) throws IOException {
    return client.open("/data/file", mode, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }
}
