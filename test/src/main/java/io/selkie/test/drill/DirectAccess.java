package io.selkie.test.drill;

import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.WorkStatus;

/** Goes through a range of a layout, access by access, over a queue pair of its own. */
final class DirectAccess {

  private final DrillClient client;
  private final HeldLayout layout;
  private final Access access;

  /** One access. */
  @FunctionalInterface
  interface Access {
    WorkStatus go(Link link, int key, long place, long offset, int length)
        throws InterruptedException;
  }

  DirectAccess(DrillClient client, HeldLayout layout, Access access) {
    this.client = client;
    this.layout = layout;
    this.access = access;
  }

  /** All of it, or the status of the first access that failed. */
  WorkStatus over(long offset, long length) throws StepFailedException, InterruptedException {
    try (Link link = client.link(layout)) {
      long end = offset + length;
      for (long at = offset; at < end; ) {
        long place = at;
        RdmaExtent4 extent =
            layout
                .at(at)
                .orElseThrow(() ->
                    new StepFailedException(
                        "byte %d of %s is in no extent that %s was granted"
                            .formatted(place, layout.file().name(), client.name())));
        long left = Math.min(end, extent.fileOffset() + extent.length()) - at;
        int bytes = (int) Math.min(left, Link.ACCESS_BYTES_MAX);
        boolean wasOver = layout.over().isDone();
        WorkStatus status =
            access.go(
                link,
                extent.handle(),
                extent.storageOffset() + at - extent.fileOffset(),
                at,
                bytes);
        client.count(layout, status == WorkStatus.SUCCESS, wasOver);
        if (status != WorkStatus.SUCCESS) {
          client.noteRefused(status.name());
          return status;
        }
        at += bytes;
      }
      return WorkStatus.SUCCESS;
    } catch (RdmaException e) {
      client.count(layout, false, layout.over().isDone());
      client.noteRefused("no queue pair: " + e.reason());
      return WorkStatus.CONNECTION_LOST;
    }
  }
}
