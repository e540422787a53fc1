package io.selkie.posix;

import java.util.Arrays;

/**
 * As whom a thread enters the file system: user, group and further groups. Immutable. All numbers
 * are unsigned 32 bits.
 */
public final class FsUser {
  private static final int[] NONE = {};

  /** As many as AUTH_SYS carries. */
  private static final int FEW = 16;

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
    if (groups.length == 0) {
      return new FsUser(uid, gid, NONE);
    }
    int[] kept =
        groups.length > FEW
            ? Arrays.stream(groups).filter(group -> group != gid).distinct().toArray()
            : few(gid, groups);
    return new FsUser(uid, gid, kept.length == 0 ? NONE : kept);
  }

  /** The same as of many; each request comes here, so it makes no streams. */
  private static int[] few(int gid, int[] groups) {
    int[] kept = new int[groups.length];
    int count = 0;
    for (int group : groups) {
      boolean known = group == gid;
      for (int i = 0; i < count && !known; i++) {
        known = kept[i] == group;
      }
      if (!known) {
        kept[count] = group;
        count++;
      }
    }
    return count == kept.length ? kept : Arrays.copyOf(kept, count);
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
