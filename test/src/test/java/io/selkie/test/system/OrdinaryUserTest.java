package io.selkie.test.system;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Goal: the server needs no privilege for files that belong to the user who runs it: seals, layouts
 * and recalls work, and handles are found again without open_by_handle_at.
 */
class OrdinaryUserTest {

  private static final int FILE_BYTES = 65536;

  @Test
  void serverOfAnOrdinaryUserSealsGrantsAndRecalls() throws Exception {
    try (OrdinaryUser user = new OrdinaryUser()) {
      Path export = user.newDirectory("export");
      Path state = user.newDirectory("state");
      Path file = Files.write(export.resolve("mine"), new byte[FILE_BYTES]);
      user.give(file);
      try (ServerProcess server =
              ServerUnderTest.serverOf(
                      export, "layout:\n  recallTimeoutMillis: 300\n  fenceBudgetMillis: 300\n")
                  .under(user.prefix())
                  .classPath(user.classPath())
                  .scratch(state)
                  .start();
          RawNfs nfs = RawNfs.connect(server.nfs(), "ordinary")) {
        assertThat(effectiveUser(server.pid())).isEqualTo(user.uid()).isNotZero();
        nfs.rpc().callAs(user.uid());
        RawNfs.OpenFile opened = nfs.open(server.exportName(), "mine");
        RawNfs.Layout layout = nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, FILE_BYTES);
        assertThat(layout.status()).isZero();
        assertThat(KernelLeases.on(file)).as("the kernel's leases").hasSize(1);
        try (OneSided access =
            new OneSided(server.rdma(), nfs.sessionId(), layout.extents().getFirst())) {
          access.write(5, "by nobody".getBytes(US_ASCII));
          assertThat(new String(access.read(5, 9), US_ASCII)).isEqualTo("by nobody");
        }
        OtherProcess.Outcome truncated =
            OtherProcess.truncate(NanoClock.system(), file, 14).outcome().get(40, TimeUnit.SECONDS);
        assertThat(truncated.succeeded()).as(truncated.output()).isTrue();
        assertThat(KernelLeases.on(file)).isEmpty();
        assertThat(Files.readAllBytes(file)).endsWith("by nobody".getBytes(US_ASCII)).hasSize(14);
      }
    }
  }

  @Test
  void everybodyIsTheOneUserAndTheServerSaysSo() throws Exception {
    try (OrdinaryUser user = new OrdinaryUser()) {
      Path export = user.newDirectory("export");
      Path state = user.newDirectory("state");
      Path secret = Files.write(export.resolve("secret"), new byte[] {1});
      user.give(secret);
      Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
      try (ServerProcess server =
              ServerUnderTest.serverOf(export, "")
                  .under(user.prefix())
                  .classPath(user.classPath())
                  .scratch(state)
                  .start();
          RawNfs nfs = RawNfs.connect(server.nfs(), "several")) {
        assertThat(server.log())
            .contains("every request works on the file system as user " + user.uid())
            .contains("run the server as root");
        for (int caller : new int[] {71_001, 71_002}) {
          nfs.rpc().callAs(caller);
          String name = "made-by-" + caller;
          nfs.compound(
                  Op.putRootFh(),
                  Op.lookup(server.exportName()),
                  Op.open(nfs.clientId(), "owner " + caller, name, true))
              .expectOk();
          assertThat(Files.getAttribute(export.resolve(name), "unix:uid")).isEqualTo(user.uid());
          RawNfs.OpenFile opened = nfs.open(server.exportName(), "secret");
          assertThat(
                  nfs.compound(
                          Op.putFh(opened.handle().bytes()),
                          Op.write(opened.stateid().bytes(), 0, new byte[] {2}))
                      .status())
              .as("the one user may")
              .isZero();
        }
      }
    }
  }

  private static int effectiveUser(long pid) throws Exception {
    List<String> status = Files.readAllLines(Path.of("/proc", Long.toString(pid), "status"));
    String line = status.stream().filter(l -> l.startsWith("Uid:")).findFirst().orElseThrow();
    return Integer.parseInt(line.split("\\s+")[2]);
  }
}
