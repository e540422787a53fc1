package io.selkie.client.layout;

import io.selkie.client.ClientCounters;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.FileHandle;
import io.selkie.client.RecallBehaviour;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.session.BackChannel;
import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.client.session.Deadline;
import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import java.io.IOException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All layouts of a client by file handle; takes the server's recalls. A recall is answered at once
 * on the connection's thread; the work goes to a worker. Safe for use by several threads.
 */
public final class LayoutRegistry implements BackChannel.Recalls {
  private static final Logger LOG = LoggerFactory.getLogger(LayoutRegistry.class);

  private final RecallBehaviour behaviour;
  private final Executor workers;
  private final Timers timers;
  private final ClientCounters counters;
  private final ConcurrentHashMap<FileHandle, Entry> layouts = new ConcurrentHashMap<>();
  private volatile LayoutCalls calls;
  private volatile Supplier<Deadline> deadlines;

  private record Entry(FileLayout layout, long fsidMajor, long fsidMinor) {}

  /**
   * No layouts yet.
   *
   * @param behaviour what to do about a recall
   * @param workers bounded; when it takes no more the server is asked to come back
   */
  public LayoutRegistry(
      RecallBehaviour behaviour, Executor workers, Timers timers, ClientCounters counters) {
    this.behaviour = behaviour;
    this.workers = workers;
    this.timers = timers;
    this.counters = counters;
  }

  /** Connects the registry to the session, which was made with it. */
  public void attach(LayoutCalls layoutCalls, Supplier<Deadline> newDeadline) {
    this.calls = layoutCalls;
    this.deadlines = newDeadline;
  }

  /** A file is open. */
  public void add(FileHandle handle, FileLayout layout, long fsidMajor, long fsidMinor) {
    layouts.put(handle, new Entry(layout, fsidMajor, fsidMinor));
  }

  /** A file is closed and its layout returned. */
  public void remove(FileHandle handle) {
    layouts.remove(handle);
  }

  @Override
  public int onLayoutRecall(LayoutRecall recall) {
    counters.increment(Counter.RECALLS);
    RecallBehaviour.Reaction reaction =
        behaviour.onRecall(
            new RecallBehaviour.Recall(
                recall.kind(),
                recall.ioMode(),
                recall.changed(),
                recall.file(),
                recall.offset(),
                recall.length()));
    return switch (reaction) {
      case RecallBehaviour.Ignore _ -> IGNORE;
      case RecallBehaviour.Refuse refuse -> refuse.status();
      case RecallBehaviour.AnswerAndKeep _ -> NfsStat4.NFS4_OK;
      case RecallBehaviour.Answer _ -> serve(recall);
      case RecallBehaviour.AnswerLate late -> {
        timers.schedule(late.delay().toNanos(), () -> serve(recall));
        yield NfsStat4.NFS4_OK;
      }
    };
  }

  private int serve(LayoutRecall recall) {
    boolean isOurs =
        recall.layoutType() == LayoutConst4.LAYOUT4_RDMA && recall.offset() >= 0 && calls != null;
    Runnable work =
        !isOurs
            ? null
            : recall.kind() == LayoutConst4.LAYOUTRECALL4_FILE
                ? fileWork(recall)
                : layouts.isEmpty() ? null : () -> returnBulk(recall);
    if (work == null) {
      counters.increment(Counter.RECALLS_NOT_MATCHING);
      return NfsStat4.NFS4ERR_NOMATCHING_LAYOUT;
    }
    try {
      workers.execute(work);
      return NfsStat4.NFS4_OK;
    } catch (RejectedExecutionException _) {
      return NfsStat4.NFS4ERR_DELAY;
    }
  }

  /** The work that a recall of one file makes, or null when nothing of it is held. */
  private Runnable fileWork(LayoutRecall recall) {
    long start = recall.offset();
    long end = recall.length() < 0 ? Long.MAX_VALUE : start + recall.length();
    long boundedEnd = end < start ? Long.MAX_VALUE : end;
    Entry entry = layouts.get(recall.file());
    return entry == null || !entry.layout.mayHold(start, boundedEnd)
        ? null
        : () -> returnFile(entry.layout, recall, start, boundedEnd);
  }

  private void returnFile(FileLayout layout, LayoutRecall recall, long start, long end) {
    try {
      layout.returnRecalled(start, end, recall.stateid(), deadlines.get());
    } catch (IOException e) {
      LOG.warn("recall of file {} not served: {}", recall.file(), e.getMessage(), e);
    }
  }

  private void returnBulk(LayoutRecall recall) {
    boolean isFsid = recall.kind() == LayoutConst4.LAYOUTRECALL4_FSID;
    FileHandle any = null;
    try {
      for (var file : layouts.entrySet()) {
        Entry entry = file.getValue();
        if (!isFsid
            || (entry.fsidMajor == recall.fsidMajor() && entry.fsidMinor == recall.fsidMinor())) {
          any = file.getKey();
          entry.layout.returnAll(deadlines.get());
        }
      }
      if (any != null || !isFsid) {
        int status =
            calls.layoutReturnBulk(
                isFsid ? any : null, recall.kind(), recall.ioMode(), deadlines.get());
        LOG.debug("bulk recall of kind {} served: {}", recall.kind(), NfsStat4.name(status));
      }
    } catch (IOException e) {
      LOG.warn("bulk recall of kind {} not served: {}", recall.kind(), e.getMessage(), e);
    }
  }

  /** Asks about every layout stateid and drops those that were revoked. */
  public void dropRevoked() throws IOException {
    for (Entry entry : layouts.values()) {
      Stateid4 stateid = entry.layout.stateidToTest();
      if (stateid != null) {
        int status = calls.testStateid(stateid, deadlines.get());
        if (status != NfsStat4.NFS4_OK && status != NfsStat4.NFS4ERR_OLD_STATEID) {
          entry.layout.dropRevoked(deadlines.get());
        }
      }
    }
  }
}
