package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** Says that it will, and does not. */
final class Keeping implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    return NfsStat4.NFS4_OK;
  }
}
