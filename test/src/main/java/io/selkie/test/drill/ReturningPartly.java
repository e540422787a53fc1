package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** Returns some of it in time and keeps the rest. */
final class ReturningPartly implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    client.later(0, "return", () -> client.giveBack(recall, ReturnManner.FIRST_HALF));
    return NfsStat4.NFS4_OK;
  }
}
