package io.selkie.test.dax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.lease.PmemFileSystem;
import io.selkie.server.SelkieServer;
import io.selkie.server.media.BadBlocksCommand;
import io.selkie.test.support.LongRecall;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/**
 * Goal: a device is served and keeps what is written to it; bad blocks of persistent memory are
 * errors of the files they are under and of nothing else, and the server outlives them.
 */
@Timeout(400)
class MediaOnPmem {
  private static final int BYTES = 4 << 20;
  private static final int BAD = (3 << 20) + 8192;

  private static SelkieServer serve(Path state, String exports) throws Exception {
    return serve(state, LongRecall.config(), exports);
  }

  /** Starts a server; {@code layout} is that section of its configuration. */
  static SelkieServer serve(Path state, String layout, String exports) throws Exception {
    String yaml =
        """
        %s
        exports: [%s]
        listen: 127.0.0.1:0
        rdma: {listen: 127.0.0.1:0}
        stateDirectory: %s
        log: {level: warn}
        """
            .formatted(layout, exports, state);
    return SelkieServer.start(ConfigLoader.parse("guest", yaml, CommandLineSettings.NONE));
  }

  private static SelkieClient client(SelkieServer server) throws Exception {
    return SelkieClient.connect(
        "127.0.0.1", server.nfsAddress().getPort(), ClientOptions.defaults());
  }

  static byte[] pattern(int length, int seed) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * 31 + (i >> 9) + seed);
    }
    return bytes;
  }

  private static byte[] read(DirectFile file, long position, int length) throws IOException {
    byte[] got = new byte[length];
    long bytes = file.read(MemorySegment.ofArray(got), position);
    return Arrays.copyOf(got, (int) Math.max(0, bytes));
  }

  // ---------------------------------------------------------------- device DAX

  @Test
  void aDeviceIsOneFileThatKeepsWhatIsWritten() throws Exception {
    Path state = Files.createTempDirectory("state-");
    String export = "{device: /dev/dax3.0, file: data, name: dev}";
    byte[] direct = pattern(100_001, 1);
    byte[] plain = pattern(50_003, 2);
    long at = (2 << 20) - 777;
    try (SelkieServer server = serve(state, export);
        SelkieClient client = client(server);
        DirectFile one =
            client.open(
                "/dev/data",
                DirectMode.REQUIRE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        DirectFile other =
            client.open(
                "/dev/data", DirectMode.NEVER, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      one.write(MemorySegment.ofArray(direct), at);
      one.sync();
      assertThat(read(other, at, direct.length)).isEqualTo(direct);
      other.write(MemorySegment.ofArray(plain), 12_345);
      other.sync();
      assertThat(read(one, 12_345, plain.length)).isEqualTo(plain);
      assertThat(client.counters().get(Counter.DIRECT_WRITES)).isPositive();
      assertThat(client.counters().get(Counter.DIRECT_READS)).isPositive();
      assertThatThrownBy(() -> other.setSize(4096)).isInstanceOf(IOException.class);
      // Two servers of one device would not know of each other's clients.
      assertThatThrownBy(() -> serve(Files.createTempDirectory("state-"), export).close())
          .hasMessageContaining("end the process that uses it");
    }
    try (SelkieServer server = serve(state, export);
        SelkieClient client = client(server);
        DirectFile file = client.open("/dev/data", DirectMode.PREFER, StandardOpenOption.READ)) {
      assertThat(read(file, at, direct.length)).isEqualTo(direct);
      assertThat(read(file, 12_345, plain.length)).isEqualTo(plain);
    }
  }

  // ---------------------------------------------------------------- bad blocks

  @ParameterizedTest(name = "badBlocksAreErrorsOfTheirFileOnly on {0}")
  @ValueSource(strings = {"mkfs.xfs -q -f -m reflink=1", "mkfs.ext4 -q -F -b 4096"})
  void badBlocksAreErrorsOfTheirFileOnly(String mkfs) throws Exception {
    try (SpoiledDisk disk = SpoiledDisk.make(mkfs)) {
      hitBadBlocks(disk);
    }
  }

  private static void hitBadBlocks(SpoiledDisk disk) throws Exception {
    Path root = disk.root();
    byte[] content = pattern(BYTES, 3);
    Path file = Files.write(root.resolve("file"), content);
    Files.write(root.resolve("sound"), content);
    PmemFileSystem.run("sync");
    Path state = Files.createTempDirectory("state-");
    try (SelkieServer server = serve(state, "{path: " + root + ", name: media}");
        SelkieClient client = client(server);
        DirectFile held = client.open("/media/file", DirectMode.PREFER, StandardOpenOption.READ)) {
      assertThat(read(held, 100, 5000)).isEqualTo(Arrays.copyOfRange(content, 100, 5100));
      assertThat(client.counters().get(Counter.DIRECT_READS)).isPositive();

      disk.spoil(file, BAD);

      // Nobody was told. The server's copy out of the mapping meets a SIGBUS, and the client's way
      // through the server the same blocks.
      assertThatThrownBy(() -> read(held, BAD, 100)).isInstanceOf(IOException.class);
      assertThat(read(held, 100, 5000)).isEqualTo(Arrays.copyOfRange(content, 100, 5100));
      try (DirectFile sound =
          client.open("/media/sound", DirectMode.REQUIRE, StandardOpenOption.READ)) {
        assertThat(read(sound, BAD, 5000)).isEqualTo(Arrays.copyOfRange(content, BAD, BAD + 5000));
      }
      try (SelkieClient second = client(server);
          DirectFile required =
              second.open("/media/file", DirectMode.REQUIRE, StandardOpenOption.READ)) {
        assertThatThrownBy(() -> read(required, BAD, 100)).isInstanceOf(IOException.class);
        assertThat(second.counters().get(Counter.DIRECT_READS)).isZero();
      }
      assertThat(badBlocks(root)).contains(file + ": bytes " + BAD + "+" + SpoiledDisk.PAGE_BYTES);
      assertThat(badBlocks(root)).doesNotContain("sound: bytes");
    }
  }

  private static String badBlocks(Path root) {
    var said = new StringWriter();
    int status =
        new CommandLine(new BadBlocksCommand.Factory().create())
            .setOut(new PrintWriter(said))
            .execute(root.toString());
    assertThat(status).as(said.toString()).isEqualTo(1);
    return said.toString();
  }
}
