package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.protocol.nfs4.NfsStat4;

/** Returns what it goes on using. */
final class ReturningAndWriting implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    client.later(
        0,
        "return and write on",
        () -> {
          client.floodOn(recall);
          client.giveBack(recall, ReturnManner.WHILE_WRITING);
        });
    return NfsStat4.NFS4_OK;
  }
}
