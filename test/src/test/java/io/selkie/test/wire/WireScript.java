package io.selkie.test.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.NfsStatusException;
import io.selkie.client.SelkieClient;
import io.selkie.config.time.NanoClock;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;

/** What happens on the wire while it is watched: everything that the program knows to say. */
final class WireScript {

  /** Sizes of direct I/O: around the page, the segment and the chunk, and odd ones. */
  static final int[] ODD_SIZES = {
    1, 2, 3, 7, 511, 1447, 1449, 4095, 4096, 4097, 16383, 65535, 65537, 131071, 1048575, 1048576
  };

  static final int FILE_BYTES = 2 << 20;

  private final ServerProcess server;
  private final InetSocketAddress nfs;
  private final InetSocketAddress rdma;

  /**
   * For a server whose ports are reached by other addresses than its own.
   *
   * @param nfs where clients connect
   * @param rdma where queue pairs connect
   */
  WireScript(ServerProcess server, InetSocketAddress nfs, InetSocketAddress rdma) {
    this.server = server;
    this.nfs = nfs;
    this.rdma = rdma;
  }

  void run() throws Exception {
    namesAndAttributes();
    direct();
    throughNfs();
    recall();
    terminate();
  }

  private SelkieClient connect(DirectMode mode) throws IOException {
    return SelkieClient.connect(
        nfs.getHostString(), nfs.getPort(), ClientOptions.defaults().withDirectMode(mode));
  }

  private String path(String name) {
    return "/" + server.exportName() + "/" + name;
  }

  private void namesAndAttributes() throws IOException {
    try (SelkieClient client = connect(DirectMode.NEVER)) {
      client.makeDirectory(path("folder"));
      client
          .open(
              path("folder/a name with blanks, ümlauts and 日本語"),
              StandardOpenOption.WRITE,
              StandardOpenOption.CREATE_NEW)
          .close();
      for (int i = 0; i < 40; i++) {
        client
            .open(
                path("folder/" + "x".repeat(i + 1)),
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE)
            .close();
      }
      assertThat(client.list(path("folder"))).hasSize(41);
      assertThat(client.list("/")).hasSize(1);
      client.rename(path("folder/x"), path("folder/y"));
      client.remove(path("folder/y"));
      assertThat(client.exists(path("folder/y"))).isFalse();
      try {
        client.remove(path("folder"));
        throw new AssertionError("a directory that is not empty was removed");
      } catch (NfsStatusException e) {
        assertThat(e.status()).isEqualTo(66);
      }
    }
  }

  private void direct() throws IOException {
    try (SelkieClient client = connect(DirectMode.REQUIRE);
        DirectFile file =
            client.open(path("direct"), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
        Arena arena = Arena.ofConfined()) {
      file.setSize(FILE_BYTES);
      for (int size : ODD_SIZES) {
        MemorySegment memory = arena.allocate(size).fill((byte) size);
        file.write(memory, size % 4099);
        MemorySegment back = arena.allocate(size);
        assertThat(file.read(back, size % 4099)).isEqualTo(size);
        assertThat(back.toArray(ValueLayout.JAVA_BYTE))
            .isEqualTo(memory.toArray(ValueLayout.JAVA_BYTE));
      }
      file.sync();
      assertThat(client.counters().nfsBytes()).isZero();
    }
  }

  private void throughNfs() throws IOException {
    try (SelkieClient client = connect(DirectMode.NEVER);
        DirectFile file =
            client.open(path("nfs"), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
        Arena arena = Arena.ofConfined()) {
      for (int size : new int[] {1, 3, 4097, 100_001}) {
        MemorySegment memory = arena.allocate(size).fill((byte) size);
        file.write(memory, size);
        assertThat(file.read(arena.allocate(size), size)).isEqualTo(size);
      }
      file.sync();
      file.setSize(5);
    }
  }

  private void recall() throws Exception {
    try (SelkieClient client = connect(DirectMode.REQUIRE);
        DirectFile file = client.open(path("direct"), StandardOpenOption.WRITE);
        Arena arena = Arena.ofConfined()) {
      file.write(arena.allocate(10_000), 0);
      OtherProcess.Outcome truncated =
          OtherProcess.truncate(
                  NanoClock.system(), server.export().resolve("direct"), FILE_BYTES / 2)
              .outcome()
              .get(60, TimeUnit.SECONDS);
      assertThat(truncated.succeeded()).as(truncated.output()).isTrue();
      assertThat(client.counters().get(Counter.RECALLS)).isEqualTo(1);
      file.read(arena.allocate(10_000), 0);
    }
  }

  /** By hand, because the client library does not make such mistakes. */
  private void terminate() throws IOException {
    try (RawNfs raw = RawNfs.connect(nfs, "terminated")) {
      RawNfs.OpenFile opened = raw.open(server.exportName(), "direct");
      RawNfs.Layout layout = raw.layoutGet(opened, opened.stateid(), Op.IOMODE_READ, 0, 4096);
      assertThat(layout.status()).isZero();
      RawNfs.Extent extent = layout.extents().getFirst();
      try (RawIwarp queuePair = RawIwarp.connect(rdma, raw.sessionId())) {
        queuePair.sendBytes(RawIwarp.readRequest(1, 9, 0, 64, extent.key() + 1, 0));
        assertThat(queuePair.terminateOrClosed()).contains(0x0100);
      }
      try (RawIwarp queuePair = RawIwarp.connect(rdma, raw.sessionId())) {
        queuePair.sendBytes(RawIwarp.fpdu(RawIwarp.tagged(0, 0x1234, 0, new byte[32])));
        assertThat(queuePair.terminateOrClosed()).contains(0x1100);
      }
    }
  }
}
