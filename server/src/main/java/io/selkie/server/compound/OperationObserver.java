package io.selkie.server.compound;

/** Told how each operation ended; on the thread that ended it, so it must be quick. */
@FunctionalInterface
public interface OperationObserver {

  /**
   * An operation was answered.
   *
   * @param opcode OP_ILLEGAL for one that is not there
   */
  void ended(int opcode, int status);

  /** An operation begins; what is given here comes back at its end. Such as the time. */
  default long begins(Operation operation) {
    return 0;
  }

  /**
   * An operation was answered.
   *
   * @param clientId 0 when it is not known
   * @param begun what {@link #begins} gave; 0 for an operation that has not begun
   */
  default void ended(int opcode, int status, long clientId, long begun) {
    ended(opcode, status);
  }
}
