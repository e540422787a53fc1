package io.selkie.server.identity;

import io.selkie.config.ClientRule;
import io.selkie.posix.FsUser;
import io.selkie.server.identity.ExportAccess.Grant;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * The user of a request with the groups that this machine knows instead of those that the request
 * claims. Of claims nothing is left: whom the machine does not know has no group at all but the
 * anonymous one, and what is looked up is squashed like what is claimed. For one thread at a time;
 * allocates only when the groups are others than before.
 */
final class ManagedUser {

  private static final int[] NONE = {};

  private final FsUser claimed;
  private final boolean squashesRoot;
  private final int anonymousGid;

  /** As they were looked up, before squashing; null as long as nothing was. */
  private int[] known;

  private FsUser user;

  /**
   * Of a request.
   *
   * @param claimed as the request says, squashed already
   * @param grant how it is squashed
   */
  ManagedUser(FsUser claimed, Grant grant) {
    this.claimed = claimed;
    this.squashesRoot = grant.squash() == ClientRule.Squash.ROOT;
    this.anonymousGid = grant.anonGid();
    this.user = FsUser.of(claimed.uid(), anonymousGid, NONE);
  }

  /**
   * Looks the groups up.
   *
   * @param mayWait whether a stage may be answered
   * @return null when {@link #user} says what counts; otherwise a stage to wait for, to ask again
   *     after it, that fails when they cannot be had now. Without leave to wait nobody has groups
   *     that are not known
   */
  CompletionStage<?> lookUp(Users users, boolean mayWait) {
    Optional<int[]> groups = users.knownGroups(claimed.uid());
    if (groups != null) {
      take(groups.orElse(NONE));
      return null;
    }
    return mayWait ? users.askGroups(claimed.uid()) : null;
  }

  private void take(int[] groups) {
    if (Arrays.equals(groups, known)) {
      return;
    }
    known = groups;
    int[] squashed = new int[groups.length];
    for (int i = 0; i < groups.length; i++) {
      squashed[i] = Callers.squashed(squashesRoot, groups[i], anonymousGid);
    }
    user = FsUser.of(claimed.uid(), first(squashed), squashed);
  }

  /**
   * What the request names first is a claim like the others: it is the group of new files only for
   * a member of it.
   */
  private int first(int[] groups) {
    for (int group : groups) {
      if (group == claimed.gid()) {
        return group;
      }
    }
    return groups.length == 0 ? anonymousGid : groups[0];
  }

  /** Who enters the file system. */
  FsUser user() {
    return user;
  }
}
