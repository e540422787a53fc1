package io.selkie.test.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.time.NanoClock;
import io.selkie.lease.PmemFileSystem;
import io.selkie.server.SelkieServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: through block layouts of Selkie a client is as fast as through those of the kernel's own
 * server, on the same file system, in the same guests, in turn.
 *
 * <p>Not a test of the suite: {@code test/vm/block/bench} runs it and has the kernel's server at
 * hand. It says what it measured and judges nothing but that the client wrote past both servers.
 */
@Timeout(800)
class BlockSpeedOnPmem {

  private static final int ROUNDS = 3;
  private static final int RECALLS = 5;
  private static final int FILE_MIB = 48;
  private static final String CONFIG =
      """
      exports:
        - path: /tmp/xfs/selkie
          name: selkie
          blockLayouts: unfenced
          clients: [{hosts: "*", squash: none}]
      listen: 0.0.0.0:2050
      rdma: {listen: "127.0.0.1:0"}
      http: {enabled: false}
      sessions: {leaseSeconds: 15, graceSeconds: 15}
      layout: {recallTimeoutMillis: 12000, fenceBudgetMillis: 20000, blockIoMillis: 1000}
      stateDirectory: /tmp/state
      """;

  /** Both servers, each with a directory of the same file system. */
  private enum Contestant {
    SELKIE("selkie", "192.168.77.1:/selkie", ",port=2050"),
    KERNEL("kernel", "192.168.77.1:/", "");

    final String title;
    final String export;
    final String options;

    Contestant(String title, String export, String options) {
      this.title = title;
      this.export = export;
      this.options = options;
    }

    String mount() {
      return "/mnt/" + title;
    }

    Path local(String name) {
      return Path.of("/tmp/xfs", title, name);
    }
  }

  @Test
  void besideTheKernelsOwnServer() throws Exception {
    sh("mkfs.xfs -q -f -m reflink=1 /dev/pmem0");
    sh("mkdir -p /tmp/xfs && mount -o dax=always /dev/pmem0 /tmp/xfs");
    sh("mkdir /tmp/xfs/selkie /tmp/xfs/kernel");
    try (ClientGuest.Booting booting = ClientGuest.boot();
        SelkieServer server =
            SelkieServer.start(ConfigLoader.parse("guest", CONFIG, CommandLineSettings.NONE))) {
      kernelServer();
      try (ClientGuest client = booting.await()) {
        client.findDevices();
        for (Contestant one : Contestant.values()) {
          client.mount(one.export, one.mount(), one.options);
        }
        for (int round = 0; round < ROUNDS; round++) {
          for (Contestant one : Contestant.values()) {
            writes(client, one);
          }
        }
        for (int round = 0; round < RECALLS; round++) {
          for (Contestant one : Contestant.values()) {
            recall(client, one);
          }
        }
        client.run("umount -a -t nfs4");
      }
      assertThat(server.arbiter().layoutCount()).isZero();
    }
  }

  private static String sh(String command) throws Exception {
    return PmemFileSystem.run("sh", "-c", command);
  }

  private static void kernelServer() throws Exception {
    sh("modprobe nfsd && mount -t nfsd nfsd /proc/fs/nfsd");
    sh("mkdir -p /var/lib/nfs/v4recovery /var/lib/nfs/sm /run/rpc_pipefs");
    sh("touch /var/lib/nfs/etab /var/lib/nfs/rmtab");
    sh("echo 15 > /proc/fs/nfsd/nfsv4leasetime; echo 15 > /proc/fs/nfsd/nfsv4gracetime");
    sh(
        "echo '/tmp/xfs/kernel *(rw,no_root_squash,pnfs,insecure,fsid=0,no_subtree_check)'"
            + " > /etc/exports");
    sh("rpc.mountd -N 2 -N 3; exportfs -ra; rpc.nfsd -N 3 -p 2049 8");
  }

  private static void writes(ClientGuest client, Contestant one) throws Exception {
    String file = one.mount() + "/file";
    String zeroes = "dd if=/dev/zero of=" + file + " bs=1M count=" + FILE_MIB;
    client.run("rm -f " + file);
    long before = serverWrites(client, one);
    say(one, "new_ms", timed(client, zeroes + " conv=fsync"));
    say(one, "over_ms", timed(client, zeroes + " conv=notrunc,fsync"));
    String fio =
        client.run(
            "fio --minimal --name=r --filename=%s --rw=randwrite --bs=4k --size=%dm --io_size=8m"
                    .formatted(file, FILE_MIB)
                + " --direct=1 --ioengine=psync --randseed=7 | tail -n 1 | cut -d ';' -f 49");
    say(one, "random_4k_per_s", Long.parseLong(fio.strip()));
    assertThat(serverWrites(client, one)).as("WRITE of %s", one).isEqualTo(before);
    assertThat(Files.size(one.local("file"))).isEqualTo((long) FILE_MIB << 20);
  }

  private static long serverWrites(ClientGuest client, Contestant one) throws Exception {
    MountStatistics statistics = client.statistics(one.mount());
    assertThat(statistics.driver()).as("%s", one).isEqualTo("LAYOUT_BLOCK_VOLUME");
    return statistics.of("WRITE");
  }

  /** Milliseconds, by the client's clock. */
  private static long timed(ClientGuest client, String command) throws Exception {
    String said =
        client.run("a=$(date +%s%N); " + command + " 2> /dev/null; echo $(($(date +%s%N) - a))");
    return TimeUnit.NANOSECONDS.toMillis(Long.parseLong(said.strip()));
  }

  private static void recall(ClientGuest client, Contestant one) throws Exception {
    Path local = one.local("held");
    say(one, "free_cut_ms", cut(local));
    client.hold(one.mount() + "/held");
    try {
      say(one, "held_cut_ms", cut(local));
    } finally {
      client.letGo();
    }
  }

  /** A truncation by a local process, from its start to its end. */
  private static long cut(Path file) throws Exception {
    long begin = NanoClock.system().nanoTime();
    PmemFileSystem.run("dd", "if=/dev/null", "of=" + file, "bs=4096", "seek=1", "status=none");
    return TimeUnit.NANOSECONDS.toMillis(NanoClock.system().nanoTime() - begin);
  }

  private static void say(Contestant one, String what, long value) {
    System.out.println("bench " + one.title + " " + what + " " + value);
  }
}
