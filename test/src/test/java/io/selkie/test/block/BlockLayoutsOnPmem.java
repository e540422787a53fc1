package io.selkie.test.block;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigSource;
import io.selkie.config.time.NanoClock;
import io.selkie.lease.PmemFileSystem;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.SelkieServer;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.keeper.Surroundings;
import io.selkie.test.support.Digests;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: what a client writes and reads by a block layout is what the server's file system has, byte
 * by byte, and none of it passes through the server; whoever needs the file gets it back.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(800)
class BlockLayoutsOnPmem {

  /**
   * How long a client may take to give layouts back: as long as lease-break-time leaves beside a
   * fence, for two machines that stall, and what nobody has to wait for whose client is there.
   */
  private static final long RECALL_MILLIS = 22_000;

  /** The same where the client is known not to answer. */
  private static final long CUT_OFF_RECALL_MILLIS = 1_000;

  /** A client that is cut off has its layouts for a lease and an access more. */
  private static final long EXPIRY_MILLIS = 16_000;

  private static final String CONFIG =
      """
      exports:
        - path: /tmp/xfs
          name: xfs
          blockLayouts: unfenced
          clients: [{hosts: "*", squash: none}]
        - path: /tmp/ext4
          name: ext4
          blockLayouts: unfenced
          clients: [{hosts: "*", squash: none}]
      listen: 0.0.0.0:2049
      rdma: {listen: "127.0.0.1:0"}
      http: {enabled: false}
      sessions: {leaseSeconds: 15, graceSeconds: 15}
      layout: {recallTimeoutMillis: %d, fenceBudgetMillis: 20000, blockIoMillis: 1000}
      stateDirectory: /tmp/state
      """;

  private static final Path CONFIG_FILE = Path.of("/tmp/selkie.yaml");
  private static final int MIB = 1 << 20;

  /** The file systems, each on a device of its own that both machines have. */
  enum OnDevice implements Served {
    XFS("xfs", "/dev/pmem0", "mkfs.xfs -q -f -m reflink=1"),
    EXT4("ext4", "/dev/pmem1", "mkfs.ext4 -q -F -b 4096");

    private final String title;
    final String device;
    final String make;

    OnDevice(String title, String device, String make) {
      this.title = title;
      this.device = device;
      this.make = make;
    }

    @Override
    public String title() {
      return title;
    }
  }

  private static SelkieServer server;
  private static ClientGuest client;

  @BeforeAll
  static void start() throws Exception {
    try (ClientGuest.Booting booting = ClientGuest.boot()) {
      for (OnDevice fs : OnDevice.values()) {
        PmemFileSystem.run("sh", "-c", fs.make + " " + fs.device);
        Files.createDirectories(fs.root());
        PmemFileSystem.run("mount", "-o", "dax=always", fs.device, fs.root().toString());
      }
      Files.writeString(CONFIG_FILE, CONFIG.formatted(RECALL_MILLIS));
      ConfigSource source = new ConfigSource(Optional.of(CONFIG_FILE), CommandLineSettings.NONE);
      server = SelkieServer.start(source.load(), source, new LinuxKernel());
      client = booting.await();
    }
    // Only now: what the server made of the devices is found on them.
    client.findDevices();
    for (OnDevice fs : OnDevice.values()) {
      client.mount("192.168.77.1:/" + fs.title(), fs.mount(), "");
    }
  }

  @AfterAll
  static void stop() throws Exception {
    try (ClientGuest closing = client) {
      if (closing != null) {
        System.out.println(
            closing
                .attempt(
                    "grep -E 'pnfs|LAYOUT|DEVICE' /proc/self/mountstats; pgrep -a blkmapd;"
                        + " umount -a -t nfs4; dmesg | tail -n 40")
                .words());
      }
    } finally {
      server.close();
      for (OnDevice fs : OnDevice.values()) {
        PmemFileSystem.run("umount", fs.root().toString());
      }
    }
  }

  private static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }

  private static void assertNothingThroughTheServer(MountStatistics before, MountStatistics after) {
    assertThat(after.driver()).isEqualTo("LAYOUT_BLOCK_VOLUME");
    assertThat(after.since(before, "READ")).as("READ").isZero();
    assertThat(after.since(before, "READ_PLUS")).as("READ_PLUS").isZero();
    assertThat(after.since(before, "WRITE")).as("WRITE").isZero();
    assertThat(after.since(before, "LAYOUTGET")).as("LAYOUTGET").isPositive();
  }

  private static String remoteSum(OnDevice fs, String name) throws IOException {
    return client
        .run("echo 3 > /proc/sys/vm/drop_caches; sha256sum < " + fs.remote(name))
        .substring(0, 64);
  }

  private static String localSum(OnDevice fs, String name) throws Exception {
    return PmemFileSystem.run("sha256sum", fs.local(name).toString()).substring(0, 64);
  }

  @ParameterizedTest(name = "aNewFileIsWrittenWithoutTheServer: {0}")
  @EnumSource
  void aNewFileIsWrittenWithoutTheServer(OnDevice fs) throws Exception {
    client.run("head -c 3000001 /dev/urandom > /tmp/new");
    MountStatistics before = client.statistics(fs.mount());

    client.run("dd if=/tmp/new of=%s bs=64k conv=fsync".formatted(fs.remote("new")));

    MountStatistics after = client.statistics(fs.mount());
    assertNothingThroughTheServer(before, after);
    assertThat(after.since(before, "LAYOUTCOMMIT")).as("LAYOUTCOMMIT").isPositive();
    assertThat(Files.size(fs.local("new"))).isEqualTo(3_000_001);
    assertThat(localSum(fs, "new")).isEqualTo(client.run("sha256sum /tmp/new").substring(0, 64));
    assertThat(remoteSum(fs, "new")).isEqualTo(localSum(fs, "new"));
  }

  @ParameterizedTest(name = "aFileIsReadWithoutTheServer: {0}")
  @EnumSource
  void aFileIsReadWithoutTheServer(OnDevice fs) throws Exception {
    Files.write(fs.local("read"), random(2 * MIB + 77, 1));
    MountStatistics before = client.statistics(fs.mount());

    String sum = remoteSum(fs, "read");

    assertThat(sum).isEqualTo(localSum(fs, "read"));
    assertNothingThroughTheServer(before, client.statistics(fs.mount()));
  }

  @ParameterizedTest(name = "whatIsThereIsOverwrittenWithoutTheServer: {0}")
  @EnumSource
  void whatIsThereIsOverwrittenWithoutTheServer(OnDevice fs) throws Exception {
    byte[] data = random(MIB, 2);
    Files.write(fs.local("over"), data);
    MountStatistics before = client.statistics(fs.mount());

    client.run(
        "tr '\\0' 'x' < /dev/zero"
            + " | dd of=%s bs=4k seek=7 count=40 iflag=fullblock conv=notrunc,fsync"
                .formatted(fs.remote("over")));

    Arrays.fill(data, 7 * 4096, 47 * 4096, (byte) 'x');
    assertThat(Files.readAllBytes(fs.local("over"))).isEqualTo(data);
    assertNothingThroughTheServer(before, client.statistics(fs.mount()));
  }

  @ParameterizedTest(name = "aFileGrowsByPiecesOfAnyLength: {0}")
  @EnumSource
  void aFileGrowsByPiecesOfAnyLength(OnDevice fs) throws Exception {
    client.run("head -c 60000 /dev/urandom > /tmp/pieces; rm -f " + fs.remote("log"));

    client.run(
        "at=0; for n in 1 100 4095 4096 4097 20000 3 9000; do "
            + "tail -c +$((at + 1)) /tmp/pieces | head -c $n >> %s && sync %s; at=$((at + n)); done"
                .formatted(fs.remote("log"), fs.remote("log")));

    String sum = client.run("head -c 41392 /tmp/pieces | sha256sum").substring(0, 64);
    assertThat(Files.size(fs.local("log"))).isEqualTo(41_392);
    assertThat(localSum(fs, "log")).isEqualTo(sum);
    assertThat(remoteSum(fs, "log")).isEqualTo(sum);
  }

  /** What the device holds where nothing was written comes to nobody's sight. */
  @ParameterizedTest(name = "holesAndUnwrittenBlocksAreZeroes: {0}")
  @EnumSource
  void holesAndUnwrittenBlocksAreZeroes(OnDevice fs) throws Exception {
    Path local = fs.local("sparse");
    PmemFileSystem.run(
        "sh",
        "-c",
        "yes secret | head -c 4194304 > %s/old && sync && rm %s/old"
            .formatted(fs.root(), fs.root()));
    PmemFileSystem.run(
        "xfs_io", "-f", "-c", "truncate 1m", "-c", "falloc 256k 256k", local.toString());
    assertThat(remoteSum(fs, "sparse")).isEqualTo(localSum(fs, "sparse"));

    client.run(
        "printf some | dd of=%s bs=1 seek=300000 conv=notrunc,fsync && "
                .formatted(fs.remote("sparse"))
            + "printf more | dd of=%s bs=1 seek=2000000 conv=notrunc,fsync"
                .formatted(fs.remote("sparse")));

    byte[] expected = new byte[2_000_004];
    System.arraycopy("some".getBytes(US_ASCII), 0, expected, 300_000, 4);
    System.arraycopy("more".getBytes(US_ASCII), 0, expected, 2_000_000, 4);
    assertThat(Files.readAllBytes(local)).isEqualTo(expected);
    assertThat(remoteSum(fs, "sparse")).isEqualTo(Digests.sha256(expected));
  }

  /** Has the client write two blocks of a file, and keep it open with its layout. */
  private static void hold(OnDevice fs, String name) throws IOException {
    client.hold(fs.remote(name));
    assertThat(server.arbiter().layoutCount()).as("a layout is held").isPositive();
  }

  private static long millisSince(long beginNanos) {
    return TimeUnit.NANOSECONDS.toMillis(NanoClock.system().nanoTime() - beginNanos);
  }

  @ParameterizedTest(name = "aLocalTruncationGetsTheFileBack: {0}")
  @EnumSource
  void aLocalTruncationGetsTheFileBack(OnDevice fs) throws Exception {
    Files.write(fs.local("held"), random(MIB, 3));
    hold(fs, "held");
    try {
      long begin = NanoClock.system().nanoTime();
      // Unlike truncate(1), which would not wait.
      PmemFileSystem.run(
          "dd", "if=/dev/null", "of=" + fs.local("held"), "bs=4096", "seek=1", "status=none");
      long millis = millisSince(begin);

      System.out.println(fs + ": a truncation under a held block layout took " + millis + " ms");
      assertThat(millis).as("the client gave it back").isLessThan(RECALL_MILLIS);
      byte[] expected = new byte[4096];
      Arrays.fill(expected, (byte) 'h');
      assertThat(Files.readAllBytes(fs.local("held"))).isEqualTo(expected);
    } finally {
      client.letGo();
    }
    assertThat(remoteSum(fs, "held")).isEqualTo(localSum(fs, "held"));
  }

  /** Of another client, by SETATTR: what it wants to cut is held by the first one. */
  @ParameterizedTest(name = "anotherClientsTruncationGetsTheFileBack: {0}")
  @EnumSource
  void anotherClientsTruncationGetsTheFileBack(OnDevice fs) throws Exception {
    Files.write(fs.local("cut-by-nfs"), random(MIB, 6));
    try (SelkieClient other = SelkieClient.connect("127.0.0.1", 2049, ClientOptions.defaults())) {
      DirectFile open =
          other.open("/" + fs.title() + "/cut-by-nfs", DirectMode.NEVER, StandardOpenOption.WRITE);
      try (open) {
        hold(fs, "cut-by-nfs");
        try {
          long begin = NanoClock.system().nanoTime();
          open.setSize(4096);
          long millis = millisSince(begin);

          System.out.println(fs + ": a SETATTR under a held block layout took " + millis + " ms");
          assertThat(millis).as("the client gave it back").isLessThan(RECALL_MILLIS);
          byte[] expected = new byte[4096];
          Arrays.fill(expected, (byte) 'h');
          assertThat(Files.readAllBytes(fs.local("cut-by-nfs"))).isEqualTo(expected);
        } finally {
          client.letGo();
        }
      }
    }
    assertThat(remoteSum(fs, "cut-by-nfs")).isEqualTo(localSum(fs, "cut-by-nfs"));
  }

  @Test
  void aReflinkKeepsWhatWasWrittenBefore() throws Exception {
    OnDevice fs = OnDevice.XFS;
    Files.write(fs.local("origin"), random(MIB, 4));
    hold(fs, "origin");
    try {
      PmemFileSystem.run(
          "cp", "--reflink=always", fs.local("origin").toString(), fs.local("clone").toString());
    } finally {
      client.letGo();
    }
    String sum = localSum(fs, "clone");
    assertThat(localSum(fs, "origin")).isEqualTo(sum);

    client.run("printf other | dd of=%s conv=notrunc,fsync".formatted(fs.remote("origin")));

    assertThat(localSum(fs, "clone")).isEqualTo(sum);
    assertThat(localSum(fs, "origin")).isNotEqualTo(sum);
    assertThat(remoteSum(fs, "origin")).isEqualTo(localSum(fs, "origin"));
  }

  /** Nobody can keep it from the device, so nobody gets the file before its lease is over. */
  @Test
  @Order(Integer.MAX_VALUE - 1)
  void aClientThatIsCutOffIsWaitedFor() throws Exception {
    OnDevice fs = OnDevice.EXT4;
    Files.write(fs.local("cut"), random(MIB, 5));
    hold(fs, "cut");
    Files.writeString(CONFIG_FILE, CONFIG.formatted(CUT_OFF_RECALL_MILLIS));
    assertThat(server.reload(false).toCompletableFuture().get(60, TimeUnit.SECONDS))
        .isInstanceOf(ReloadOutcome.Applied.class);
    long millis;
    PmemFileSystem.run("ip", "link", "set", "eth2", "down");
    try {
      long begin = NanoClock.system().nanoTime();
      try (FileChannel open = FileChannel.open(fs.local("cut"), StandardOpenOption.WRITE)) {
        millis = millisSince(begin);
        assertThat(open.size()).isEqualTo(MIB);
      }
    } finally {
      PmemFileSystem.run("ip", "link", "set", "eth2", "up");
    }

    System.out.println("a client that is cut off was waited for " + millis + " ms");
    assertThat(millis).isBetween(EXPIRY_MILLIS, CUT_OFF_RECALL_MILLIS + EXPIRY_MILLIS + 30_000);
    client.letGo();
    assertThat(remoteSum(fs, "cut")).isEqualTo(localSum(fs, "cut"));
  }

  /** Started as by a service manager that keeps nothing, so it has no keeper of its own. */
  private static SelkieServer next() throws Exception {
    ConfigSource source = new ConfigSource(Optional.of(CONFIG_FILE), CommandLineSettings.NONE);
    var surroundings =
        new Surroundings(Map.of("NOTIFY_SOCKET", "@nobody"), ProcessHandle.current().pid());
    return SelkieServer.start(source.load(), source, new LinuxKernel(), Optional.of(surroundings));
  }

  /**
   * The lease outlives the server by what its clients may still do (S5), also while the next server
   * runs already, which gives the file to its client again.
   */
  @Test
  @Order(Integer.MAX_VALUE)
  void aKilledServersFileStandsStillUntilItsClientMustHaveStopped() throws Exception {
    OnDevice fs = OnDevice.XFS;
    Files.write(fs.local("killed"), random(MIB, 8));
    client.run("umount /mnt/xfs /mnt/ext4");
    server.close();
    try (ServedApart first = new ServedApart(CONFIG_FILE)) {
      client.mount("192.168.77.1:/" + fs.title, fs.mount(), "");
      client.hold(fs.remote("killed"));

      long killedNanos = NanoClock.system().nanoTime();
      first.kill();
      // It is not the kernel that waits for a server which is no more, but a lease that is kept.
      CompletableFuture<Long> opened = new CompletableFuture<>();
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            try (var _ = FileChannel.open(fs.local("killed"), StandardOpenOption.WRITE)) {
              opened.complete(millisSince(killedNanos));
            } catch (IOException e) {
              opened.completeExceptionally(e);
            }
          });
      try (SelkieServer _ = next()) {
        long millis = opened.get(200, TimeUnit.SECONDS);
        System.out.println("a killed server's file was held still for " + millis + " ms");
        assertThat(millis).isGreaterThanOrEqualTo(EXPIRY_MILLIS);
        client.letGo();
        assertThat(remoteSum(fs, "killed")).isEqualTo(localSum(fs, "killed"));
        byte[] begin = Arrays.copyOf(Files.readAllBytes(fs.local("killed")), 8192);
        byte[] expected = new byte[8192];
        Arrays.fill(expected, (byte) 'h');
        assertThat(begin).isEqualTo(expected);
        client.run("umount " + fs.mount());
      }
    }
  }
}
