package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** Uses the layout more than ever. */
final class WritingOn implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    client.later(0, "write on", () -> client.floodOn(recall));
    return NfsStat4.NFS4_OK;
  }
}
