package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: who gives something back is not kept waiting by a disk that hangs. */
@Timeout(120)
class StuckWorkersTest {

  private static final int LENGTH = 20_000;

  private final HangingDisk disk = new HangingDisk("fdatasync");
  private ServerFixture server;
  private FileCalls client;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture(disk.kernel(), "");
    Files.write(server.export().resolve("f"), new byte[LENGTH]);
    client = server.client("alice");
    root = client.handleOf("data");
  }

  @AfterEach
  void stop() throws Exception {
    disk.goOn();
    server.close();
  }

  @Test
  void layoutIsReturnedAndFileClosedWhileEveryOtherWorkerIsStuck() throws Exception {
    Opened opened = client.open(root, "f", BOTH, DENY_NONE);
    HeldLayout layout =
        HeldLayout.get(client, opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
    int workers = Math.max(4, 2 * Runtime.getRuntime().availableProcessors());
    List<FileCalls> others = new ArrayList<>();
    List<Opened> files = new ArrayList<>();
    for (int i = 0; i < workers; i++) {
      others.add(server.client("other" + i));
      files.add(others.get(i).create(root, "file" + i));
    }
    disk.hangIn(server.export());
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<CompletableFuture<String>> commits = new ArrayList<>();
      for (int i = 0; i < workers; i++) {
        FileCalls other = others.get(i);
        byte[] handle = files.get(i).handle();
        commits.add(CompletableFuture.supplyAsync(() -> commit(other, handle), threads));
      }
      disk.awaitStuck(workers);

      layout.giveBack();
      assertThat(server.server().metrics().values()).containsEntry("selkie_seals", 0L);
      Process breaker =
          new ProcessBuilder("truncate", "-s", "5000", file().toString()).inheritIO().start();
      assertThat(breaker.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(breaker.exitValue()).isZero();
      assertThat(Files.size(file())).isEqualTo(5000);
      assertThat(client.close(opened.handle(), opened.stateid())).isEqualTo("NFS4_OK");
      assertThat(commits).noneMatch(CompletableFuture::isDone);

      disk.goOn();
      for (CompletableFuture<String> commit : commits) {
        assertThat(commit.get(60, TimeUnit.SECONDS)).isEqualTo("NFS4_OK");
      }
    }
  }

  private static String commit(FileCalls client, byte[] handle) {
    return client
        .on(
            handle,
            NfsOp4.OP_COMMIT,
            o -> {
              o.int64(0);
              o.int32(0);
            })
        .status();
  }

  private Path file() {
    return server.export().resolve("f");
  }
}
