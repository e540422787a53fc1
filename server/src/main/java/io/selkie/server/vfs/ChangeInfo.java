package io.selkie.server.vfs;

/**
 * A directory's change attribute around an operation ({@code change_info4}); never atomic, since
 * other processes may come between.
 *
 * @param before the change attribute before
 * @param after and after
 */
public record ChangeInfo(long before, long after) {
  /** Of an operation that changed nothing. */
  public static final ChangeInfo NONE = new ChangeInfo(0, 0);
}
