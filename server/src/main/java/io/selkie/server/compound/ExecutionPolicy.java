package io.selkie.server.compound;

/**
 * Decides which thread runs an operation; the one place where that is decided.
 *
 * <p>A compound starts on the event loop that received it. It stays there as long as its operations
 * only touch memory, which saves the wake-up of another thread; before the first one that may enter
 * the file system it moves to a worker, and stays there to its end: a second move would cost more
 * than what is left.
 */
@FunctionalInterface
public interface ExecutionPolicy {

  /** The policy described above. */
  ExecutionPolicy BY_COST = operation -> operation.cost() == Operation.Cost.BLOCKING;

  /** Every compound is run by a worker. */
  ExecutionPolicy ALWAYS_WORKER = operation -> true;

  /** Returns whether an operation that is about to run on an event loop must move to a worker. */
  boolean needsWorker(Operation operation);
}
