package io.selkie.test.siw;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import io.selkie.rdma.iwarp.TcpRecord;
import io.selkie.test.siw.Connected.SetUp;
import io.selkie.test.wire.Tshark;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: on the wire between our iWARP and the Linux kernel's stands what the RFCs say, and an octet
 * that is spoiled on the way is found by either.
 *
 * <p>Method: a relay writes down what passes, and tshark reads it; a relay spoils one octet. Not
 * the packets of the guest's network: under load some of them come twice, and tshark does not look
 * into a segment that is in part a repetition.
 */
@Tag("debian")
@Tag("slow")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(SiwGuestExtension.class)
class SiwWireTest {

  private static final int BYTES = 100_000;

  /** tshark knows RFC 5044 only, and RFC 6581 gave those bits a meaning. */
  private static final Set<String> EXPECTED_REMARKS =
      Set.of(
          "Res field is NOT set to zero as required by RFC 5044",
          "Rev field is NOT set to one as required by RFC 5044");

  @Test
  void tsharkUnderstandsEveryFrameOfBoth(KernelPeer kernel) throws Exception {
    for (SetUp how : List.of(new SetUp(false, 1, false, true, false), SetUp.KERNEL_OPENS)) {
      Path octets =
          Path.of(System.getProperty("selkie.test.dir", "target"))
              .resolve("siw-revision-%d.pcap".formatted(how.revision()));
      try (TcpRecord record = new TcpRecord(octets);
          Relay relay = new Relay(record);
          Connected c = Connected.through(relay, how, kernel)) {
        talk(c);
      }
      judge(octets);
    }
  }

  private static void talk(Connected c) throws IOException, InterruptedException {
    JavaPeer.Region ours = c.java.register(BYTES, RemoteAccess.READ, RemoteAccess.WRITE);
    KernelPeer.Region theirs = c.kernel.register(c.kernelDomain, BYTES, "rw");
    KernelPeer.Region theirVictim = c.kernel.register(c.kernelDomain, 4096, "r");
    JavaPeer.Region ourVictim = c.java.register(4096, RemoteAccess.READ);
    for (int length : new int[] {1, 2, 1001, BYTES}) {
      var here = ours.memory().asSlice(0, length);
      c.pair.postWriteAndConfirm(ours.registration(), here, theirs.key(), theirs.address(), 1);
      assertThat(c.java.completion(1)).isEqualTo(WorkStatus.SUCCESS);
      c.pair.postRead(ours.registration(), here, theirs.key(), theirs.address(), 2);
      assertThat(c.java.completion(2)).isEqualTo(WorkStatus.SUCCESS);
      c.kernel.write(c.endpoint, 3, theirs, 0, length, ours.key(), ours.address());
      c.kernel.succeeded(c.endpoint, 3);
      c.kernel.read(c.endpoint, 4, theirs, 0, length, ours.key(), ours.address());
      c.kernel.succeeded(c.endpoint, 4);
    }
    c.kernel.receive(c.endpoint, 5, theirs, 0, 4096);
    c.pair.postSend(ours.registration(), ours.memory().asSlice(0, 101), 6);
    assertThat(c.java.completion(6)).isEqualTo(WorkStatus.SUCCESS);
    c.kernel.succeeded(c.endpoint, 5);
    c.kernel.receive(c.endpoint, 5, theirs, 0, 4096);
    c.pair.postSendWithInvalidate(
        ours.registration(), ours.memory().asSlice(0, 102), theirVictim.key(), 6);
    assertThat(c.java.completion(6)).isEqualTo(WorkStatus.SUCCESS);
    c.kernel.succeeded(c.endpoint, 5);
    for (String flags : new String[] {"-", "s", "is"}) {
      c.kernel.send(c.endpoint, 7, theirs, 0, 103, flags, ourVictim.key());
      c.kernel.succeeded(c.endpoint, 7);
      assertThat(c.java.awaitMessage().octets().remaining()).isEqualTo(103);
    }
    c.kernel.read(c.endpoint, 8, theirs, 0, 10, ourVictim.key(), ourVictim.address());
    assertThat(c.java.awaitEnd().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
    c.kernel.awaitDisconnected(c.endpoint);
  }

  private static void judge(Path octets) throws Exception {
    Tshark tshark =
        new Tshark(
            octets, List.of("--disable-protocol", "rpcordma", "--disable-protocol", "smb_direct"));
    List<String> lines = tshark.verbose("tcp", "iwarp_mpa,iwarp_ddp_rdmap").lines().toList();
    assertThat(lines).noneMatch(line -> line.contains("Malformed"));
    assertThat(lines).noneMatch(line -> line.contains("Bad CRC"));
    assertThat(count(lines, "(Good CRC32)")).isEqualTo(count(lines, "OpCode: ")).isPositive();
    assertThat(count(lines, "OpCode: Read Request")).isEqualTo(4 + 4 + 4 + 1);
    // The one that says "up", then 4 each; ours of 100,000 octets are four, the kernel's many.
    assertThat(count(lines, "OpCode: Write")).isGreaterThan(1 + 4 + 4 + 3);
    assertThat(count(lines, "OpCode: Read Response")).isGreaterThan(4 + 4 + 4 + 3);
    assertThat(count(lines, "OpCode: Send (")).isEqualTo(2);
    assertThat(count(lines, "OpCode: Send with Invalidate")).isEqualTo(1);
    assertThat(count(lines, "OpCode: Send with SE (")).isEqualTo(1);
    assertThat(count(lines, "OpCode: Send with SE and Invalidate")).isEqualTo(1);
    assertThat(count(lines, "OpCode: Terminate")).isEqualTo(1);
    assertThat(tshark.values("iwarp_mpa", "_ws.expert.message"))
        .allMatch(remark ->
            EXPECTED_REMARKS.stream().anyMatch(remark::contains)
                || remark.startsWith("Connection ")
                || remark.startsWith("This frame ")
                || remark.startsWith("TCP "));
  }

  private static long count(List<String> lines, String part) {
    return lines.stream().filter(line -> line.contains(part)).count();
  }

  /** RFC 5044 section 4.4: the field is there all the same; both leave it zero. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whereNeitherAsksForCrcsThereAreNone(boolean javaOpens, KernelPeer kernel) throws Exception {
    Path octets =
        Path.of(System.getProperty("selkie.test.dir", "target"))
            .resolve("siw-no-crc-%s.pcap".formatted(javaOpens));
    try (TcpRecord record = new TcpRecord(octets);
        Relay relay = new Relay(record);
        Connected c =
            Connected.through(relay, new SetUp(javaOpens, 2, false, false, false), kernel)) {
      JavaPeer.Region ours = c.java.register(BYTES, RemoteAccess.READ, RemoteAccess.WRITE);
      KernelPeer.Region theirs = kernel.register(c.kernelDomain, BYTES, "rw");
      Octets.fill(ours.memory(), 7);
      c.pair.postWriteAndConfirm(
          ours.registration(), ours.memory(), theirs.key(), theirs.address(), 1);
      assertThat(c.java.completion(1)).isEqualTo(WorkStatus.SUCCESS);
      kernel.write(c.endpoint, 2, theirs, 0, BYTES, ours.key(), ours.address());
      kernel.succeeded(c.endpoint, 2);
      kernel.read(c.endpoint, 3, theirs, 0, BYTES, ours.key(), ours.address());
      kernel.succeeded(c.endpoint, 3);
    }
    Tshark tshark = new Tshark(octets, List.of("--disable-protocol", "rpcordma"));
    assertThat(tshark.count("iwarp_mpa.crc_flag == 0")).as("request and reply").isEqualTo(2);
    for (String to : List.of("tcp.dstport", "tcp.srcport")) {
      List<String> crcs =
          tshark.values(
              "iwarp_mpa.fpdu && %s == %d".formatted(to, TcpRecord.SERVER_PORT), "iwarp_mpa.crc");
      assertThat(crcs).as(to).isNotEmpty().allMatch(crc -> Long.decode(crc) == 0);
    }
  }

  @Test
  void theKernelFindsASpoiledOctetAndWeUnderstandIt(KernelPeer kernel) throws Exception {
    try (Relay relay = new Relay();
        Connected c = Connected.through(relay, SetUp.JAVA_OPENS, kernel)) {
      JavaPeer.Region ours = c.java.register(4096);
      KernelPeer.Region theirs = kernel.register(c.kernelDomain, 4096, "rw");
      relay.spoilNext();
      c.pair.postWriteAndConfirm(
          ours.registration(), ours.memory().asSlice(0, 77), theirs.key(), theirs.address(), 1);
      assertThat(c.java.completion(1)).isEqualTo(WorkStatus.PROTOCOL_ERROR);
      DisconnectCause cause = c.java.awaitEnd();
      assertThat(cause.kind()).as(cause.detail()).isEqualTo(DisconnectCause.Kind.REMOTE_ERROR);
      assertThat(cause.detail()).contains("MPA: CRC error");
      kernel.awaitDisconnected(c.endpoint);
    }
  }

  @Test
  void weFindASpoiledOctetAndTheKernelUnderstandsUs(KernelPeer kernel) throws Exception {
    try (Relay relay = new Relay();
        Connected c = Connected.through(relay, SetUp.KERNEL_OPENS, kernel)) {
      JavaPeer.Region ours = c.java.register(4096, RemoteAccess.WRITE);
      KernelPeer.Region theirs = kernel.register(c.kernelDomain, 4096, "-");
      kernel.fill(theirs, 0, 4096, 3);
      var _ = kernel.kernelWords();
      relay.spoilNext();
      kernel.write(c.endpoint, 1, theirs, 0, 77, ours.key(), ours.address());
      DisconnectCause cause = c.java.awaitEnd();
      assertThat(cause.kind()).as(cause.detail()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
      assertThat(cause.detail()).contains("MPA: CRC error");
      kernel.awaitDisconnected(c.endpoint);
      assertThat(kernel.kernelWords()).contains(SiwErrorsTest.printed(2, 0, 2));
      assertThat(Octets.copy(ours.memory())).containsOnly(0);
    }
  }
}
