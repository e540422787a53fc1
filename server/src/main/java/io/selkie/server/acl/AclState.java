package io.selkie.server.acl;

import io.selkie.server.acl.PosixAcl.Entry;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the entries of an NFSv4 list read so far allow and deny to everybody who is named in it. An
 * entry decides about those bits that no earlier one decided about. Not for several threads.
 *
 * <p>Whoever is denied something by a name may be the owner too, and whoever is denied something as
 * a member of a group may be anybody: such a denial counts for all of them, which may grant less
 * than the list did and never more.
 */
final class AclState {

  /** Bits decided for one. */
  private static final class Bits {
    private int allowed;
    private int denied;

    void allow(int mask) {
      allowed |= mask & ~denied;
    }

    void deny(int mask) {
      denied |= mask & ~allowed;
    }

    Bits copy() {
      Bits copy = new Bits();
      copy.allowed = allowed;
      copy.denied = denied;
      return copy;
    }
  }

  private Bits owner = new Bits();
  private Bits group = new Bits();
  private Bits other = new Bits();

  /** What a user or group starts with who is named for the first time. */
  private final Bits everyone = new Bits();

  private final Map<Integer, Bits> users = new TreeMap<>(Integer::compareUnsigned);
  private final Map<Integer, Bits> groups = new TreeMap<>(Integer::compareUnsigned);

  /** Tags of POSIX lists that were spoken of. */
  private int seen;

  boolean isEmpty() {
    return seen == 0;
  }

  void take(Nfs4Ace ace) {
    boolean allow = ace.type() == Nfs4Ace.ALLOW;
    int mask = ace.mask();
    switch (ace.who()) {
      case OWNER -> {
        seen |= PosixAcl.USER_OBJ;
        decide(owner, allow, mask);
      }
      case GROUP -> {
        seen |= PosixAcl.GROUP_OBJ;
        decide(group, allow, mask);
        if (!allow) {
          int denied = group.denied;
          owner.deny(denied);
          everyone.deny(denied);
          users.values().forEach(bits -> bits.deny(denied));
          groups.values().forEach(bits -> bits.deny(denied));
        }
      }
      case EVERYONE -> {
        seen |= PosixAcl.OTHER;
        for (Bits bits : List.of(owner, group, other, everyone)) {
          decide(bits, allow, mask);
        }
        decideAll(users.values(), allow, mask);
        decideAll(groups.values(), allow, mask);
      }
      case NAMED -> {
        if ((ace.flags() & Nfs4Ace.IDENTIFIER_GROUP) != 0) {
          takeGroup(ace.id(), allow, mask);
        } else {
          takeUser(ace.id(), allow, mask);
        }
      }
    }
  }

  private void takeUser(int id, boolean allow, int mask) {
    seen |= PosixAcl.USER;
    Bits bits = users.computeIfAbsent(id, _ -> everyone.copy());
    decide(bits, allow, mask);
    if (!allow) {
      owner.deny(bits.denied);
    }
  }

  private void takeGroup(int id, boolean allow, int mask) {
    seen |= PosixAcl.GROUP;
    Bits bits = groups.computeIfAbsent(id, _ -> everyone.copy());
    decide(bits, allow, mask);
    if (!allow) {
      int denied = bits.denied;
      owner.deny(denied);
      group.deny(denied);
      everyone.deny(denied);
      users.values().forEach(each -> each.deny(denied));
      groups.values().forEach(each -> each.deny(denied));
    }
  }

  private static void decideAll(Collection<Bits> all, boolean allow, int mask) {
    all.forEach(bits -> decide(bits, allow, mask));
  }

  private static void decide(Bits bits, boolean allow, int mask) {
    if (allow) {
      bits.allow(mask);
    } else {
      bits.deny(mask);
    }
  }

  /**
   * Of a default list that says something: what it does not say of owner, owning group and others
   * is what the directory's own list says, as setfacl does it.
   */
  void completeFrom(AclState access) {
    if (isEmpty()) {
      return;
    }
    if ((seen & PosixAcl.USER_OBJ) == 0) {
      owner = access.owner.copy();
    }
    if ((seen & PosixAcl.GROUP_OBJ) == 0) {
      group = access.group.copy();
    }
    if ((seen & PosixAcl.OTHER) == 0) {
      other = access.other.copy();
    }
  }

  /**
   * What was decided, as a POSIX list. A permission is given only when all that belongs to it was
   * allowed.
   *
   * @param write the bits that make up the permission to write
   */
  PosixAcl toAcl(int write) {
    List<Entry> entries = new ArrayList<>();
    entries.add(PosixAcl.entry(PosixAcl.USER_OBJ, mode(owner.allowed, write)));
    int mask = group.allowed;
    for (var user : users.entrySet()) {
      int allowed = user.getValue().allowed;
      entries.add(new Entry(PosixAcl.USER, mode(allowed, write), user.getKey()));
      mask |= allowed;
    }
    entries.add(PosixAcl.entry(PosixAcl.GROUP_OBJ, mode(group.allowed, write)));
    for (var each : groups.entrySet()) {
      int allowed = each.getValue().allowed;
      entries.add(new Entry(PosixAcl.GROUP, mode(allowed, write), each.getKey()));
      mask |= allowed;
    }
    if (!users.isEmpty() || !groups.isEmpty()) {
      entries.add(PosixAcl.entry(PosixAcl.MASK, mode(mask, write)));
    }
    entries.add(PosixAcl.entry(PosixAcl.OTHER, mode(other.allowed, write)));
    return new PosixAcl(entries);
  }

  private static int mode(int allowed, int write) {
    return ((allowed & Nfs4Ace.READ_DATA) != 0 ? 4 : 0)
        | ((allowed & write) == write ? 2 : 0)
        | ((allowed & Nfs4Ace.EXECUTE) != 0 ? 1 : 0);
  }
}
