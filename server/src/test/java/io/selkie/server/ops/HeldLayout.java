package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.FileCalls.Answer;

/** A layout of a whole file, until it is given back. */
@SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
record HeldLayout(FileCalls client, byte[] handle, Stateid4 stateid, RdmaLayout4 content) {

  static HeldLayout get(FileCalls client, byte[] handle, Stateid4 open, int ioMode) {
    Answer answer =
        client.on(
            handle,
            NfsOp4.OP_LAYOUTGET,
            o -> {
              o.bool(false);
              o.int32(LayoutConst4.LAYOUT4_RDMA);
              o.int32(ioMode);
              o.int64(0);
              o.int64(-1);
              o.int64(0);
              Stateids.encode(o, open);
              o.int32(65_536);
            });
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    XdrReader in = answer.in();
    in.bool();
    Stateid4 stateid = Stateids.decode(in);
    assertThat(in.int32()).isEqualTo(1);
    in.int64();
    in.int64();
    in.int32();
    in.int32();
    in.int32();
    return new HeldLayout(client, handle, stateid, RdmaLayout4.decode(in));
  }

  void giveBack() {
    Answer answer =
        client.on(
            handle,
            NfsOp4.OP_LAYOUTRETURN,
            o -> {
              o.bool(false);
              o.int32(LayoutConst4.LAYOUT4_RDMA);
              o.int32(LayoutConst4.LAYOUTIOMODE4_ANY);
              o.int32(LayoutConst4.LAYOUTRETURN4_FILE);
              o.int64(0);
              o.int64(-1);
              Stateids.encode(o, stateid);
              o.int32(0);
            });
    assertThat(answer.status()).isEqualTo("NFS4_OK");
  }
}
