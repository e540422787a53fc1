package io.selkie.posix;

/**
 * The credentials that the kernel keeps for each thread: what it looks at when a thread enters the
 * file system. Each method is one system call of the calling thread and of no other; the C library
 * has functions of the same names that change the whole process.
 *
 * <p>Results as in {@link Kernel}, but for {@link #setFsUid} and {@link #setFsGid}, which cannot
 * say that they failed: ask again with {@link #NO_CHANGE}. Safe for use by several threads.
 */
public interface ThreadCredentials {

  /** A user or group that nobody can be: changes nothing, and the answer is the present one. */
  int NO_CHANGE = -1;

  /**
   * {@code setfsuid(2)}. From 0 to another one the thread loses the capabilities that let root
   * ignore permissions; back to 0 it has them again.
   *
   * @return the one before
   */
  int setFsUid(int uid);

  /**
   * {@code setfsgid(2)}.
   *
   * @return the one before
   */
  int setFsGid(int gid);

  /** {@code setgroups(2)}: the first {@code count} of them. */
  int setGroups(int[] groups, int count);

  /**
   * {@code getgroups(2)}.
   *
   * @return how many there are, those that have no room in {@code into} not stored
   */
  int getGroups(int[] into);

  /** {@code capget(2)}: the effective capabilities as a mask of their numbers; never fails. */
  long effectiveCapabilities();

  /** {@code capset(2)}: takes one out of the effective ones, for good. */
  int dropEffective(Capability capability);
}
