package io.selkie.layout;

import io.selkie.lease.ByteRange;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Layouts being taken back for one reason, from the decision to the end of the last handle. Guarded
 * by its file's lock.
 */
final class Recall {
  final long id;
  final RecallCause cause;
  final ByteRange scope;

  /** Only layouts of this client; 0 stands for every client. */
  final long onlyClientId;

  /** On whose behalf it is: that client's own grants go on; 0 stands for nobody's. */
  final long exceptClientId;

  /** Whether the seal must go too. */
  final boolean wholeFile;

  final long deadlineNanos;
  final Set<Hold> holds = new LinkedHashSet<>();
  final List<PendingRecall> callbacks = new ArrayList<>(1);
  int openCallbacks;
  final TimerSlot deadline = new TimerSlot();

  /** Parts that are not dead yet. */
  int outstanding;

  Recall(
      long id,
      RecallCause cause,
      ByteRange scope,
      long onlyClientId,
      long exceptClientId,
      boolean wholeFile,
      long deadlineNanos) {
    this.id = id;
    this.cause = cause;
    this.scope = scope;
    this.onlyClientId = onlyClientId;
    this.exceptClientId = exceptClientId;
    this.wholeFile = wholeFile;
    this.deadlineNanos = deadlineNanos;
  }

  /** Whether a grant may not be made because of it. */
  boolean blocks(long clientId, ByteRange range) {
    return outstanding > 0
        && scope.overlaps(range)
        && (exceptClientId == 0 || exceptClientId != clientId)
        && (onlyClientId == 0 || onlyClientId == clientId);
  }
}
