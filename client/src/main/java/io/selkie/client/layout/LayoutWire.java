package io.selkie.client.layout;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.FileHandle;
import io.selkie.client.direct.DirtyRange;
import io.selkie.client.layout.FileLayout.ReturnOutcome;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.nfs.LayoutCalls.Returned;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.StateListener;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The calls that end a file's layout, with what their answers mean and what they count. */
final class LayoutWire implements DirtyCommits.Wire {
  private static final Logger LOG = LoggerFactory.getLogger(LayoutWire.class);

  private final FileHandle handle;
  private final String path;
  private final LayoutContext context;

  LayoutWire(FileHandle handle, String path, LayoutContext context) {
    this.handle = handle;
    this.path = path;
    this.context = context;
  }

  Returned sendReturn(
      ReturnRequest request, Stateid4 presented, long start, long end, Deadline deadline)
      throws IOException {
    long length = end == Long.MAX_VALUE ? LayoutCalls.TO_THE_END : end - start;
    return context
        .calls()
        .layoutReturn(handle, path, presented, request.ioMode(), start, length, deadline);
  }

  ReturnOutcome judge(Returned returned, Stateid4 presented) throws IOException {
    if (returned.status() == NfsStat4.NFS4_OK) {
      context.counters().increment(Counter.LAYOUTS_RETURNED);
      return ReturnOutcome.RETURNED;
    }
    if (!LayoutCalls.isStateGone(returned.status())) {
      LOG.warn("{}: LAYOUTRETURN answered {}", path, NfsStat4.name(returned.status()));
    }
    return free(presented);
  }

  /** The layout is void on the server; its stateid is freed so that the server forgets it. */
  ReturnOutcome free(Stateid4 revoked) throws IOException {
    context.counters().increment(Counter.FENCES);
    int status = context.calls().freeStateid(revoked, context.session().deadline());
    LOG.info("{}: fenced; FREE_STATEID answered {}", path, NfsStat4.name(status));
    return ReturnOutcome.FENCED;
  }

  /**
   * LAYOUTCOMMIT in reclaim mode of what was written before a restart of the server (RFC 8881
   * section 12.7.4); false when the server does not take it.
   */
  @Override
  public boolean reclaimCommit(
      DirtyRange.Taken taken, Stateid4 lost, StateListener.RecoveryCalls calls) throws IOException {
    int status =
        context
            .calls()
            .reclaimCommit(
                calls,
                handle,
                path,
                lost,
                taken.start(),
                taken.length(),
                context.wallClock().instant());
    LOG.info("{}: LAYOUTCOMMIT after a restart answered {}", path, NfsStat4.name(status));
    return status == NfsStat4.NFS4_OK;
  }

  /** LAYOUTCOMMIT; false when the server does not take it. */
  @Override
  public boolean commit(DirtyRange.Taken taken, Stateid4 presented, Deadline deadline)
      throws IOException {
    int status =
        context
            .calls()
            .layoutCommit(
                handle,
                path,
                presented,
                taken.start(),
                taken.length(),
                context.wallClock().instant(),
                deadline);
    if (status == NfsStat4.NFS4_OK) {
      context.counters().increment(Counter.LAYOUT_COMMITS);
      return true;
    }
    LOG.info("{}: LAYOUTCOMMIT answered {}", path, NfsStat4.name(status));
    return false;
  }
}
