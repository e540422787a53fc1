package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** Denies that there is anything to return. */
final class Denying implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    return NfsStat4.NFS4ERR_NOMATCHING_LAYOUT;
  }
}
