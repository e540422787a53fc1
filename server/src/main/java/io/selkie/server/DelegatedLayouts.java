package io.selkie.server;

import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.RecallFilter;
import io.selkie.server.state.OpenTable;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executor;

/**
 * Takes away the layouts that hung on nothing but a delegation, when that is revoked: by force, as
 * it was. The client gave nothing back and may be writing still, and of block layouts nobody but
 * the fence waits until it must have stopped (S3).
 *
 * @param elsewhere where fences are begun; events are told by threads that may not block
 */
record DelegatedLayouts(LayoutArbiter arbiter, OpenTable opens, Executor elsewhere)
    implements LayoutEvents {

  @Override
  public void on(Event event) {
    if (event.step() == Step.DELEGATION_REVOKED) {
      elsewhere.execute(() -> revoked(event));
    }
  }

  private void revoked(Event event) {
    if (opens.accessOf(event.clientId(), event.file()) == 0
        && arbiter.delegations().accessOf(event.clientId(), event.file()) == 0) {
      var _ =
          arbiter.fence(
              new RecallFilter(
                  OptionalLong.of(event.clientId()),
                  Optional.of(event.file()),
                  OptionalLong.empty()),
              event.cause());
    }
  }
}
