package io.selkie.test.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.ProviderChoice;
import io.selkie.client.SelkieClient;
import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.verbs.VerbsConfig;
import io.selkie.rdma.verbs.VerbsProvider;
import io.selkie.server.SelkieServer;
import io.selkie.test.support.LongRecall;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what a client wrote to a device export over an RDMA device that has RDMA FLUSH is made
 * durable by that, without a word to the server; where it is not to be had, or would not make
 * anything durable, LAYOUTCOMMIT does it.
 *
 * <p>Method: server and client on soft RoCE of a later kernel, with an NVDIMM as a device, and an
 * ext4 on a disk. Not a test by its name: {@code VerbsDevicesTest} runs it in the guest that has
 * all that.
 */
@Timeout(600)
class FlushOnDevice {

  private static final String DEVICE = System.getProperty("selkie.verbs.device");
  private static final String FILE = "/dev/data";

  private SelkieServer server;

  @AfterEach
  void end() {
    if (server != null) {
      server.close();
    }
  }

  private void serve(String provider, String export) throws Exception {
    String yaml =
        """
        %s
        exports: [%s]
        listen: 127.0.0.1:0
        rdma: {listen: "%s:0", provider: %s}
        stateDirectory: %s
        log: {level: warn}
        """
            .formatted(
                LongRecall.config(),
                export,
                ServedOnDevice.ADDRESS,
                provider,
                Files.createTempDirectory("state-"));
    server = SelkieServer.start(ConfigLoader.parse("guest", yaml, CommandLineSettings.NONE));
  }

  private SelkieClient client(ClientOptions options) throws Exception {
    return SelkieClient.connect("127.0.0.1", server.nfsAddress().getPort(), options);
  }

  private static DirectFile open(SelkieClient client, String path, DirectMode mode)
      throws IOException {
    return client.open(path, mode, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static byte[] pattern(int length, int seed) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private static byte[] read(DirectFile file, long position, int length) throws IOException {
    byte[] got = new byte[length];
    long bytes = file.read(MemorySegment.ofArray(got), position);
    return Arrays.copyOf(got, (int) Math.max(0, bytes));
  }

  private static long count(SelkieClient client, Counter counter) {
    return client.counters().get(counter);
  }

  @Test
  void syncOfADeviceIsAFlushAndTheServerHearsOfItAtTheClose() throws Exception {
    serve("verbs", "{device: " + DEVICE + ", file: data, name: dev}");
    byte[] data = pattern(100_001, 1);
    byte[] more = pattern(5_000, 2);
    long at = (2 << 20) - 777;
    try (SelkieClient client = client(ClientOptions.defaults());
        SelkieClient other = client(ClientOptions.defaults());
        DirectFile plain = open(other, FILE, DirectMode.NEVER)) {
      try (DirectFile file = open(client, FILE, DirectMode.REQUIRE)) {
        file.write(MemorySegment.ofArray(data), at);
        file.sync();
        assertThat(count(client, Counter.FLUSHED_SYNCS)).isEqualTo(1);
        file.write(MemorySegment.ofArray(more), at + 10);
        file.sync();
        assertThat(count(client, Counter.FLUSHED_SYNCS)).isEqualTo(2);
        file.sync();
        assertThat(count(client, Counter.FLUSHED_SYNCS)).as("nothing was dirty").isEqualTo(2);
        assertThat(count(client, Counter.LAYOUT_COMMITS)).isZero();
        System.arraycopy(more, 0, data, 10, more.length);
        assertThat(read(plain, at, data.length)).isEqualTo(data);
        assertThat(read(file, at, data.length)).isEqualTo(data);
      }
      assertThat(count(client, Counter.LAYOUT_COMMITS)).as("of the times").isEqualTo(1);
      assertThat(count(client, Counter.FLUSHES_REFUSED)).isZero();
      assertThat(count(client, Counter.NFS_WRITES)).isZero();
      assertThat(count(client, Counter.NFS_READS)).isZero();
    }
    String devices =
        ServedOnDevice.run("ctl", "devices", "--socket", server.adminSocket().get()).out();
    assertThat(devices).contains("device DAX: read plain; write plain, with RDMA FLUSH");
  }

  @Test
  void timesAreSetAtTheCloseWhenTheLayoutWasFencedAfterTheFlush() throws Exception {
    serve("verbs", "{device: " + DEVICE + ", file: data, name: dev}");
    try (SelkieClient client = client(ClientOptions.defaults());
        SelkieClient other = client(ClientOptions.defaults())) {
      Instant before = other.status(FILE).modified();
      try (DirectFile file = open(client, FILE, DirectMode.REQUIRE)) {
        file.write(MemorySegment.ofArray(pattern(5_000, 6)), 77);
        file.sync();
        assertThat(count(client, Counter.FLUSHED_SYNCS)).isEqualTo(1);
        assertThat(other.status(FILE).modified()).as("nobody told the server").isEqualTo(before);
        String socket = server.adminSocket().get().toString();
        assertThat(
                ServedOnDevice.run("ctl", "fence", "--all", "--yes", "--socket", socket).status())
            .isZero();
      }
      assertThat(count(client, Counter.LAYOUT_COMMITS)).isZero();
      assertThat(other.status(FILE).modified()).isAfter(before);
    }
  }

  @Test
  void whatTheDeviceRefusesToFlushIsCommittedAndItIsNotAskedAgain() throws Exception {
    serve("verbs", "{device: " + DEVICE + ", file: data, name: dev}");
    byte[] data = pattern(9_000, 3);
    try (VerbsProvider real =
            VerbsProvider.open(
                VerbsConfig.DEFAULTS.withAddress(InetAddress.getByName(ServedOnDevice.ADDRESS)));
        SelkieClient client =
            client(ClientOptions.defaults().withProvider(withWrongKeysForFlush(real)));
        DirectFile file = open(client, FILE, DirectMode.REQUIRE)) {
      file.write(MemorySegment.ofArray(data), 123);
      file.sync();
      assertThat(count(client, Counter.FLUSHES_REFUSED)).isEqualTo(1);
      assertThat(count(client, Counter.FLUSHED_SYNCS)).isZero();
      assertThat(count(client, Counter.LAYOUT_COMMITS)).isEqualTo(1);

      file.write(MemorySegment.ofArray(data), 456);
      file.sync();
      assertThat(count(client, Counter.FLUSHES_REFUSED)).isEqualTo(1);
      assertThat(count(client, Counter.LAYOUT_COMMITS)).isEqualTo(2);
      assertThat(read(file, 456, data.length)).isEqualTo(data);
    }
  }

  @Test
  void filesInThePageCacheAreCommitted() throws Exception {
    Path export =
        Files.createTempDirectory(Path.of(System.getProperty("selkie.verbs.disk")), "export-");
    Files.write(export.resolve("file"), pattern(1 << 20, 4));
    serve("auto", "{path: " + export + ", name: data}");
    byte[] data = pattern(70_000, 5);
    try (SelkieClient client =
            client(ClientOptions.defaults().withProviderChoice(ProviderChoice.AUTO));
        DirectFile file = open(client, "/data/file", DirectMode.REQUIRE)) {
      file.write(MemorySegment.ofArray(data), 4000);
      file.sync();
      assertThat(count(client, Counter.DIRECT_WRITES)).isEqualTo(1);
      assertThat(count(client, Counter.FLUSHED_SYNCS)).isZero();
      assertThat(count(client, Counter.LAYOUT_COMMITS)).isEqualTo(1);
      assertThat(read(file, 4000, data.length)).isEqualTo(data);
    }
    assertThat(ServedOnDevice.run("ctl", "devices", "--socket", server.adminSocket().get()).out())
        .doesNotContain("page cache: read plain, with RDMA FLUSH")
        .doesNotContain("write plain");
  }

  /** A provider whose queue pairs name no memory when they flush. */
  private static RdmaProvider withWrongKeysForFlush(RdmaProvider real) {
    return changed(
        RdmaProvider.class,
        real,
        (name, _, made) ->
            name.equals("connect")
                ? changed(QueuePair.class, (QueuePair) made, (_, _, posted) -> posted)
                : made);
  }

  private interface Change {
    Object of(String method, Object[] arguments, Object made);
  }

  private static <T> T changed(Class<T> type, T real, Change change) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> {
              if (method.getName().equals("postFlush")) {
                arguments[0] = (int) arguments[0] ^ 0x4000_0000;
              }
              try {
                return change.of(method.getName(), arguments, method.invoke(real, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }
}
