package io.selkie.rdma;

/**
 * Completions of a queue pair, reaped by the thread that waits for them: with the {@code iwarp}
 * provider that thread also drives the socket while it waits, so a round trip costs no hand-over.
 *
 * <p>Several threads may poll and await; each completion is given to one of them.
 */
public interface CompletionQueue {

  /** Receives completions; called on the polling thread, must not post a blocking wait. */
  @FunctionalInterface
  interface Sink {
    /**
     * Takes one completion.
     *
     * @param workId as posted
     * @param status how it ended
     */
    void onCompletion(long workId, WorkStatus status);
  }

  /**
   * Reaps what is there, driving the connection without blocking.
   *
   * @param limit most completions to give to {@code sink}
   * @return how many were given
   */
  int poll(Sink sink, int limit);

  /**
   * Like {@link #poll}, but blocks until there is at least one or the time is over.
   *
   * @param timeoutNanos greater than 0
   * @return how many were given; 0 when the time was over
   */
  int await(Sink sink, int limit, long timeoutNanos) throws InterruptedException;
}
