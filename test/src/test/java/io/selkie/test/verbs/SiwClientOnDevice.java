package io.selkie.test.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.verbs.ServedOnDevice.Said;
import java.nio.file.Files;
import java.nio.file.Path;
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
}
