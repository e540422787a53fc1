package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.size;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.layout.LayoutEvents.Step;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.WorkStatus;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a layout's whole life through the server, with real leases, real sockets and another real
 * process; the client is bare, so that nothing of ours on its side can hide a fault.
 */
@Timeout(120)
class LayoutOperationsTest {

  private static final int LENGTH = 20_000;

  private ServerFixture server;
  private FileCalls client;
  private byte[] root;
  private Opened opened;

  @BeforeEach
  void start() throws IOException {
    start("", ServerFixture.longRecallMillis());
  }

  private void start(String exportKeys, int recallMillis) throws IOException {
    server = new ServerFixture(new LinuxKernel(), exportKeys, "{enabled: false}", recallMillis);
    Files.write(file(), "selkie ".repeat(LENGTH / 7 + 1).substring(0, LENGTH).getBytes(UTF_8));
    client = server.client("alice");
    root = client.handleOf("data");
    opened = client.open(root, "f", BOTH, DENY_NONE);
  }

  /** Starts again: nobody waits long for a holder who does not answer. */
  private void restartImpatient() throws IOException {
    stop();
    start("", ServerFixture.SHORT_RECALL_MILLIS);
    client.connection().ignoreCallbacks();
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  /** A granted layout. */
  private record Layout(Stateid4 stateid, int ioMode, RdmaLayout4 content) {
    RdmaExtent4 first() {
      return content.extents().get(0);
    }
  }

  private Answer layoutGet(int ioMode, Stateid4 stateid) {
    return client.layoutGet(opened.handle(), stateid, ioMode);
  }

  private Layout layout(int ioMode) {
    Answer answer = layoutGet(ioMode, opened.stateid());
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    XdrReader in = answer.in();
    assertThat(in.bool()).as("return on close").isTrue();
    Stateid4 stateid = Stateids.decode(in);
    assertThat(in.int32()).isEqualTo(1);
    in.int64();
    in.int64();
    int granted = in.int32();
    assertThat(in.int32()).isEqualTo(LayoutConst4.LAYOUT4_RDMA);
    in.int32();
    return new Layout(stateid, granted, RdmaLayout4.decode(in));
  }

  private DirectPeer peer() throws RdmaException, InterruptedException {
    return DirectPeer.connect(server.server().rdmaAddress().orElseThrow(), client.session().id());
  }

  @Test
  void layoutLeadsToTheFilesBytesBothWays() throws Exception {
    Layout layout = layout(LayoutConst4.LAYOUTIOMODE4_RW);
    RdmaExtent4 extent = layout.first();
    try (DirectPeer peer = peer()) {
      byte[] bytes = new byte[6];
      assertThat(peer.read(extent.handle(), extent.storageOffset() + 7, bytes))
          .isEqualTo(WorkStatus.SUCCESS);
      assertThat(new String(bytes, UTF_8)).isEqualTo("selkie");
      byte[] news = "SELKIE".getBytes(UTF_8);
      assertThat(peer.write(extent.handle(), extent.storageOffset() + 100, news))
          .isEqualTo(WorkStatus.SUCCESS);
      assertThat(commit(layout, 105).status()).isEqualTo("NFS4_OK");
      // Once the layout is back anybody may look: while it is held, that would break the seal.
      assertThat(returnAll(layout).status()).isEqualTo("NFS4_OK");
      assertThat(new String(Files.readAllBytes(file()), UTF_8).substring(100, 106))
          .isEqualTo("SELKIE");
      assertThat(peer.read(extent.handle(), extent.storageOffset(), bytes))
          .isEqualTo(WorkStatus.REMOTE_ACCESS_ERROR);
    }
    assertThat(server.server().metrics().nfsReadBytes()).isZero();
    assertThat(server.server().metrics().nfsWrittenBytes()).isZero();
    assertThat(server.server().metrics().values())
        .containsEntry("selkie_direct_write_bytes_total", 6L)
        .containsEntry("selkie_registered_bytes", 0L)
        .containsEntry("selkie_seals", 0L);
  }

  private Answer commit(Layout layout, long lastWritten) {
    return commit(layout, 0, LENGTH, lastWritten);
  }

  private Answer commit(Layout layout, long offset, long length, long lastWritten) {
    return client.on(
        opened.handle(),
        NfsOp4.OP_LAYOUTCOMMIT,
        o -> {
          o.int64(offset);
          o.int64(length);
          o.bool(false);
          Stateids.encode(o, layout.stateid());
          o.bool(true);
          o.int64(lastWritten);
          o.bool(false);
          o.int32(LayoutConst4.LAYOUT4_RDMA);
          // No range was INVALID_DATA, so the list of those now written is empty.
          o.int32(4);
          o.int32(0);
        });
  }

  private Answer returnAll(Layout layout) {
    return client.layoutReturn(opened.handle(), layout.stateid());
  }

  @Test
  void commitMovesTheModificationTimeAndNotTheSize() throws Exception {
    Layout layout = layout(LayoutConst4.LAYOUTIOMODE4_RW);
    long before = client.attributes(opened.handle()).mtimeSec();
    Answer answer = commit(layout, LENGTH - 1);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(answer.in().bool()).as("the size changed").isFalse();
    assertThat(client.attributes(opened.handle()).size()).isEqualTo(LENGTH);
    assertThat(client.attributes(opened.handle()).mtimeSec()).isGreaterThanOrEqualTo(before);
  }

  @Test
  void commitNeverMakesTheFileLonger() throws Exception {
    Layout layout = layout(LayoutConst4.LAYOUTIOMODE4_RW);
    assertThat(commit(layout, LENGTH).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(commit(layout, 1L << 40).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(commit(layout, -1).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(client.attributes(opened.handle()).size()).isEqualTo(LENGTH);
    assertThat(commit(layout, 0, 1L << 20, 1L << 19).status()).isIn("NFS4_OK", "NFS4ERR_BADLAYOUT");
    assertThat(client.attributes(opened.handle()).size()).isEqualTo(LENGTH);
  }

  @Test
  void deviceIsWhereQueuePairsConnect() {
    DeviceId4 device = layout(LayoutConst4.LAYOUTIOMODE4_READ).first().deviceId();
    Answer answer = deviceInfo(device, 4096);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(answer.in().int32()).isEqualTo(LayoutConst4.LAYOUT4_RDMA);
    answer.in().beginNested(answer.in().int32());
    RdmaDeviceAddr4 address = RdmaDeviceAddr4.decode(answer.in());
    assertThat(address.transport()).isEqualTo(RdmaDeviceAddr4.IWARP);
    assertThat(address.addr().port())
        .isEqualTo(server.server().rdmaAddress().orElseThrow().getPort());
    assertThat(address.addr().host()).isEqualTo("127.0.0.1");
    Answer small = deviceInfo(device, 8);
    assertThat(small.status()).isEqualTo("NFS4ERR_TOOSMALL");
    assertThat(small.in().int32()).isBetween(20, 100);
    assertThat(deviceInfo(device, 0).status()).isEqualTo("NFS4_OK");
    assertThat(deviceInfo(new DeviceId4(1, 2), 4096).status()).isEqualTo("NFS4ERR_NOENT");
  }

  private Answer deviceInfo(DeviceId4 device, int maxCount) {
    return client.call(
        c ->
            c.op(
                NfsOp4.OP_GETDEVICEINFO,
                o -> {
                  device.encode(o);
                  o.int32(LayoutConst4.LAYOUT4_RDMA);
                  o.int32(maxCount);
                  new Bitmap4().encode(o);
                }),
        NfsOp4.OP_GETDEVICEINFO);
  }

  @Test
  void layoutTypesAreToldInTheAttributes() {
    Answer answer =
        client.on(
            opened.handle(),
            NfsOp4.OP_GETATTR,
            new Bitmap4().set(FileAttributes.FATTR4_FS_LAYOUT_TYPES)::encode);
    new Bitmap4().decode(answer.in());
    answer.in().int32();
    assertThat(answer.in().int32()).isEqualTo(1);
    assertThat(answer.in().int32()).isEqualTo(LayoutConst4.LAYOUT4_RDMA);
  }

  @Test
  void wrongStateidsAndTypesAreRefused() {
    assertThat(layoutGet(1, Stateids.ANONYMOUS).status()).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(layoutGet(3, opened.stateid()).status()).isEqualTo("NFS4ERR_BADIOMODE");
    assertThat(layoutGet(1, opened.stateid().withSeqid(9)).status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
    Opened reading = client.open(root, "f", FileCalls.READ, DENY_NONE);
    assertThat(reading.status()).isEqualTo("NFS4_OK");
  }

  @Test
  void layoutIsHadByALockStateidAndLocksLeaveSealsAlone() {
    LockCalls calls = new LockCalls(client, opened.handle());
    Stateid4 locked = calls.lock(opened.stateid(), "a", 2, 0, 10).stateid();
    assertThat(layoutGet(LayoutConst4.LAYOUTIOMODE4_RW, locked).status()).isEqualTo("NFS4_OK");

    Stateid4 more = calls.lock(locked, 1, 5, 100).stateid();
    assertThat(calls.unlock(more, 0, -1).status()).isEqualTo("NFS4_OK");

    assertThat(server.server().arbiter().layoutCount()).as("nothing was recalled").isEqualTo(1);
    assertThat(layoutGet(LayoutConst4.LAYOUTIOMODE4_RW, locked).status())
        .isEqualTo("NFS4ERR_OLD_STATEID");
  }

  @Test
  void queuePairOfNoSessionIsRefused() {
    assertThatThrownBy(() ->
            DirectPeer.connect(server.server().rdmaAddress().orElseThrow(), new SessionId4(1, 2)))
        .isInstanceOf(RdmaException.class)
        .extracting(e -> ((RdmaException) e).reason())
        .isEqualTo(RdmaException.Reason.REFUSED);
  }

  @Test
  void handleIsUselessToAnotherClient() throws Exception {
    RdmaExtent4 extent = layout(LayoutConst4.LAYOUTIOMODE4_READ).first();
    FileCalls other = server.client("bob");
    try (DirectPeer peer =
        DirectPeer.connect(server.server().rdmaAddress().orElseThrow(), other.session().id())) {
      assertThat(peer.read(extent.handle(), extent.storageOffset(), new byte[10]))
          .isEqualTo(WorkStatus.REMOTE_ACCESS_ERROR);
    }
  }

  @Test
  void lastCloseKillsTheHandle() throws Exception {
    RdmaExtent4 extent = layout(LayoutConst4.LAYOUTIOMODE4_READ).first();
    try (DirectPeer peer = peer()) {
      assertThat(peer.read(extent.handle(), extent.storageOffset(), new byte[10]))
          .isEqualTo(WorkStatus.SUCCESS);
      assertThat(client.close(opened.handle(), opened.stateid())).isEqualTo("NFS4_OK");
      assertThat(peer.read(extent.handle(), extent.storageOffset(), new byte[10]))
          .isEqualTo(WorkStatus.REMOTE_ACCESS_ERROR);
    }
    assertThat(server.server().arbiter().layoutCount()).isZero();
  }

  @Test
  void queuePairGoesWithItsSession() throws Exception {
    RdmaExtent4 extent = layout(LayoutConst4.LAYOUTIOMODE4_READ).first();
    try (DirectPeer peer = peer()) {
      assertThat(peer.read(extent.handle(), extent.storageOffset(), new byte[10]))
          .isEqualTo(WorkStatus.SUCCESS);
      CompoundReply reply = client.session().call(c -> c.destroySession(client.session().id()));
      assertThat(reply.next(NfsOp4.OP_DESTROY_SESSION)).isEqualTo("NFS4_OK");
      assertThat(peer.read(extent.handle(), extent.storageOffset(), new byte[10]))
          .isNotEqualTo(WorkStatus.SUCCESS);
    }
  }

  @Test
  void silentHolderIsFencedAndTheOtherProcessGoesOn() throws Exception {
    restartImpatient();
    Layout layout = layout(LayoutConst4.LAYOUTIOMODE4_RW);
    RdmaExtent4 extent = layout.first();
    CountDownLatch released = new CountDownLatch(1);
    server
        .server()
        .metrics()
        .addListener(event -> {
          if (event.step() == Step.SEAL_RELEASED) {
            released.countDown();
          }
        });
    try (DirectPeer peer = peer()) {
      assertThat(peer.read(extent.handle(), extent.storageOffset(), new byte[10]))
          .isEqualTo(WorkStatus.SUCCESS);
      // Unlike truncate(1), dd opens the file without O_NONBLOCK, as nearly everybody does.
      Process truncate =
          new ProcessBuilder(
                  "dd", "if=/dev/null", "of=" + file(), "bs=1", "seek=5000", "status=none")
              .inheritIO()
              .start();
      assertThat(truncate.waitFor(40, TimeUnit.SECONDS)).isTrue();
      assertThat(truncate.exitValue()).isZero();
      assertThat(released.await(60, TimeUnit.SECONDS)).isTrue();
      assertThat(peer.write(extent.handle(), extent.storageOffset(), new byte[10]))
          .isNotEqualTo(WorkStatus.SUCCESS);
    }
    assertThat(Files.size(file())).isEqualTo(5000);
    // Sequence tells of it, TEST_STATEID which it was, FREE_STATEID ends it.
    assertThat(flags() & SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED).isNotZero();
    assertThat(testStateid(layout.stateid())).isNotEqualTo("NFS4_OK");
    Answer freed =
        client.call(
            c -> c.op(NfsOp4.OP_FREE_STATEID, o -> Stateids.encode(o, layout.stateid())),
            NfsOp4.OP_FREE_STATEID);
    assertThat(freed.status()).isEqualTo("NFS4_OK");
    assertThat(flags() & SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED).isZero();
    assertThat(
            server
                .server()
                .metrics()
                .values()
                .get(
                    "selkie_recall_outcomes_total"
                        + "{cause=\"kernel_lease_break\",outcome=\"fenced\"}"))
        .isEqualTo(1L);
  }

  private int flags() {
    CompoundReply reply =
        client.connection().call(client.session().next(0, false).op(NfsOp4.OP_PUTROOTFH));
    return reply.sequenceOk();
  }

  private String testStateid(Stateid4 stateid) {
    Answer answer =
        client.call(
            c ->
                c.op(
                    NfsOp4.OP_TEST_STATEID,
                    o -> {
                      o.int32(1);
                      Stateids.encode(o, stateid);
                    }),
            NfsOp4.OP_TEST_STATEID);
    assertThat(answer.in().int32()).isEqualTo(1);
    return io.selkie.protocol.nfs4.NfsStat4.name(answer.in().int32());
  }

  @Test
  void truncationByAnotherClientWaitsUntilTheHandleIsDead() throws Exception {
    restartImpatient();
    RdmaExtent4 extent = layout(LayoutConst4.LAYOUTIOMODE4_RW).first();
    CountDownLatch dead = new CountDownLatch(1);
    server
        .server()
        .metrics()
        .addListener(event -> {
          if (event.step() == Step.HANDLE_INVALIDATED) {
            dead.countDown();
          }
        });
    FileCalls other = server.client("bob");
    assertThat(other.setAttr(opened.handle(), Stateids.ANONYMOUS, size(10)))
        .isEqualTo("NFS4ERR_DELAY");
    assertThat(Files.size(file())).isEqualTo(LENGTH);
    assertThat(dead.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(
            DelegationFixture.insistOn(
                () -> other.setAttr(opened.handle(), Stateids.ANONYMOUS, size(10))))
        .isEqualTo("NFS4_OK");
    assertThat(Files.size(file())).isEqualTo(10);
    try (DirectPeer peer = peer()) {
      assertThat(peer.read(extent.handle(), extent.storageOffset(), new byte[5]))
          .isEqualTo(WorkStatus.REMOTE_ACCESS_ERROR);
    }
  }

  @Test
  void growingRecallsNothing() {
    layout(LayoutConst4.LAYOUTIOMODE4_RW);
    assertThat(client.setAttr(opened.handle(), opened.stateid(), size(LENGTH * 2L)))
        .isEqualTo("NFS4_OK");
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(1);
  }

  @Test
  void clientThatLeavesLeavesNothingBehind() throws Exception {
    layout(LayoutConst4.LAYOUTIOMODE4_RW);
    assertThat(server.server().sessions().revoke(client.session().clientId())).isTrue();
    CountDownLatch closed = new CountDownLatch(1);
    client.connection().close();
    // Another client gets the whole file for itself once everything of the first one is gone.
    FileCalls other = server.client("bob");
    Thread.ofVirtual()
        .start(() -> {
          while (!other.open(root, "f", BOTH, BOTH).status().equals("NFS4_OK")) {
            Thread.onSpinWait();
          }
          closed.countDown();
        });
    assertThat(closed.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(server.server().arbiter().layoutCount()).isZero();
  }

  @Test
  void removedFileKeepsItsLayoutUntilItIsClosed() throws Exception {
    RdmaExtent4 extent = layout(LayoutConst4.LAYOUTIOMODE4_READ).first();
    assertThat(client.remove(root, "f")).isEqualTo("NFS4_OK");
    try (DirectPeer peer = peer()) {
      byte[] bytes = new byte[6];
      assertThat(peer.read(extent.handle(), extent.storageOffset(), bytes))
          .isEqualTo(WorkStatus.SUCCESS);
      assertThat(new String(bytes, UTF_8)).isEqualTo("selkie");
    }
    assertThat(client.close(opened.handle(), opened.stateid())).isEqualTo("NFS4_OK");
    assertThat(server.server().opens().count()).isZero();
  }

  @Test
  void exportWithoutLayoutsSaysSo() throws IOException {
    stop();
    start("layouts: false", ServerFixture.longRecallMillis());
    assertThat(layoutGet(LayoutConst4.LAYOUTIOMODE4_READ, opened.stateid()).status())
        .isEqualTo("NFS4ERR_LAYOUTUNAVAILABLE");
  }

  @Test
  void troubleThatMayPassIsWorthAskingAgain() {
    assertThat(withheld(Export.Withheld.FOR_NOW)).isEqualTo("NFS4ERR_LAYOUTTRYLATER");
    assertThat(withheld(Export.Withheld.FOR_GOOD)).isEqualTo("NFS4ERR_LAYOUTUNAVAILABLE");
  }

  private String withheld(Export.Withheld how) {
    String status = "NFS4_OK";
    // The server's own watch finds the file system well, and may say so in between.
    for (int i = 0; i < 100 && status.equals("NFS4_OK"); i++) {
      server.server().exports().get("data").withholdLayouts(how);
      status = layoutGet(LayoutConst4.LAYOUTIOMODE4_READ, opened.stateid()).status();
    }
    return status;
  }

  @Test
  void changeOfAReadOnlyExportRecallsNothing() throws IOException {
    stop();
    start("readOnly: true", ServerFixture.longRecallMillis());
    opened = client.open(root, "f", FileCalls.READ, DENY_NONE);
    layout(LayoutConst4.LAYOUTIOMODE4_READ);
    FileCalls other = server.client("bob");
    assertThat(other.setAttr(opened.handle(), Stateids.ANONYMOUS, FileCalls.mode(0600)))
        .isEqualTo("NFS4ERR_ROFS");
    assertThat(other.setAttr(opened.handle(), Stateids.ANONYMOUS, size(0)))
        .isEqualTo("NFS4ERR_ROFS");
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(1);
  }

  private Path file() {
    return server.export().resolve("f");
  }
}
