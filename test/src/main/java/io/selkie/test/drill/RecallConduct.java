package io.selkie.test.drill;

import io.selkie.client.session.BackChannel.LayoutRecall;

/** Decides about a recall. Without state: what it needs is the client's. */
@FunctionalInterface
interface RecallConduct {

  /**
   * Answers one; called on the connection's thread, must not block.
   *
   * @return an nfsstat4, or {@link io.selkie.client.session.BackChannel.Recalls#IGNORE}
   */
  int onRecall(DrillClient client, LayoutRecall recall);
}
