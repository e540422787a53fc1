package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** Honest, but slow. */
final class ReturningLate implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    client.later(
        client.delayMillis(), "return", () -> client.giveBack(recall, ReturnManner.HONEST));
    return NfsStat4.NFS4_OK;
  }
}
