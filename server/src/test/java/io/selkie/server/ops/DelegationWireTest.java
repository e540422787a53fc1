package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.testing.PcapFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: a dissector that we did not write understands delegations: how they are given, wanted,
 * refused, asked about, called back and returned, and claimed by opens. Method: the raw clients'
 * bytes as capture files, read by tshark. Of WANT_DELEGATION the tshark of Debian 12 knows no more
 * than the number.
 */
@Tag("debian")
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class DelegationWireTest extends DelegationFixture {

  private static final int WAIT_SECONDS = 60;

  @TempDir Path directory;

  @Test
  void dissectorUnderstandsEveryCompoundAboutDelegations() throws Exception {
    Path holder = directory.resolve("holder.pcap");
    Path other = directory.resolve("other.pcap");
    try (PcapFile ofHolder = new PcapFile(holder);
        PcapFile ofOther = new PcapFile(other)) {
      one.calls.connection().tap(ofHolder);
      two.calls.connection().tap(ofOther);
      converse();
      // Whoever reads adds to the files until its connection is closed.
      one.calls.connection().tap(null);
      two.calls.connection().tap(null);
    }

    for (Path file : List.of(holder, other)) {
      assertThat(tshark(file, "-Y", "_ws.malformed || _ws.expert.severity == error")).isEmpty();
      assertThat(tshark(file, "-Y", "tcp.len > 0 && !tcp.reassembled_in && !rpc")).isEmpty();
    }
    // OPEN, DELEGRETURN, WANT_DELEGATION; CB_GETATTR, CB_RECALL.
    assertThat(values(holder, "nfs.opcode")).contains("18", "8", "56");
    assertThat(values(holder, "nfs.cb.operation")).contains("3", "4");
    // What a reply says the delegation is: none, read, write, none and why.
    assertThat(values(holder, "nfs.open.delegation_type")).contains("0", "1", "2", "3");
  }

  private void converse() throws Exception {
    CompletableFuture<String> returned = new CompletableFuture<>();
    one.onRecall(recall -> returned.complete(one.giveBack(recall.handle(), recall.stateid())));

    // Given to a reader, called back for a writer.
    reader();
    Given others = insist(() -> two.open(root, "file", WRITE));
    assertThat(others.status()).isEqualTo("NFS4_OK");
    assertThat(returned.get(WAIT_SECONDS, TimeUnit.SECONDS)).isEqualTo("NFS4_OK");

    // Refused, with the reason; not wanted at all.
    Given refused = one.open(root, "file", READ | OpenConst4.OPEN4_SHARE_ACCESS_WANT_READ_DELEG);
    if (refused.status().equals("NFS4_OK")) {
      assertThat(refused.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_NONE_EXT);
    }
    Given cancelled = one.want(others.handle(), OpenConst4.OPEN4_SHARE_ACCESS_WANT_CANCEL);
    assertThat(cancelled.why()).isEqualTo(OpenConst4.WND4_CANCELLED);

    // Wanted without an open, another file's; given back twice.
    Files.write(fixture.export().resolve("second"), "second content".getBytes(UTF_8));
    byte[] second = one.calls.handleOf("data", "second");
    Given wanted = one.want(second, OpenConst4.OPEN4_SHARE_ACCESS_WANT_READ_DELEG);
    assertThat(wanted.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    assertThat(one.giveBack(second, wanted.stateid())).isEqualTo("NFS4_OK");
    assertThat(one.giveBack(second, wanted.stateid())).isEqualTo("NFS4ERR_BAD_STATEID");

    // To a writer; the other asks for attributes, of which the holder knows more than the server.
    Given write = one.open(root, "second", BOTH);
    assertThat(write.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    one.holds(1L << 62, 4711);
    Bitmap4 asked = Bitmap4.of(FileAttributes.FATTR4_CHANGE, FileAttributes.FATTR4_SIZE);
    FileCalls.Answer seen = two.calls.on(second, NfsOp4.OP_GETATTR, asked::encode);
    assertThat(seen.status()).isEqualTo("NFS4_OK");
    new Bitmap4().decode(seen.in());
    seen.in().skip(Integer.BYTES + Long.BYTES);
    assertThat(seen.in().int64()).as("the size that the holder told").isEqualTo(4711);

    // Opens under it, by handle and by name.
    for (boolean byName : new boolean[] {false, true}) {
      Given under =
          byName
              ? one.open(
                  root, READ, o -> o.int32(0), DelegationPeer.claimUnder(write.stateid(), "second"))
              : one.open(second, READ, o -> o.int32(0), DelegationPeer.claimUnder(write.stateid()));
      assertThat(under.status()).isEqualTo("NFS4_OK");
    }
    assertThat(one.calls.read(second, write.stateid(), 0, 6).status()).isEqualTo("NFS4_OK");
    assertThat(one.calls.read(second, Stateids.ANONYMOUS, 0, 6).status()).isEqualTo("NFS4_OK");
    assertThat(one.giveBack(second, write.stateid())).isEqualTo("NFS4_OK");
  }

  private static List<String> values(Path file, String field) throws Exception {
    return tshark(file, "-Y", field, "-T", "fields", "-e", field)
        .lines()
        .flatMap(line -> List.of(line.split(",")).stream())
        .toList();
  }

  private static String tshark(Path file, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("tshark", "-n", "-r", file.toString()));
    command.addAll(List.of(arguments));
    Path errors = Files.createTempFile(file.getParent(), "tshark", ".err");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
    return out;
  }
}
