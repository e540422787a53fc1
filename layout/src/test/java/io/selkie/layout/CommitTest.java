package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.layout.Rig.WHOLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADIOMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADLAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADXDR;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_IO;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOENT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOSPC;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NO_GRACE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutArbiter.DeviceInfoRequest;
import io.selkie.layout.LayoutArbiter.LayoutCommitRequest;
import io.selkie.layout.LayoutArbiter.LayoutReturnRequest;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.protocol.layout.rdma.RdmaLayoutUpdate4;
import io.selkie.protocol.layout.rdma.RdmaRange4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NetAddr4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** LAYOUTCOMMIT, GETDEVICEINFO and what reclaims are told. */
class CommitTest {

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, 10 * MB);

  private static ByteBuffer update(RdmaRange4... ranges) {
    ByteBuffer body = ByteBuffer.allocate(1024);
    new RdmaLayoutUpdate4(List.of(ranges)).encode(new XdrWriter(body));
    return body.flip();
  }

  @Test
  void commitFlushesWhatIsHeldForWritingInTheRange() {
    Stateid4 stateid = rig.get(file).rw().range(0, MB).granted().stateid();
    rig.get(file).rw().range(MB, MB).by(stateid).granted();
    rig.get(file).range(2 * MB, MB).by(stateid).granted();

    assertThat(rig.commit(file, 1, stateid, MB / 2, WHOLE).status()).isEqualTo(NFS4_OK);

    assertThat(file.flushed).containsExactly(new ByteRange(MB / 2, 2 * MB - MB / 2));
  }

  @Test
  void commitNeedsAWriteLayoutThere() {
    Stateid4 stateid = rig.get(file).rw().range(0, MB).granted().stateid();
    rig.get(file).range(MB, MB).by(stateid).granted();

    assertThat(rig.commit(file, 1, stateid, MB, MB).status()).isEqualTo(NFS4ERR_BADIOMODE);
    assertThat(rig.commit(file, 1, stateid, 5 * MB, MB).status()).isEqualTo(NFS4ERR_BADLAYOUT);
    assertThat(rig.commit(file, 1, stateid, 0, 0).status()).isEqualTo(NFS4ERR_BADLAYOUT);
    assertThat(rig.commit(file, 2, stateid, 0, MB).status()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.commit(file, 1, Rig.OPEN, 0, MB).status()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.commit(file, 1, stateid.withSeqid(0), 0, MB).status())
        .isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.commit(file, 1, stateid, 100, -50).status()).isEqualTo(NFS4ERR_INVAL);
    assertThat(file.flushed).isEmpty();
  }

  @Test
  void commitListMustBeAlignedSortedDisjointAndHeld() {
    Stateid4 stateid = rig.get(file).rw().range(0, MB).granted().stateid();
    var ok = update(new RdmaRange4(0, KB4), new RdmaRange4(KB4, KB4));

    assertThat(rig.commit(file, 1, stateid, 0, MB, ok).status()).isEqualTo(NFS4_OK);
    for (var bad :
        List.of(
            update(new RdmaRange4(1, KB4)),
            update(new RdmaRange4(0, 100)),
            update(new RdmaRange4(0, 0)),
            update(new RdmaRange4(0, -1)),
            update(new RdmaRange4(KB4, KB4), new RdmaRange4(0, KB4)),
            update(new RdmaRange4(0, 2 * KB4), new RdmaRange4(KB4, KB4)),
            update(new RdmaRange4(2 * MB, KB4)))) {
      assertThat(rig.commit(file, 1, stateid, 0, MB, bad).status()).isEqualTo(NFS4ERR_INVAL);
    }
    assertThat(rig.commit(file, 1, stateid, 0, MB, ByteBuffer.wrap(new byte[7])).status())
        .isEqualTo(NFS4ERR_BADXDR);
    assertThat(file.flushed).hasSize(1);
  }

  @Test
  void failedFlushIsSaid() {
    Stateid4 stateid = rig.get(file).rw().granted().stateid();
    file.flushResult = -5;
    assertThat(rig.commit(file, 1, stateid, 0, MB).status()).isEqualTo(NFS4ERR_IO);
    file.flushResult = -28;
    assertThat(rig.commit(file, 1, stateid, 0, MB).status()).isEqualTo(NFS4ERR_NOSPC);
  }

  @Test
  void sealStaysWhileAFlushRuns() {
    Stateid4 stateid = rig.get(file).rw().granted().stateid();
    rig.sealer.meanwhile =
        () -> {
          rig.giveBack(file, 1, stateid, 0, WHOLE, 3);
          rig.work();
          assertThat(rig.rdma.live()).isEmpty();
          assertThat(rig.isSealed(file)).isTrue();
        };

    assertThat(rig.commit(file, 1, stateid, 0, MB).status()).isEqualTo(NFS4_OK);

    rig.assertNothingIsLeft(file);
  }

  @Test
  void sealThatMustGoDoesNotWaitForAFlush() {
    Stateid4 stateid = rig.get(file).rw().granted().stateid();
    rig.breakLease(file);
    file.flushResult = -116;
    rig.sealer.meanwhile =
        () -> {
          rig.giveBack(file, 1, stateid, 0, WHOLE, 3);
          assertThat(rig.isSealed(file)).isFalse();
        };

    assertThat(rig.commit(file, 1, stateid, 0, MB).status()).isEqualTo(NFS4ERR_BADLAYOUT);

    rig.assertNothingIsLeft(file);
  }

  @Test
  void fenceEndsAFlushThatIsLong() {
    file.data(0, 1024 * MB);
    Stateid4 stateid = rig.get(file).rw().granted().stateid();
    rig.breakLease(file);
    rig.sealer.meanwhile =
        () -> {
          rig.time.advance(10 * SECOND);
          rig.work();
        };

    assertThat(rig.commit(file, 1, stateid, 0, WHOLE).status()).isEqualTo(NFS4ERR_DELEG_REVOKED);

    assertThat(file.flushed).hasSize(1);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void reclaimsAreToldThatThereIsNoGrace() {
    Stateid4 stateid = rig.get(file).rw().granted().stateid();
    var empty = ByteBuffer.allocate(0);
    assertThat(
            rig.arbiter
                .layoutCommit(
                    new LayoutCommitRequest(
                        1, file, stateid, LayoutConst4.LAYOUT4_RDMA, 0, MB, true, empty))
                .status())
        .isEqualTo(NFS4ERR_NO_GRACE);
    assertThat(
            rig.arbiter.layoutReturn(
                new LayoutReturnRequest(
                    1, file.identity(), stateid, 0x80000006, 3, 0, WHOLE, true, empty)))
        .isCompletedWithValueMatching(result -> result.status() == NFS4ERR_NO_GRACE);
    assertThat(
            rig.arbiter.layoutReturn(
                new LayoutReturnRequest(
                    1,
                    file.identity(),
                    stateid,
                    0x80000006,
                    3,
                    0,
                    WHOLE,
                    false,
                    ByteBuffer.wrap(new byte[4]))))
        .isCompletedWithValueMatching(result -> result.status() == NFS4ERR_INVAL);
  }

  @Test
  void deviceInfoNamesTheListener() {
    var wildcard = rig.devices.add(Optional.empty(), 20050);
    var known = rig.devices.primary().orElseThrow();

    assertThat(address(known.id(), "2001:db8::1"))
        .isEqualTo(new NetAddr4("rdma", "192.0.2.1.78.81"));
    assertThat(address(wildcard.id(), "2001:db8::1"))
        .isEqualTo(new NetAddr4("rdma6", "2001:db8::1.78.82"));
    assertThat(
            rig.arbiter
                .deviceInfo(
                    new DeviceInfoRequest(new DeviceId4(1, 1), LayoutConst4.LAYOUT4_RDMA, 1, ""))
                .status())
        .isEqualTo(NFS4ERR_NOENT);
    assertThat(rig.arbiter.deviceInfo(new DeviceInfoRequest(known.id(), 5, 1, "")).status())
        .isEqualTo(NFS4ERR_UNKNOWN_LAYOUTTYPE);
    assertThat(rig.arbiter.layoutTypes()).containsExactly(LayoutConst4.LAYOUT4_RDMA);
  }

  private NetAddr4 address(DeviceId4 id, String arrivedAt) {
    var result =
        rig.arbiter.deviceInfo(new DeviceInfoRequest(id, LayoutConst4.LAYOUT4_RDMA, 1, arrivedAt));
    assertThat(result.status()).isEqualTo(NFS4_OK);
    return RdmaDeviceAddr4.decode(new XdrReader(result.addressBody())).addr();
  }
}
