package io.selkie.server.offload;

/**
 * Work that is done piece by piece. Used by one thread at a time, though not always the same one.
 */
public interface OffloadWork extends AutoCloseable {

  /** How a piece ended. */
  enum Step {
    /** There is more to do. */
    MORE,
    /** Something has to go first, a layout that is recalled: again in a while. */
    LATER,
    /** All is done. */
    DONE,
    /** It failed: {@link #status} says how. */
    FAILED
  }

  /** Does the next piece, which takes some ten milliseconds on a disk that is not slow. */
  Step step();

  /** Bytes done so far; may be asked at any time by any thread. */
  long doneBytes();

  /** NFS4_OK, or why it failed. */
  int status();

  /** Gives back what it holds; called once, and no {@link #step} after it. */
  @Override
  void close();
}
