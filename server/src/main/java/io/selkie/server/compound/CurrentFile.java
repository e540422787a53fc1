package io.selkie.server.compound;

/**
 * What a current or saved filehandle stands for. The engine only carries it from one operation to
 * the next; the file system defines it.
 *
 * <p>An implementation that holds something open is not told when the compound ends: it must be
 * plain memory, or be owned by somebody else.
 */
public interface CurrentFile {

  /** What operations on it depend on, see {@link Places}. */
  default int place() {
    return Places.NOWHERE;
  }

  /**
   * Before an operation on it begins: what it belongs to stays until {@link #leave}, also while the
   * operation waits for something.
   *
   * @return false when that is being taken away, so that the operation must not begin
   */
  default boolean enter() {
    return true;
  }

  /** After an operation, once for each {@link #enter} that answered true; from any thread. */
  default void leave() {}
}
