package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RemoteAccess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: somebody else's dissector takes what we send for MPA, DDP and RDMAP, every octet of it.
 *
 * <p>Method: every kind of message goes through a relay that records it; tshark reads the record.
 * It guesses the upper protocol of Sends, so those guesses are turned off. Of what it remarks, two
 * things are no faults: it knows only RFC 5044, so a request of revision 2 with the S bit of RFC
 * 6581 surprises it.
 */
@Tag("debian")
@Timeout(300)
class TsharkTest {

  private static final Set<String> EXPECTED_REMARKS =
      Set.of(
          "Res field is NOT set to zero as required by RFC 5044",
          "Rev field is NOT set to one as required by RFC 5044");

  @Test
  void everyFrameIsDissected() throws Exception {
    Path folder = Files.createDirectories(Path.of(System.getProperty("selkie.test.dir", "target")));
    Path file = folder.resolve("iwarp.pcap");
    int connections = 0;
    try (Server server = new Server();
        TcpRecord record = new TcpRecord(file);
        Recording recording = new Recording(record, server.address())) {
      for (int revision = 1; revision <= 2; revision++) {
        for (boolean badRead : new boolean[] {false, true}) {
          talk(server, recording, IwarpConfig.DEFAULTS.withMpaRevision(revision), badRead);
          connections++;
        }
      }
    }
    List<String> verbose = tshark(file, "-V");
    assertThat(verbose).noneMatch(line -> line.contains("Malformed"));
    assertThat(verbose).noneMatch(line -> line.contains("Bad CRC"));
    assertThat(count(verbose, "(Good CRC32)")).isEqualTo(count(verbose, "OpCode: "));
    // A connection: 10 reads, 10 confirmations and the one that fails; of 100,000 octets 4
    // segments.
    assertThat(count(verbose, "OpCode: Read Request")).isEqualTo(21 * connections);
    assertThat(count(verbose, "OpCode: Read Response")).isEqualTo((10 + 3 + 10) * connections);
    // 20 writes, 3 segments more for two of them; 2 that fail, and 2 that say "ready to receive".
    assertThat(count(verbose, "OpCode: Write")).isEqualTo((20 + 2 * 3) * connections + 2 + 2);
    assertThat(count(verbose, "OpCode: Send (")).isEqualTo(4 * connections);
    assertThat(count(verbose, "OpCode: Send with Invalidate")).isEqualTo(connections);
    assertThat(count(verbose, "OpCode: Terminate")).isEqualTo(connections);
    for (String line : tshark(file, "-T", "fields", "-e", "_ws.expert.message")) {
      for (String remark : line.split(",")) {
        assertThat(remark.isBlank() || isOfTcp(remark) || EXPECTED_REMARKS.contains(remark))
            .as(remark)
            .isTrue();
      }
    }
  }

  private static int count(List<String> lines, String part) {
    return (int) lines.stream().filter(line -> line.contains(part)).count();
  }

  private static boolean isOfTcp(String remark) {
    return remark.startsWith("Connection ")
        || remark.startsWith("This frame ")
        || remark.startsWith("TCP ");
  }

  private static void talk(Server server, Recording recording, IwarpConfig config, boolean badRead)
      throws Exception {
    try (IwarpProvider client = new IwarpProvider(config)) {
      var domain = client.allocateProtectionDomain("client");
      MemorySegment local = server.arena.allocate(128 << 10);
      MemoryRegion region = domain.register(local, Set.of());
      MemoryRegion shortLived = server.register(RemoteAccess.READ);
      List<ByteBuffer> messages = new ArrayList<>();
      QueuePair pair =
          client.connect(
              recording.address(),
              domain,
              new ConnectOptions(
                  ByteBuffer.wrap("hello".getBytes(StandardCharsets.US_ASCII)), 64, 8, 0, 60_000),
              new QueuePairListener() {
                @Override
                public void onEstablished(QueuePair queuePair) {
                  throw new AssertionError("connect returns it");
                }

                @Override
                public void onMessage(ByteBuffer message, int invalidatedKey) {
                  messages.add(message);
                }

                @Override
                public void onClosed(DisconnectCause cause) {
                  assertThat(cause.kind()).isEqualTo(DisconnectCause.Kind.REMOTE_ERROR);
                }
              });
      int key = server.key();
      int posted = 0;
      for (int length : new int[] {0, 1, 2, 3, 4, 64, 1400, 4096, 32_768, 100_000}) {
        MemorySegment part = local.asSlice(0, length);
        pair.postRead(region, part, key, server.base(), posted++);
        pair.postWrite(region, part, key, server.base() + 7, posted++);
        pair.postWriteAndConfirm(region, part, key, server.base() + 7, posted++);
      }
      for (int length : new int[] {0, 5, 4096}) {
        pair.postSend(region, local.asSlice(0, length), posted++);
      }
      pair.postSendWithInvalidate(region, local.asSlice(0, 9), shortLived.key(), posted++);
      reap(pair, posted);
      QueuePair passive = server.awaitEstablished();
      passive.postSend(server.region, server.memory.asSlice(0, 11), 1);
      while (messages.isEmpty()) {
        pair.completions().await((id, status) -> {}, 1, 10_000_000L);
      }
      if (badRead) {
        pair.postRead(region, local.asSlice(0, 100), shortLived.key(), 0, 99);
      } else {
        pair.postWriteAndConfirm(region, local.asSlice(0, 100), 77, 0, 99);
      }
      reap(pair, 1);
      server.awaitClosed();
    }
  }

  private static void reap(QueuePair pair, int count) throws InterruptedException {
    int done = 0;
    while (done < count) {
      int given = pair.completions().await((id, status) -> {}, count - done, 60_000_000_000L);
      assertThat(given).isPositive();
      done += given;
    }
  }

  private static List<String> tshark(Path file, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("tshark", "-n", "-r", file.toString()));
    for (String guess : List.of("rpcordma", "smb_direct")) {
      command.addAll(List.of("--disable-protocol", guess));
    }
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    List<String> lines;
    try (var out = process.inputReader(StandardCharsets.UTF_8)) {
      lines = out.lines().toList();
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as("exit status of tshark").isZero();
    return lines;
  }
}
