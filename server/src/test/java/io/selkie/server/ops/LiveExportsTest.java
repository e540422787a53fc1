package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.ExportConfig;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: exports come and go while a server runs, and who works on the others notices nothing. */
@Timeout(60)
class LiveExportsTest {

  private TwoExports server;
  private FileCalls client;

  @BeforeEach
  void start() throws IOException {
    server = new TwoExports(new LinuxKernel(), 500, "one", "two");
    Files.write(server.of("one").resolve("f"), new byte[8192]);
    Files.write(server.of("two").resolve("f"), new byte[8192]);
    client = server.client("alice");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private void apply(List<ExportConfig> exports) throws Exception {
    server.server().applyExports(exports).toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  private void takeLayout(Opened opened) {
    Answer answer =
        client.on(
            opened.handle(),
            NfsOp4.OP_LAYOUTGET,
            o -> {
              o.bool(false);
              o.int32(LayoutConst4.LAYOUT4_RDMA);
              o.int32(LayoutConst4.LAYOUTIOMODE4_RW);
              o.int64(0);
              o.int64(-1);
              o.int64(0);
              Stateids.encode(o, opened.stateid());
              o.int32(65_536);
            });
    assertThat(answer.status()).isEqualTo("NFS4_OK");
  }

  @Test
  void exportThatGoesTakesItsStateAlongAndTheOtherNoticesNothing() throws Exception {
    Opened one = client.open(client.handleOf("one"), "f", BOTH, DENY_NONE);
    Opened two = client.open(client.handleOf("two"), "f", BOTH, DENY_NONE);
    takeLayout(one);
    takeLayout(two);
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(2);

    apply(server.exports("two", "three"));

    assertThat(client.list(client.handleOf(), 4096)).containsExactlyInAnyOrder("two", "three");
    assertThat(client.call(FileCalls.putFh(one.handle()), NfsOp4.OP_PUTFH).status())
        .isEqualTo("NFS4ERR_STALE");
    assertThat(client.read(two.handle(), two.stateid(), 0, 10).status()).isEqualTo("NFS4_OK");
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(1);
    assertThat(server.server().metrics().values()).containsEntry("selkie_seals", 1L);
    assertThat(descriptorsOn(server.of("one"))).isZero();
    assertThat(client.create(client.handleOf("three"), "g").status()).isEqualTo("NFS4_OK");
  }

  @Test
  void exportThatComesBackIsTheSame() throws Exception {
    byte[] handle = client.handleOf("one", "f");
    assertThat(client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status()).isEqualTo("NFS4_OK");
    apply(server.exports("two"));
    assertThat(client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status())
        .isEqualTo("NFS4ERR_STALE");
    apply(server.exports("one", "two"));
    assertThat(client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void newRulesCountAtOnceForLayoutsToo() throws Exception {
    Opened one = client.open(client.handleOf("one"), "f", BOTH, DENY_NONE);
    takeLayout(one);
    ExportConfig before = server.exports("one").getFirst();
    apply(
        List.of(
            new ExportConfig(before.path(), before.name(), true, true),
            server.exports("two").getFirst()));
    assertThat(server.server().arbiter().layoutCount()).isZero();
    assertThat(client.write(one.handle(), one.stateid(), 0, 0, new byte[] {1}).status())
        .isEqualTo("NFS4ERR_ROFS");
    assertThat(client.read(one.handle(), one.stateid(), 0, 10).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void whatCannotBeServedChangesNothing() throws Exception {
    List<ExportConfig> exports = server.exports("two", "three");
    Files.delete(server.of("three"));
    assertThatThrownBy(() -> apply(exports)).hasRootCauseInstanceOf(IOException.class);
    assertThat(client.list(client.handleOf(), 4096)).containsExactlyInAnyOrder("one", "two");
    assertThat(client.open(client.handleOf("one"), "f", BOTH, DENY_NONE).status())
        .isEqualTo("NFS4_OK");
  }

  private static long descriptorsOn(Path directory) throws IOException {
    try (var fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(
              fd -> {
                try {
                  return Files.readSymbolicLink(fd).startsWith(directory);
                } catch (IOException e) {
                  // Closed since by another thread.
                  return false;
                }
              })
          .count();
    }
  }
}
