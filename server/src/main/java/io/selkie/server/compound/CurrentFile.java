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
}
