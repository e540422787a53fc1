package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.client.session.BackChannel.Recalls;

/** The connection is lost with the recall unanswered. */
final class Disconnecting implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    client.later(0, "disconnect", client::disconnect);
    return Recalls.IGNORE;
  }
}
