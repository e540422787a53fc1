package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** Returns what it does not have. */
final class ReturningAnother implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    client.later(0, "return another", () -> client.giveBack(recall, ReturnManner.NOT_HELD));
    return NfsStat4.NFS4_OK;
  }
}
