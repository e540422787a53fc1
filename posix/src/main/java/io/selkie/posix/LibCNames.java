package io.selkie.posix;

/**
 * The functions of the C library that ask the name services; public only because the binding is
 * generated in a class loader of its own. Use {@link NameService}.
 */
public interface LibCNames {
  /** {@code getpwnam_r}. */
  int getpwnam_r(long name, long entry, long buffer, long size, long result);

  /** {@code getpwuid_r}. */
  int getpwuid_r(int uid, long entry, long buffer, long size, long result);

  /** {@code getgrnam_r}. */
  int getgrnam_r(long name, long entry, long buffer, long size, long result);

  /** {@code getgrgid_r}. */
  int getgrgid_r(int gid, long entry, long buffer, long size, long result);

  /** {@code getgrouplist}. */
  int getgrouplist(long user, int group, long groups, long count);
}
