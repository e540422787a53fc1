package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.client.session.BackChannel.Recalls;

/** The callback was never heard, as far as the server can tell. */
final class Ignoring implements RecallConduct {

  @Override
  public int onRecall(DrillClient client, LayoutRecall recall) {
    return Recalls.IGNORE;
  }
}
