package io.selkie.posix;

import java.util.Arrays;

/**
 * As whom a thread enters the file system: user, group and further groups. Immutable. All numbers
 * are unsigned 32 bits.
 */
public final class FsUser {
  private static final int[] NONE = {};

  private final int uid;
  private final int gid;
  private final int[] groups;

  private FsUser(int uid, int gid, int[] groups) {
    this.uid = uid;
    this.gid = gid;
    this.groups = groups;
  }

  /** A user; groups that say the same twice, or what {@code gid} says already, are left out. */
  public static FsUser of(int uid, int gid, int... groups) {
    int[] kept = Arrays.stream(groups).filter(group -> group != gid).distinct().toArray();
    return new FsUser(uid, gid, kept.length == 0 ? NONE : kept);
  }

  /** The user. */
  public int uid() {
    return uid;
  }

  /** The group that new files get. */
  public int gid() {
    return gid;
  }

  /** How many further groups there are. */
  public int groupCount() {
    return groups.length;
  }

  /** One of the further groups. */
  public int group(int index) {
    return groups[index];
  }

  int[] groups() {
    return groups;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FsUser user
        && user.uid == uid
        && user.gid == gid
        && Arrays.equals(user.groups, groups);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * uid + gid) + Arrays.hashCode(groups);
  }

  @Override
  public String toString() {
    return "uid=%s gid=%s groups=%s"
        .formatted(
            Integer.toUnsignedString(uid),
            Integer.toUnsignedString(gid),
            Arrays.stream(groups).mapToObj(Integer::toUnsignedString).toList());
  }
}
