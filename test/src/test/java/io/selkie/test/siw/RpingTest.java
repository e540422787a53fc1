package io.selkie.test.siw;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import io.selkie.rdma.iwarp.IwarpConfig;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: a program that knows nothing of us, rdma-core's {@code rping}, works with our iWARP as its
 * server and as its client.
 *
 * <p>Method: its protocol is spoken here. The client names a source buffer; the server reads it and
 * says so; the client names a sink; the server writes there what it read and says so; the client
 * compares. What is said is 16 octets: address, key and length, big-endian.
 */
@Tag("debian")
@Tag("slow")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(SiwGuestExtension.class)
class RpingTest {

  private static final int PINGS = 12;
  private static final int PORT = SiwGuest.PORT + 1;
  private static final int INFO_BYTES = 16;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private static void defaults(KernelPeer kernel) throws IOException {
    kernel.set("mpa_version", 2);
    kernel.set("peer_to_peer", 0);
    kernel.set("mpa_crc_required", 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 1000, 65_000})
  void rpingIsServed(int bytes, KernelPeer kernel) throws Exception {
    defaults(kernel);
    try (JavaPeer java = new JavaPeer(IwarpConfig.DEFAULTS)) {
      int port = java.listen(new byte[0], false);
      int rping =
          kernel.start(
              "rping -c -a %s -p %d -C %d -S %d -V %s"
                  .formatted(SiwGuest.HOST, port, PINGS, bytes, shows(bytes) ? "-v" : ""));
      JavaPeer.Region data = java.register(1 << 16);
      JavaPeer.Region info = java.register(INFO_BYTES);
      MemorySegment part = data.memory().asSlice(0, bytes);
      JavaPeer.Message first = java.awaitMessage();
      QueuePair pair = java.awaitEstablished();
      for (int ping = 0; ping < PINGS; ping++) {
        ByteBuffer source = (ping == 0 ? first : java.awaitMessage()).octets();
        assertThat(source.remaining()).isEqualTo(INFO_BYTES);
        assertThat(source.getInt(12)).isEqualTo(bytes);
        pair.postRead(data.registration(), part, source.getInt(8), source.getLong(0), 1);
        assertThat(java.completion(1)).isEqualTo(WorkStatus.SUCCESS);
        assertThat(new String(Octets.copy(part), US_ASCII)).startsWith("rdma-ping-" + ping + ": ");
        goAhead(java, pair, info);
        ByteBuffer sink = java.awaitMessage().octets();
        pair.postWrite(data.registration(), part, sink.getInt(8), sink.getLong(0), 3);
        assertThat(java.completion(3)).isEqualTo(WorkStatus.SUCCESS);
        goAhead(java, pair, info);
      }
      KernelPeer.Ended ended = kernel.finish(rping);
      assertThat(ended.status()).as(ended.output()).isZero();
      assertThat(ended.output().lines().filter(line -> line.startsWith("ping data: rdma-ping-")))
          .hasSize(shows(bytes) ? PINGS : 0);
      assertThat(java.awaitEnd().kind()).isEqualTo(DisconnectCause.Kind.REMOTE_CLOSE);
    }
  }

  /** Whether rping shall print what it sees; it compares in any case. */
  private static boolean shows(int bytes) {
    return bytes <= 1001;
  }

  private static void goAhead(JavaPeer java, QueuePair pair, JavaPeer.Region info)
      throws InterruptedException {
    pair.postSend(info.registration(), info.memory(), 2);
    assertThat(java.completion(2)).isEqualTo(WorkStatus.SUCCESS);
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 1001, 65_000})
  void rpingServes(int bytes, KernelPeer kernel) throws Exception {
    defaults(kernel);
    int rping =
        kernel.start(
            "rping -s -a %s -p %d -S %d %s"
                .formatted(SiwGuest.GUEST, PORT, bytes, shows(bytes) ? "-v" : ""));
    awaitListener(kernel);
    try (JavaPeer java = new JavaPeer(IwarpConfig.DEFAULTS)) {
      QueuePair pair = java.connect(kernel.address(), PORT, new byte[0]);
      java.knock(pair);
      JavaPeer.Region source = java.register(bytes, RemoteAccess.READ);
      JavaPeer.Region sink = java.register(bytes, RemoteAccess.WRITE);
      JavaPeer.Region info = java.register(INFO_BYTES);
      for (int ping = 0; ping < PINGS; ping++) {
        source.memory().fill((byte) ('A' + ping));
        source.memory().set(ValueLayout.JAVA_BYTE, bytes - 1, (byte) 0);
        sink.memory().fill((byte) 0);
        advertise(java, pair, info, source, bytes);
        assertThat(java.awaitMessage().octets().remaining()).isEqualTo(INFO_BYTES);
        advertise(java, pair, info, sink, bytes);
        assertThat(java.awaitMessage().octets().remaining()).isEqualTo(INFO_BYTES);
        assertThat(sink.memory().mismatch(source.memory())).isEqualTo(-1);
      }
      pair.close();
      KernelPeer.Ended ended = kernel.finish(rping);
      assertThat(ended.status()).as(ended.output()).isZero();
      assertThat(ended.output().lines().filter(line -> line.startsWith("server ping data: ")))
          .hasSize(shows(bytes) ? PINGS : 0);
    }
  }

  private static void advertise(
      JavaPeer java, QueuePair pair, JavaPeer.Region info, JavaPeer.Region named, int bytes)
      throws InterruptedException {
    info.memory().set(LONG, 0, named.address());
    info.memory().set(INT, 8, named.key());
    info.memory().set(INT, 12, bytes);
    pair.postSend(info.registration(), info.memory(), 4);
    assertThat(java.completion(4)).isEqualTo(WorkStatus.SUCCESS);
  }

  /** The server says nothing when it listens; the kernel's table of sockets does. */
  private static void awaitListener(KernelPeer kernel) throws IOException {
    int waits =
        kernel.start(
            "until grep -q ':%04X 00000000:0000 0A' /proc/net/tcp; do usleep 50000; done"
                .formatted(PORT));
    assertThat(kernel.finish(waits).status()).isZero();
  }
}
