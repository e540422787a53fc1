package io.selkie.test.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.lease.PmemFileSystem;
import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.test.verbs.ServedOnDevice.Said;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: clients reach files over an RDMA device where it was proven to reach them, and everything
 * else goes another way, visibly.
 *
 * <p>Method: server and commands on soft RoCE of a stock kernel, with ext4 in the page cache and
 * XFS on DAX. Not a test by its name: {@code DaxTest} runs it in the guest that has all that.
 */
@Timeout(600)
class VerbsServerOnDevice {

  private static final String ANY_PORT = ServedOnDevice.ADDRESS + ":0";

  private Mounted mounted;
  private ServedOnDevice served;

  @AfterEach
  void end() throws Exception {
    if (served != null) {
      served.close();
    }
    if (mounted != null) {
      mounted.close();
    }
  }

  /** ext4 whose files are in the page cache. */
  private Path pageCache() throws Exception {
    mounted = PmemFileSystem.EXT4_INODE.make();
    PmemFileSystem.run("xfs_io", "-c", "chattr -x", mounted.root().toString());
    return Files.createDirectory(mounted.root().resolve("export"));
  }

  private Path dax() throws Exception {
    mounted = PmemFileSystem.XFS_ALWAYS.make();
    return Files.createDirectory(mounted.root().resolve("export"));
  }

  private void serve(String provider, Path export) throws Exception {
    served = new ServedOnDevice(provider, ANY_PORT, export + "=data(*,rw,no_root_squash)");
  }

  @Test
  void fileIsReadOverTheDeviceAndWrittenAnotherWayUnderAuto() throws Exception {
    Path export = pageCache();
    serve("auto", export);
    Path local = served.local("local", 1);
    served.succeed("cp", "--direct=require", local, served.url("data/written"));
    assertThat(served.registrations("iwarp")).as("writes go by iwarp").isPositive();
    assertThat(served.registrations("verbs")).isZero();
    assertThat(export.resolve("written")).hasSameBinaryContentAs(local);

    Path back = served.place("back");
    served.succeed("cp", "--direct=require", served.url("data/written"), back);
    assertThat(served.registrations("verbs")).as("reads go by verbs").isPositive();
    assertThat(back).hasSameBinaryContentAs(local);

    Said devices =
        served.succeed("ctl", "devices", "--socket", served.server().adminSocket().get());
    assertThat(devices.out())
        .contains("iwarp", "verbs", "rxe0", "page cache: read plain; write no");
    Said doctor = ServedOnDevice.run("doctor", export);
    assertThat(doctor.out()).contains("provider verbs").contains("device rxe0");
    assertThat(doctor.out()).containsPattern("yes +verbs, read here +registered plain");
    assertThat(doctor.out()).containsPattern("no +verbs, write here");
  }

  @Test
  void clientWithoutADeviceGetsAnotherWayUnderAuto() throws Exception {
    Path export = pageCache();
    serve("auto", export);
    Path local = served.local("local", 2);
    Files.copy(local, export.resolve("file"));
    Path back = served.place("back");
    served.succeed(
        "cp", "--direct=require", "--rdma-provider=iwarp", served.url("data/file"), back);
    assertThat(back).hasSameBinaryContentAs(local);
    assertThat(served.registrations("iwarp")).isPositive();
  }

  @Test
  void whatTheDeviceDoesNotReachIsRefusedUnderVerbs() throws Exception {
    Path export = pageCache();
    serve("verbs", export);
    Path local = served.local("local", 3);
    Said refused = ServedOnDevice.run("cp", "--direct=require", local, served.url("data/no"));
    assertThat(refused.status()).isNotZero();
    assertThat(refused.err()).contains("seal");
    Said other = served.succeed("cp", "--direct=prefer", local, served.url("data/file"));
    assertThat(other.err()).contains("through NFS READ and WRITE");
    assertThat(export.resolve("file")).hasSameBinaryContentAs(local);
    Path back = served.place("back");
    served.succeed(
        "cp", "--direct=require", "--rdma-provider=verbs", served.url("data/file"), back);
    assertThat(back).hasSameBinaryContentAs(local);
    assertThat(served.registrations("verbs")).isPositive();
  }

  @Test
  void daxGoesAnotherWayOnThisKernelUnderAuto() throws Exception {
    Path export = dax();
    serve("auto", export);
    Path local = served.local("local", 4);
    served.succeed("cp", "--direct=require", local, served.url("data/file"));
    Path back = served.place("back");
    served.succeed("cp", "--direct=require", served.url("data/file"), back);
    assertThat(back).hasSameBinaryContentAs(local);
    assertThat(served.registrations("verbs")).isZero();
    Said devices =
        served.succeed("ctl", "devices", "--socket", served.server().adminSocket().get());
    assertThat(devices.out()).contains("DAX: read no; plain: ");
  }

  @Test
  void serverWithoutADeviceDoesNotStartUnderVerbsAndSaysSoUnderAuto() throws Exception {
    Path export = pageCache();
    assertThatThrownBy(() -> new ServedOnDevice("verbs", "127.0.0.1:0", export + "=data"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("127.0.0.1")
        .hasMessageContaining("rdma.provider");
    served = new ServedOnDevice("auto", "127.0.0.1:0", export + "=data");
    Said devices =
        served.succeed("ctl", "devices", "--socket", served.server().adminSocket().get());
    assertThat(devices.out()).contains("verbs is not used: ");
    assertThat(served.server().rdmaAddress()).isPresent();
  }
}
