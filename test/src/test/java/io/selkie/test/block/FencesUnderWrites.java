package io.selkie.test.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.time.NanoClock;
import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.lease.DiskKeys;
import io.selkie.lease.PmemFileSystem;
import io.selkie.server.SelkieServer;
import io.selkie.test.support.ServerProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: on a disk that carries PREEMPT AND ABORT out, a client that is fenced writes nothing from
 * that moment on, whatever it has under way; nor does one whose server was killed, once the next
 * server has started.
 *
 * <p>Method: one disk on two ways, the server's and the client's, in the same guest: one of the
 * kernel's iSCSI target, or a namespace of its NVMe target. Threads write to it on the client's
 * way, with the client's registration, while that is taken away.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(800)
class FencesUnderWrites {

  private static final String EXPORTS =
      """
      exports:
        - {path: /tmp/disk, name: disk, blockLayouts: scsi, clients: [{hosts: "*", squash: none}]}
      """;

  /** Where a disk does not abort, a fence waits for blockIoMillis. */
  private static final String REST =
      """
      http: {enabled: false}
      delegations: {enabled: false}
      sessions: {leaseSeconds: 45, graceSeconds: 45}
      layout: {recallTimeoutMillis: 12000, fenceBudgetMillis: 25000, blockIoMillis: 25000}
      """;

  /** For the one in this process; the other is told on its command line. */
  private static final String PLACES =
      """
      listen: 127.0.0.1:2049
      rdma: {listen: "127.0.0.1:0"}
      stateDirectory: /tmp/disk.server/state
      """;

  private static final long IO_MILLIS = 25_000;
  private static final Path SCRATCH = Path.of("/tmp/disk.server");

  /** What the client has and nobody reads. */
  private static final int FILE_BYTES = 1 << 20;

  private static final int FIRST_WRITTEN_BLOCK = 64;

  /** The one file system. */
  private static final Served FS = () -> "disk";

  private static final Path SERVER = Path.of("/dev/disk/server-2");
  private static final Path CLIENT = Path.of("/dev/disk/client-2");

  private static ServerProcess killed;
  private static SelkieServer server;

  @BeforeAll
  static void start() throws Exception {
    run("mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0 " + SERVER);
    Files.createDirectories(FS.root());
    run("mount " + SERVER + " " + FS.root());
    killed =
        ServerProcess.ofExports(FS.root(), EXPORTS + REST)
            .listen("127.0.0.1:2049")
            .scratch(SCRATCH)
            .jvmFlags("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")
            .start();
    run(
        "mkdir -p %s && mount -t nfs -o vers=4.2,proto=tcp 127.0.0.1:/%s %s"
            .formatted(FS.mount(), FS.title(), FS.mount()));
  }

  @AfterAll
  static void stop() throws Exception {
    killed.close();
    System.out.println(
        run(
            "timeout 20 umount %s || umount -l %s; dmesg | tail -n 30"
                .formatted(FS.mount(), FS.mount())));
    if (server != null) {
      server.close();
    }
    run("umount " + FS.root());
  }

  private static String run(String command) throws Exception {
    return PmemFileSystem.run("sh", "-c", command);
  }

  /** Makes a file, and says which block of the disk it begins with: it lies there in one piece. */
  private static long make(String name) throws Exception {
    Files.write(FS.local(name), new byte[FILE_BYTES]);
    String said = run("sync; filefrag -b4096 -v " + FS.local(name));
    Matcher extents = Pattern.compile("(?m)^ *\\d+: +0\\.\\. +255: +(\\d+)\\.\\.").matcher(said);
    assertThat(extents.find()).as(said).isTrue();
    return Long.parseLong(extents.group(1));
  }

  @Test
  @Order(1)
  void whoHadLayoutsOfAKilledServerIsRefusedOnceTheNextHasStarted() throws Exception {
    long block = make("killed") + FIRST_WRITTEN_BLOCK;
    try (HeldFile _ = HeldFile.of(FS, "killed");
        WritersPastTheServer writers = new WritersPastTheServer(CLIENT, block)) {
      Set<Long> before = DiskKeys.of(SERVER);
      assertThat(before).as("the server's and the client's").hasSize(2);
      writers.awaitWellUnderWay();

      killed.kill();

      assertThat(DiskKeys.of(SERVER)).as("nobody was there to take one away").isEqualTo(before);
      assertThat(DiskKeys.holder(SERVER)).as("still reserved").isPresent().get().isIn(before);

      server =
          SelkieServer.start(
              ConfigLoader.parse("the next", EXPORTS + REST + PLACES, CommandLineSettings.NONE));
      List<Long> stored = writers.stored(SERVER);

      writers.assertRefused(stored);
      assertThat(writers.stored(SERVER)).as("nothing landed after that").isEqualTo(stored);
      Set<Long> after = DiskKeys.of(SERVER);
      assertThat(after).as("no key of before").doesNotContainAnyElementsOf(before);
      assertThat(DiskKeys.holder(SERVER)).isPresent().get().isIn(after);
    }
  }

  @Test
  @Order(2)
  void aFenceAbortsWhatTheClientHasUnderWayAndWaitsForNothingElse() throws Exception {
    long block = make("fenced") + FIRST_WRITTEN_BLOCK;
    try (HeldFile _ = HeldFile.of(FS, "fenced");
        WritersPastTheServer writers = new WritersPastTheServer(CLIENT, block)) {
      assertThat(server.arbiter().layoutCount()).as("a layout is held").isPositive();
      assertThat(DiskKeys.of(SERVER)).as("the server's and the client's").hasSize(2);
      writers.awaitWellUnderWay();
      long begin = NanoClock.system().nanoTime();

      server
          .arbiter()
          .fence(
              new RecallFilter(OptionalLong.empty(), Optional.empty(), OptionalLong.empty()),
              RecallCause.ADMINISTRATIVE)
          .toCompletableFuture()
          .get(60, TimeUnit.SECONDS);

      long millis = TimeUnit.NANOSECONDS.toMillis(NanoClock.system().nanoTime() - begin);
      List<Long> stored = writers.stored(SERVER);
      System.out.println("a fence by PREEMPT AND ABORT under writes took " + millis + " ms");
      assertThat(DiskKeys.of(SERVER)).as("the server's alone").hasSize(1);
      assertThat(millis).as("without the wait of a disk that cannot").isLessThan(IO_MILLIS);
      writers.assertRefused(stored);
      assertThat(writers.stored(SERVER)).as("nothing landed after that").isEqualTo(stored);
    }
  }
}
