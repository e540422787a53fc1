package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.ops.FileCalls.Written;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: however the server's process ends under load, what it acknowledged is there, what it held
 * is not, and the next one goes on. Method: a real process, real signals.
 */
@Timeout(120)
class ServerProcessTest {

  /** So many writes are acknowledged before the signal comes. */
  private static final int WRITES_BEFORE = 50;

  private static final int BLOCK_BYTES = 4096;

  private Path directory;

  @BeforeEach
  void directory() throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target"));
    Files.createDirectories(base);
    directory = Files.createTempDirectory(base, "process").toAbsolutePath();
  }

  @AfterEach
  void clean() throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** A client that writes one block after the other until its server is gone. */
  private static final class Load {
    private final AtomicLong acknowledged = new AtomicLong();
    private final CountDownLatch running = new CountDownLatch(WRITES_BEFORE);
    private final CompletableFuture<Void> ended;

    Load(FileCalls client, Opened opened) {
      ended = CompletableFuture.runAsync(() -> write(client, opened));
    }

    private void write(FileCalls client, Opened opened) {
      try {
        while (true) {
          long block = acknowledged.get();
          byte[] data = new byte[BLOCK_BYTES];
          ByteBuffer.wrap(data).putLong(block + 1).putLong(BLOCK_BYTES - Long.BYTES, block + 1);
          Written written =
              client.write(
                  opened.handle(),
                  opened.stateid(),
                  block * BLOCK_BYTES,
                  Nfs4Const.FILE_SYNC4,
                  data);
          if (!written.status().equals("NFS4_OK") || written.count() != BLOCK_BYTES) {
            return;
          }
          acknowledged.incrementAndGet();
          running.countDown();
        }
      } catch (RuntimeException | AssertionError _) {
        // The connection is gone with the server.
      }
    }

    void awaitRunning() throws InterruptedException {
      assertThat(running.await(60, TimeUnit.SECONDS)).isTrue();
    }

    void assertAllThere(Path file) throws Exception {
      ended.get(60, TimeUnit.SECONDS);
      ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(file));
      assertThat(content.limit()).isGreaterThanOrEqualTo((int) acknowledged.get() * BLOCK_BYTES);
      for (int block = 0; block < acknowledged.get(); block++) {
        assertThat(content.getLong(block * BLOCK_BYTES)).isEqualTo(block + 1);
        assertThat(content.getLong((block + 1) * BLOCK_BYTES - Long.BYTES)).isEqualTo(block + 1);
      }
    }
  }

  @Test
  void terminatedServerStopsInOrderAndLosesNothing() throws Exception {
    try (ServerProcess server = ServerProcess.start(directory);
        FileCalls writer = server.client("writer");
        FileCalls holder = server.client("holder")) {
      byte[] root = writer.handleOf("data");
      Load load = new Load(writer, writer.create(root, "f"));
      layoutOf(holder, root);
      load.awaitRunning();
      // 128 + SIGTERM.
      assertThat(server.terminate()).isEqualTo(143);
      load.assertAllThere(file("f"));
      assertUnsealed();
    }
  }

  @Test
  void killedServerLosesNothingAndItsLeasesGoWithIt() throws Exception {
    byte[] handle;
    try (ServerProcess server = ServerProcess.start(directory);
        FileCalls writer = server.client("writer");
        FileCalls holder = server.client("holder")) {
      byte[] root = writer.handleOf("data");
      Opened opened = writer.create(root, "f");
      handle = opened.handle();
      Load load = new Load(writer, opened);
      layoutOf(holder, root);
      load.awaitRunning();
      assertThat(server.kill()).isEqualTo(137);
      load.assertAllThere(file("f"));
      assertUnsealed();
    }
    // The next one takes the same state, and filehandles of before are still good.
    try (ServerProcess next = ServerProcess.start(directory);
        FileCalls client = next.client("writer")) {
      assertThat(client.read(handle, Stateids.ANONYMOUS, 0, 8).bytes())
          .isEqualTo(ByteBuffer.allocate(8).putLong(1).array());
    }
  }

  @Test
  void secondServerOnTheSameStateIsRefused() throws Exception {
    try (ServerProcess first = ServerProcess.start(directory)) {
      assertThat(first.address("nfs").getPort()).isPositive();
      Process second =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "@" + Path.of(System.getProperty("selkie.root"), "bin", "jvm.options"),
                  "-cp",
                  System.getProperty("java.class.path"),
                  "io.selkie.server.Main",
                  "serve",
                  "--config",
                  directory.resolve("selkie.yaml").toString(),
                  "--export",
                  directory.resolve("export").toString(),
                  "--listen",
                  "127.0.0.1:0",
                  "--rdma-listen",
                  "127.0.0.1:0",
                  "--state-dir",
                  directory.resolve("state").toString())
              .redirectErrorStream(true)
              .start();
      String said = new String(second.getInputStream().readAllBytes(), UTF_8);
      assertThat(second.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(second.exitValue()).isEqualTo(1);
      assertThat(said).contains("selkie: not started: the state directory").contains("--state-dir");
    }
  }

  /** Seals a file of its own with a layout. */
  private void layoutOf(FileCalls client, byte[] root) throws IOException {
    Files.write(file("sealed"), new byte[1 << 16]);
    Opened opened = client.open(root, "sealed", BOTH, DENY_NONE);
    var answer = client.layoutGet(opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
  }

  /** With a lease in place this open would fail, since it must not wait. */
  private void assertUnsealed() throws IOException {
    Kernel kernel = new LinuxKernel();
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file("sealed").toString()),
            OpenFlags.WRONLY | OpenFlags.NONBLOCK | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(fd).isNotNegative();
    assertThat(kernel.close(fd)).isZero();
    assertThat(file("sealed")).hasSize(1 << 16);
  }

  private Path file(String name) {
    return directory.resolve("export").resolve(name);
  }
}
