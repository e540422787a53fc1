package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.FileCalls.Answer;

/** A layout of a whole file, until it is given back. */
@SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
record HeldLayout(FileCalls client, byte[] handle, Stateid4 stateid, RdmaLayout4 content) {

  static HeldLayout get(FileCalls client, byte[] handle, Stateid4 open, int ioMode) {
    Answer answer = client.layoutGet(handle, open, ioMode);
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
    assertThat(client.layoutReturn(handle, stateid).status()).isEqualTo("NFS4_OK");
  }
}
