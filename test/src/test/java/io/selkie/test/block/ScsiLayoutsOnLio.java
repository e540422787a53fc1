package io.selkie.test.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.time.NanoClock;
import io.selkie.lease.DiskKeys;
import io.selkie.lease.PmemFileSystem;
import io.selkie.server.SelkieServer;
import io.selkie.test.support.Digests;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
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
 * Goal: what a client writes and reads by a SCSI layout is what the server's file system has, byte
 * by byte, past its page cache, and none of it passes through the server; whoever needs the file
 * gets it back, and the disk refuses who does not answer.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(600)
class ScsiLayoutsOnLio {

  private static final String CONFIG =
      """
      exports:
        - {path: /tmp/xfs, name: xfs, blockLayouts: scsi, clients: [{hosts: "*", squash: none}]}
        - {path: /tmp/ext4, name: ext4, blockLayouts: scsi, clients: [{hosts: "*", squash: none}]}
      listen: 0.0.0.0:2049
      rdma: {listen: "127.0.0.1:0"}
      http: {enabled: false}
      delegations: {enabled: false}
      sessions: {leaseSeconds: 30, graceSeconds: 30}
      layout: {recallTimeoutMillis: 20000, fenceBudgetMillis: 10000, blockIoMillis: 3000}
      stateDirectory: /tmp/state
      """;

  private static final long RECALL_MILLIS = 20_000;

  /**
   * Who cannot be fenced would be waited for until then: for 33 s after the recall's end, and the
   * kernel takes a lease after 45 s.
   */
  private static final long UNFENCED_MILLIS = 44_500;

  private static final int MIB = 1 << 20;

  /** The file systems, each on a disk of its own. */
  enum OnDisk implements Served {
    XFS("xfs", 0, "mkfs.xfs -q -f -m reflink=1"),
    EXT4("ext4", 1, "mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0");

    private final String title;
    final Path server;
    final Path client;
    final String make;

    OnDisk(String title, int number, String make) {
      this.title = title;
      this.server = Path.of("/dev/disk/server-" + number);
      this.client = Path.of("/dev/disk/client-" + number);
      this.make = make;
    }

    @Override
    public String title() {
      return title;
    }
  }

  private static SelkieServer server;

  @BeforeAll
  static void start() throws Exception {
    for (OnDisk fs : OnDisk.values()) {
      run(fs.make + " " + fs.server);
      Files.createDirectories(fs.root());
      run("mount " + fs.server + " " + fs.root());
    }
    server = SelkieServer.start(ConfigLoader.parse("guest", CONFIG, CommandLineSettings.NONE));
    for (OnDisk fs : OnDisk.values()) {
      run(
          "mkdir -p %s && mount -t nfs -o vers=4.2,proto=tcp 127.0.0.1:/%s %s"
              .formatted(fs.mount(), fs.title(), fs.mount()));
    }
  }

  @AfterAll
  static void stop() throws Exception {
    System.out.println(
        run(
            "grep -E 'pnfs|LAYOUT|DEVICE| READ:| WRITE:' /proc/self/mountstats;"
                + " timeout 20 umount -a -t nfs4 || umount -l -a -t nfs4; dmesg | tail -n 30"));
    server.close();
    for (OnDisk fs : OnDisk.values()) {
      run("umount " + fs.root());
    }
  }

  private static String run(String command) throws Exception {
    return PmemFileSystem.run("sh", "-c", command);
  }

  private static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }

  private static MountStatistics statistics(OnDisk fs) throws IOException {
    return MountStatistics.of(Files.readString(Path.of("/proc/self/mountstats")), fs.mount());
  }

  private static void assertNothingThroughTheServer(OnDisk fs, MountStatistics before)
      throws IOException {
    MountStatistics after = statistics(fs);
    assertThat(after.driver()).isEqualTo("LAYOUT_SCSI");
    assertThat(after.since(before, "READ")).as("READ").isZero();
    assertThat(after.since(before, "READ_PLUS")).as("READ_PLUS").isZero();
    assertThat(after.since(before, "WRITE")).as("WRITE").isZero();
    assertThat(after.since(before, "LAYOUTGET")).as("LAYOUTGET").isPositive();
  }

  /** With an empty page cache, so that the client reads the disk. */
  private static String remoteSum(OnDisk fs, String name) throws Exception {
    return run("echo 3 > /proc/sys/vm/drop_caches; sha256sum < " + fs.remote(name))
        .substring(0, 64);
  }

  /** Past the page cache of the server. */
  private static String storedSum(OnDisk fs, String name) throws Exception {
    return run("dd if=%s iflag=direct bs=1M status=none | sha256sum".formatted(fs.local(name)))
        .substring(0, 64);
  }

  /** As any process of the server's machine sees it. */
  private static String localSum(OnDisk fs, String name) throws Exception {
    return run("sha256sum < " + fs.local(name)).substring(0, 64);
  }

  @ParameterizedTest(name = "aNewFileIsWrittenAndReadWithoutTheServer: {0}")
  @EnumSource
  @Order(1)
  void aNewFileIsWrittenAndReadWithoutTheServer(OnDisk fs) throws Exception {
    run("head -c 3000001 /dev/urandom > /tmp/new");
    MountStatistics before = statistics(fs);

    run("dd if=/tmp/new of=%s bs=64k conv=fsync status=none".formatted(fs.remote("new")));

    assertNothingThroughTheServer(fs, before);
    assertThat(statistics(fs).since(before, "LAYOUTCOMMIT")).as("LAYOUTCOMMIT").isPositive();
    String sum = run("sha256sum < /tmp/new").substring(0, 64);
    assertThat(remoteSum(fs, "new")).as("by the client").isEqualTo(sum);
    assertNothingThroughTheServer(fs, before);
    assertThat(storedSum(fs, "new")).as("on the disk").isEqualTo(sum);
    assertThat(localSum(fs, "new")).as("in the page cache").isEqualTo(sum);
    assertThat(Files.size(fs.local("new"))).isEqualTo(3_000_001);
  }

  @ParameterizedTest(name = "whatTheServerHasInItsPageCacheIsNotServedStale: {0}")
  @EnumSource
  @Order(2)
  void whatTheServerHasInItsPageCacheIsNotServedStale(OnDisk fs) throws Exception {
    byte[] data = random(MIB, 2);
    Files.write(fs.local("over"), data);
    MountStatistics before = statistics(fs);

    run(
        "tr '\\0' 'x' < /dev/zero | dd of=%s bs=4k seek=7 count=40 iflag=fullblock"
                .formatted(fs.remote("over"))
            + " oflag=direct conv=notrunc status=none");

    Arrays.fill(data, 7 * 4096, 47 * 4096, (byte) 'x');
    assertNothingThroughTheServer(fs, before);
    assertThat(localSum(fs, "over")).isEqualTo(Digests.sha256(data));
  }

  /** While the client keeps the layout, it asks the server for a piece that is no whole sector. */
  @ParameterizedTest(name = "aReadThroughTheServerSeesWhatWasWrittenPastIt: {0}")
  @EnumSource
  @Order(3)
  void aReadThroughTheServerSeesWhatWasWrittenPastIt(OnDisk fs) throws Exception {
    Files.write(fs.local("both"), random(MIB, 3));
    try (HeldFile _ = hold(fs, "both")) {
      MountStatistics before = statistics(fs);
      String read =
          run(
              "dd if=%s iflag=direct bs=100 count=1 skip=3 status=none"
                  .formatted(fs.remote("both")));
      assertThat(read).isEqualTo("h".repeat(100));
      MountStatistics after = statistics(fs);
      assertThat(after.since(before, "READ") + after.since(before, "READ_PLUS"))
          .as("it went through the server")
          .isPositive();
    }
  }

  private static HeldFile hold(OnDisk fs, String name) throws Exception {
    HeldFile held = HeldFile.of(fs, name);
    assertThat(server.arbiter().layoutCount()).as("a layout is held").isPositive();
    return held;
  }

  @ParameterizedTest(name = "aLocalTruncationGetsTheFileBack: {0}")
  @EnumSource
  @Order(4)
  void aLocalTruncationGetsTheFileBack(OnDisk fs) throws Exception {
    Files.write(fs.local("held"), random(MIB, 4));
    try (HeldFile _ = hold(fs, "held")) {
      long begin = NanoClock.system().nanoTime();
      run("dd if=/dev/null of=%s bs=4096 seek=1 status=none".formatted(fs.local("held")));
      long millis = TimeUnit.NANOSECONDS.toMillis(NanoClock.system().nanoTime() - begin);

      System.out.println(fs + ": a truncation under a held SCSI layout took " + millis + " ms");
      byte[] expected = new byte[4096];
      Arrays.fill(expected, (byte) 'h');
      assertThat(localSum(fs, "held")).isEqualTo(Digests.sha256(expected));
      assertThat(millis).as("it was asked, not fenced").isLessThan(RECALL_MILLIS);
    }
    assertThat(remoteSum(fs, "held")).isEqualTo(storedSum(fs, "held"));
  }

  private static String readsOnItsOwnWay(OnDisk fs) throws Exception {
    return run(
        "dd if=%s of=/dev/null bs=4096 count=1 iflag=direct 2>&1 || echo refused"
            .formatted(fs.client));
  }

  private static String writesOnItsOwnWay(OnDisk fs) throws Exception {
    // The first block with what is in it, as the server sees it.
    return run(
        "dd if=%s bs=4096 count=1 iflag=direct status=none | ".formatted(fs.server)
            + "dd of=%s bs=4096 count=1 iflag=fullblock oflag=direct conv=notrunc 2>&1"
                .formatted(fs.client)
            + " || echo refused");
  }

  /** Takes the file from a client that is not there, and answers how long that took. */
  private static long cutOff(OnDisk fs) throws Exception {
    run("ip link set lo down");
    try {
      long begin = NanoClock.system().nanoTime();
      long millis;
      try (FileChannel open = FileChannel.open(fs.local("cut"), StandardOpenOption.WRITE)) {
        millis = TimeUnit.NANOSECONDS.toMillis(NanoClock.system().nanoTime() - begin);
        assertThat(open.size()).isEqualTo(MIB);
      }
      assertThat(DiskKeys.of(fs.server)).as("the server's alone").hasSize(1);
      assertThat(readsOnItsOwnWay(fs)).contains("refused");
      assertThat(writesOnItsOwnWay(fs)).contains("refused");
      return millis;
    } finally {
      run("ip link set lo up");
    }
  }

  @Test
  @Order(5)
  void theDiskRefusesAClientThatIsCutOffAtOnce() throws Exception {
    OnDisk fs = OnDisk.EXT4;
    Files.write(fs.local("cut"), random(MIB, 5));
    long millis;
    try (HeldFile _ = hold(fs, "cut")) {
      assertThat(DiskKeys.of(fs.server)).as("the server's and the client's").hasSize(2);
      assertThat(readsOnItsOwnWay(fs)).doesNotContain("refused");
      millis = cutOff(fs);
    }
    System.out.println("a client that is cut off was fenced after " + millis + " ms");
    assertThat(millis).isBetween(RECALL_MILLIS - 100, UNFENCED_MILLIS);
    assertThat(run("sha256sum < " + fs.remote("cut")).substring(0, 64))
        .as("through the server, as it has no key now")
        .isEqualTo(storedSum(fs, "cut"));
  }

  @Test
  @Order(6)
  void theNextStartShutsFormerClientsOutAndServesThemAgain() throws Exception {
    OnDisk fs = OnDisk.XFS;
    Set<Long> before;
    try (HeldFile _ = hold(fs, "again")) {
      before = DiskKeys.of(fs.server);
      assertThat(before).hasSize(2);
    }
    server.close();
    assertThat(DiskKeys.of(fs.server)).as("of a server that ended").hasSize(1);
    assertThat(readsOnItsOwnWay(fs)).contains("refused");
    server = SelkieServer.start(ConfigLoader.parse("guest", CONFIG, CommandLineSettings.NONE));
    assertThat(DiskKeys.of(fs.server)).hasSize(1).doesNotContainAnyElementsOf(before);

    run("head -c 3000001 /dev/urandom > /tmp/later");
    run("dd if=/tmp/later of=%s bs=64k conv=fsync status=none".formatted(fs.remote("after")));

    assertThat(storedSum(fs, "after")).isEqualTo(run("sha256sum < /tmp/later").substring(0, 64));
  }
}
