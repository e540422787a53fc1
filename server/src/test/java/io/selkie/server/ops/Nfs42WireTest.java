package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.Calls42.Copied;
import io.selkie.server.ops.Calls42.Range;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.PcapFile;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: a dissector that we did not write understands every operation and callback of NFSv4.2, good
 * and refused. Method: the raw client's bytes as a capture file, read by tshark.
 */
@Tag("debian")
@Timeout(120)
class Nfs42WireTest {

  private static final List<String> EXPECTED =
      List.of(
          "ALLOCATE",
          "DEALLOCATE",
          "SEEK",
          "READ_PLUS",
          "IO_ADVISE",
          "WRITE_SAME",
          "CLONE",
          "COPY",
          "OFFLOAD_STATUS",
          "OFFLOAD_CANCEL",
          "COPY_NOTIFY",
          "LAYOUTERROR",
          "LAYOUTSTATS",
          "GETXATTR",
          "SETXATTR",
          "LISTXATTRS",
          "REMOVEXATTR",
          "CB_OFFLOAD");

  @TempDir Path directory;

  @Test
  void dissectorFindsNothingMalformed() throws Exception {
    Path file = directory.resolve("nfs42.pcap");
    Semaphore permits = new Semaphore(0);
    try (PcapFile tap = new PcapFile(file);
        ServerFixture server =
            new ServerFixture(
                PlayedKernel.withSlowCopies(permits, 1 << 20, new AtomicReference<Errno>()), "")) {
      try (RandomAccessFile out =
          new RandomAccessFile(server.export().resolve("f").toFile(), "rw")) {
        out.write(new byte[] {1, 2, 3});
        out.setLength(5 << 20);
      }
      FileCalls client = server.client("wire");
      client.connection().tap(tap);
      converse(client, permits);
    }
    String frames = tshark(file, "-Y", "rpc");
    assertThat(frames).contains(EXPECTED);
    assertThat(tshark(file, "-Y", "_ws.malformed || _ws.expert.severity == error")).isEmpty();
  }

  private static void converse(FileCalls client, Semaphore permits) throws Exception {
    Calls42 calls = new Calls42(client);
    final CallbackInbox inbox = CallbackInbox.of(client);
    byte[] root = client.handleOf("data");
    Opened source = client.open(root, "f", BOTH, DENY_NONE);
    Opened target = client.create(root, "g");
    space(calls, source);
    xattrs(calls, source);
    reports(client, calls, source);
    calls.cloneRange(source, target, Range.ALL);
    WriteSameTest.writeSame(calls, target, 0, 100, 3, 0, 1, 10);
    Copied copied = calls.copy(source, target, Range.ALL, false, 0);
    assertThat(copied.stateid()).isNotNull();
    calls.offloadStatus(target.handle(), copied.stateid());
    permits.release(1000);
    inbox.nextEnded();
    calls.offloadStatus(target.handle(), copied.stateid());
    calls.offloadCancel(target.handle(), copied.stateid());
    calls.copy(source, target, new Range(0, 0, 100), true, 0);
    calls.copy(source, target, Range.ALL, true, 2);
    calls.on(
        source.handle(),
        NfsOp4.OP_COPY_NOTIFY,
        o -> {
          Stateids.encode(o, source.stateid());
          o.int32(1);
          o.opaque("elsewhere".getBytes(UTF_8));
        });
  }

  private static void space(Calls42 calls, Opened file) {
    calls.allocate(file.handle(), file.stateid(), 1 << 20, 4096);
    calls.deallocate(file.handle(), file.stateid(), 1 << 20, 4096);
    calls.allocate(file.handle(), file.stateid(), 0, 0);
    calls.seek(file.handle(), file.stateid(), 0, 0);
    calls.seek(file.handle(), file.stateid(), 1 << 30, 1);
    calls.readPlus(file.handle(), file.stateid(), 0, 100_000);
    calls.readPlus(file.handle(), file.stateid(), 1 << 30, 1);
    calls.on(
        file.handle(),
        NfsOp4.OP_IO_ADVISE,
        o -> {
          Stateids.encode(o, file.stateid());
          o.int64(0);
          o.int64(4096);
          Bitmap4.of(1, 4).encode(o);
        });
  }

  private static void xattrs(Calls42 calls, Opened file) {
    calls.setXattr(file.handle(), Calls42.CREATE, "colour", "blue".getBytes(UTF_8));
    calls.setXattr(file.handle(), Calls42.CREATE, "colour", "red".getBytes(UTF_8));
    calls.getXattr(file.handle(), "colour");
    calls.getXattr(file.handle(), "none");
    calls.listXattrs(file.handle(), 0, 4096);
    calls.removeXattr(file.handle(), "colour");
  }

  private static void reports(FileCalls client, Calls42 calls, Opened file) {
    HeldLayout layout =
        HeldLayout.get(client, file.handle(), file.stateid(), LayoutConst4.LAYOUTIOMODE4_READ);
    calls.on(
        file.handle(),
        NfsOp4.OP_LAYOUTERROR,
        o -> {
          o.int64(0);
          o.int64(4096);
          Stateids.encode(o, layout.stateid());
          o.int32(1);
          new DeviceId4(1, 2).encode(o);
          o.int32(6);
          o.int32(NfsOp4.OP_READ);
        });
    calls.on(
        file.handle(),
        NfsOp4.OP_LAYOUTSTATS,
        o -> {
          o.int64(0);
          o.int64(4096);
          Stateids.encode(o, layout.stateid());
          for (int i = 0; i < 4; i++) {
            o.int64(i);
          }
          new DeviceId4(1, 2).encode(o);
          o.int32(LayoutConst4.LAYOUT4_RDMA);
          o.opaque(new byte[0]);
        });
    layout.giveBack();
  }

  private static String tshark(Path file, String... filter) throws Exception {
    List<String> command = new ArrayList<>(List.of("tshark", "-r", file.toString()));
    command.addAll(List.of(filter));
    Path errors = Files.createTempFile(file.getParent(), "tshark", ".err");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    String frames = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
    return frames;
  }
}
