package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** The honest one: what is recalled goes back as soon as accesses in flight are over. */
final class Returning implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    client.later(0, "return", () -> client.giveBack(recall, ReturnManner.HONEST));
    return NfsStat4.NFS4_OK;
  }
}
