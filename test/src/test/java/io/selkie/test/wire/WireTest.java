package io.selkie.test.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.iwarp.Recording;
import io.selkie.rdma.iwarp.TcpRecord;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Goal: what client and server say to each other is what the RFCs mean, in the opinion of something
 * that we did not write.
 *
 * <p>Method: relays write down a whole session, which is dissected by tshark; it finds RPC and MPA
 * on these ports by itself. Not the packets of the loopback: under load some of them come twice or
 * in another order, and tshark does not look into what it cannot put together. Each test also
 * asserts that there was enough to look at.
 */
@Tag("debian")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WireTest {

  /** Operations that the script must have made happen, with the least count of frames. */
  private static final Map<String, Integer> OPERATIONS =
      Map.ofEntries(
          Map.entry("4 CLOSE", 80),
          Map.entry("5 COMMIT", 2),
          Map.entry("6 CREATE", 2),
          Map.entry("9 GETATTR", 100),
          Map.entry("10 GETFH", 80),
          Map.entry("15 LOOKUP", 100),
          Map.entry("18 OPEN", 80),
          Map.entry("22 PUTFH", 100),
          Map.entry("24 PUTROOTFH", 10),
          Map.entry("25 READ", 8),
          Map.entry("26 READDIR", 4),
          Map.entry("28 REMOVE", 4),
          Map.entry("29 RENAME", 2),
          Map.entry("32 SAVEFH", 2),
          Map.entry("34 SETATTR", 4),
          Map.entry("38 WRITE", 8),
          Map.entry("42 EXCHANGE_ID", 10),
          Map.entry("43 CREATE_SESSION", 10),
          Map.entry("44 DESTROY_SESSION", 8),
          Map.entry("47 GETDEVICEINFO", 4),
          Map.entry("49 LAYOUTCOMMIT", 2),
          Map.entry("50 LAYOUTGET", 8),
          Map.entry("51 LAYOUTRETURN", 4),
          Map.entry("53 SEQUENCE", 300),
          Map.entry("57 DESTROY_CLIENTID", 8),
          Map.entry("58 RECLAIM_COMPLETE", 10));

  /**
   * What tshark calls unexpected and is not: it warns of the stateid in every CLOSE result, which
   * RFC 8881 section 18.2.4 keeps (as the invalid special stateid).
   */
  private static final Set<String> NOT_UNEXPECTED =
      Set.of("State ID deprecated in CLOSE responses [RFC7530 16.2.5]");

  /** PI_SEQUENCE of tshark. */
  private static final String GROUP_SEQUENCE = "33554432";

  private static final int EXTENT_BYTES = 48;

  private ScratchDirectory scratch;
  private Tshark tshark;
  private String onNfs;
  private String onRdma;

  @BeforeAll
  void runTheScriptUnderWatch() throws Exception {
    Path parent = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    scratch = ScratchDirectory.in(parent, "wire-");
    Path export = Files.createDirectory(scratch.resolve("export"));
    Path file = scratch.resolve("wire.pcap");
    // The relays' address, the one that clients are told of the RDMA port.
    String relays = "127.0.0.2";
    try (ServerProcess server =
            ServerProcess.of(export)
                .config("rdma: {advertisedHost: %s}".formatted(relays))
                .start();
        TcpRecord record = new TcpRecord(file);
        Recording nfs =
            new Recording(
                record, new InetSocketAddress(relays, 0), server.nfs(), Recording::rpcFragment);
        Recording rdma =
            new Recording(
                record,
                new InetSocketAddress(relays, server.rdma().getPort()),
                server.rdma(),
                Recording::asItComes)) {
      onNfs = "tcp.port == " + server.nfs().getPort();
      onRdma = "tcp.port == " + server.rdma().getPort();
      new WireScript(server, nfs.address(), rdma.address()).run();
    }
    tshark = new Tshark(file, List.of());
  }

  @AfterAll
  void cleanUp() throws Exception {
    scratch.close();
  }

  @Test
  void nothingIsMalformed() throws Exception {
    assertThat(tshark.count("(" + onNfs + ") || (" + onRdma + ")")).isGreaterThan(500);
    assertThat(tshark.describe("_ws.malformed")).isEmpty();
    assertThat(tshark.describe("_ws.expert.group == \"Malformed\"")).isEmpty();
    assertThat(tshark.describe("_ws.expert.severity == error")).isEmpty();
  }

  @Test
  void everyByteIsOfAProtocolThatTsharkKnows() throws Exception {
    String payload = " && tcp.len > 0 && !tcp.reassembled_in";
    assertThat(tshark.describe(onNfs + payload + " && !rpc")).as("not RPC").isEmpty();
    assertThat(tshark.describe(onRdma + payload + " && !iwarp_mpa")).as("not MPA").isEmpty();
    assertThat(tshark.count(onNfs + " && nfs")).isGreaterThan(300);
    assertThat(tshark.count(onRdma + " && iwarp_ddp_rdmap")).isGreaterThan(50);
  }

  @Test
  void expertsFindNothingUnexpected() throws Exception {
    Set<String> unexpected = new TreeSet<>();
    int looked = 0;
    for (List<List<String>> frame :
        tshark.fields(
            "_ws.expert && (nfs || rpc || iwarp_mpa || iwarp_ddp_rdmap)",
            "_ws.expert.message",
            "_ws.expert.group")) {
      List<String> messages = frame.get(0);
      assertThat(frame.get(1)).as("groups of %s", messages).hasSameSizeAs(messages);
      for (int i = 0; i < messages.size(); i++) {
        // Of the stream beneath, not of what we say: windows, the end.
        if (!frame.get(1).get(i).equals(GROUP_SEQUENCE)
            && !NOT_UNEXPECTED.contains(messages.get(i))) {
          unexpected.add(messages.get(i));
        }
        looked++;
      }
    }
    assertThat(looked).as("expert remarks looked at: the one about CLOSE at least").isPositive();
    assertThat(unexpected).isEmpty();
  }

  @Test
  void everyOperationIsSeenOftenEnough() throws Exception {
    Map<String, Integer> seen = new HashMap<>();
    tshark.values("nfs.opcode", "nfs.opcode").forEach(code -> seen.merge(code, 1, Integer::sum));
    OPERATIONS.forEach((operation, least) -> {
      String code = operation.substring(0, operation.indexOf(' '));
      assertThat(seen.getOrDefault(code, 0)).as(operation).isGreaterThanOrEqualTo(least);
    });
  }

  @Test
  void everyCallHasItsReply() throws Exception {
    List<String> calls = tshark.values(onNfs + " && rpc.msgtyp == 0", "rpc.xid");
    List<String> replies = tshark.values(onNfs + " && rpc.msgtyp == 1", "rpc.xid");
    assertThat(calls).hasSizeGreaterThan(150);
    assertThat(replies).containsExactlyInAnyOrderElementsOf(calls);
    assertThat(tshark.values("rpc.state_accept", "rpc.state_accept")).containsOnly("0");
  }

  @Test
  void layoutsAreOfTheRdmaTypeWithExtentsOfTheDraftsSize() throws Exception {
    String reply = "nfs.opcode == 50 && rpc.msgtyp == 1 && nfs.layout";
    List<List<List<String>>> layouts =
        tshark.fields(reply, "nfs.layouttype", "nfs.layout", "nfs.stateid.seqid");
    assertThat(layouts).hasSizeGreaterThanOrEqualTo(3);
    Set<String> keys = new TreeSet<>();
    for (List<List<String>> layout : layouts) {
      assertThat(layout.get(0)).as("layout type").containsOnly("2147483654");
      String body = layout.get(1).getFirst().replace(":", "");
      int extents = Integer.parseUnsignedInt(body.substring(0, 8), 16);
      assertThat(extents).isPositive();
      assertThat(body).hasSize(2 * (4 + extents * EXTENT_BYTES));
      // Device id and file offset stand before the handle.
      keys.add(body.substring(2 * (4 + 24), 2 * (4 + 28)));
    }
    Set<String> written =
        tshark.values("iwarp_rdma.opcode == 0", "iwarp_ddp.stag").stream()
            .map(stag -> stag.replaceFirst("^0x", ""))
            // What the script made up, and the write of no bytes that ends an enhanced set-up.
            .filter(stag -> !stag.equals("00001234") && !stag.equals("00000000"))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(written).as("keys of RDMA Writes").isNotEmpty();
    assertThat(keys).as("keys in layouts").containsAll(written);
  }

  @Test
  void recallIsACallbackThatNamesTheFileAndIsAnswered() throws Exception {
    List<List<List<String>>> callbacks =
        tshark.fields(
            "nfs.cb && rpc.msgtyp == 0",
            "nfs.cb.operation",
            "nfs.layouttype",
            "nfs.recalltype",
            "nfs.session_id4",
            "rpc.program",
            "rpc.programversion");
    assertThat(callbacks).hasSize(1);
    List<List<String>> callback = callbacks.getFirst();
    assertThat(callback.get(0)).containsExactly("11", "5");
    assertThat(callback.get(1)).containsExactly("2147483654");
    assertThat(callback.get(2)).containsExactly("1");
    assertThat(callback.get(4)).containsExactly("1073741824");
    assertThat(callback.get(5)).containsOnly("1");
    assertThat(tshark.values("nfs.opcode == 43 && rpc.msgtyp == 1", "nfs.session_id4"))
        .as("sessions made")
        .containsAll(callback.get(3));
    assertThat(tshark.values("nfs.cb && rpc.msgtyp == 1", "nfs.nfsstat4")).containsOnly("0");
  }

  @Test
  void queuePairsAreSetUpByMpaWithTheSessionInPrivateData() throws Exception {
    assertThat(tshark.values("iwarp_mpa.req", "iwarp_mpa.crc_flag")).containsOnly("1");
    assertThat(tshark.values("iwarp_mpa.req", "iwarp_mpa.marker_flag")).containsOnly("0");
    assertThat(tshark.count("iwarp_mpa.rep")).isEqualTo(tshark.count("iwarp_mpa.req"));
    assertThat(tshark.values("iwarp_mpa.rep", "iwarp_mpa.rej_flag")).containsOnly("0");
    List<String> privateData = tshark.values("iwarp_mpa.req", "iwarp_mpa.privatedata");
    assertThat(privateData).hasSizeGreaterThanOrEqualTo(4);
    List<String> sessions = tshark.values("nfs.opcode == 43 && rpc.msgtyp == 1", "nfs.session_id4");
    for (String data : privateData) {
      String hex = data.replace(":", "");
      // "RLQ1", flags, session; before it, in an enhanced set-up, four bytes of IRD and ORD.
      int start = hex.indexOf("524c5131");
      assertThat(start).as("RLQ1 in %s", hex).isIn(0, 8);
      assertThat(sessions.stream().map(session -> session.replace(":", "")))
          .contains(hex.substring(start + 16, start + 48));
    }
  }

  @Test
  void everySegmentHasAGoodCrc() throws Exception {
    String verbose = tshark.verbose("iwarp_mpa.fpdu", "iwarp_mpa");
    long good = verbose.lines().filter(line -> line.contains("(Good CRC32)")).count();
    assertThat(good).isGreaterThan(150);
    assertThat(verbose).doesNotContain("Bad CRC32");
    assertThat(good).isEqualTo(tshark.values("iwarp_mpa.fpdu", "iwarp_mpa.ulpdulength").size());
  }

  @Test
  void directAccessIsWritesReadsAndTheirResponsesOfOddSizes() throws Exception {
    Map<String, Long> opcodes =
        tshark.values("iwarp_rdma.opcode", "iwarp_rdma.opcode").stream()
            .collect(Collectors.groupingBy(code -> code, Collectors.counting()));
    int sizes = WireScript.ODD_SIZES.length;
    assertThat(opcodes.get("0x00")).as("Writes").isGreaterThanOrEqualTo(sizes);
    assertThat(opcodes.get("0x01")).as("Read Requests").isGreaterThanOrEqualTo(sizes);
    assertThat(opcodes.get("0x02")).as("Read Responses").isGreaterThanOrEqualTo(sizes);
    Set<Long> asked =
        tshark.values("iwarp_rdma.rdmardsz", "iwarp_rdma.rdmardsz").stream()
            .map(Long::decode)
            .collect(Collectors.toSet());
    assertThat(asked)
        .as("sizes read")
        .containsAll(Arrays.stream(WireScript.ODD_SIZES).mapToObj(Long::valueOf).toList());
    assertThat(tshark.values("iwarp_rdma.version", "iwarp_rdma.version")).containsOnly("1");
    assertThat(tshark.values("iwarp_ddp.dv", "iwarp_ddp.dv")).containsOnly("1");
  }

  @Test
  void terminatesNameLayerTypeAndCode() throws Exception {
    List<List<List<String>>> terminates =
        tshark.fields(
            "iwarp_rdma.opcode == 7",
            "iwarp_rdma.term_layer",
            "iwarp_rdma.term_errcode_rdma",
            "iwarp_rdma.term_errcode_ddp_tagged",
            "iwarp_ddp.qn");
    assertThat(terminates).hasSize(2);
    assertThat(terminates.get(0).get(0)).containsExactly("0x00");
    assertThat(terminates.get(0).get(1)).containsExactly("0x00");
    assertThat(terminates.get(1).get(0)).containsExactly("0x01");
    assertThat(terminates.get(1).get(2)).containsExactly("0x00");
    assertThat(terminates).allSatisfy(row -> assertThat(row.get(3)).containsExactly("2"));
  }
}
