package io.selkie.posix;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Credentials of one thread that are not the kernel's, and whose n-th change can be made fail. */
final class FakeCredentials implements ThreadCredentials {
  private final long allCapabilities = -1L;
  private long dropped;
  int fsUid;
  int fsGid;
  int[] groups = {0};
  int failAt = Integer.MAX_VALUE;
  boolean keepsCapabilities;
  final List<String> changes = new ArrayList<>();

  private boolean fails(String change) {
    changes.add(change);
    return changes.size() >= failAt;
  }

  @Override
  public int setFsUid(int uid) {
    int before = fsUid;
    if (uid != NO_CHANGE && !fails("uid " + uid)) {
      fsUid = uid;
    }
    return before;
  }

  @Override
  public int setFsGid(int gid) {
    int before = fsGid;
    if (gid != NO_CHANGE && !fails("gid " + gid)) {
      fsGid = gid;
    }
    return before;
  }

  @Override
  public int setGroups(int[] newGroups, int count) {
    int[] wanted = Arrays.copyOf(newGroups, count);
    if (fails("groups " + Arrays.toString(wanted))) {
      return Errno.EPERM.result();
    }
    groups = wanted;
    return 0;
  }

  @Override
  public int getGroups(int[] into) {
    System.arraycopy(groups, 0, into, 0, Math.min(groups.length, into.length));
    return groups.length;
  }

  @Override
  public long effectiveCapabilities() {
    return fsUid == 0 || keepsCapabilities ? allCapabilities & ~dropped : 0;
  }

  @Override
  public int dropEffective(Capability capability) {
    dropped |= capability.mask();
    return 0;
  }
}
