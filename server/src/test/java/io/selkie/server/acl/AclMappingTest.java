package io.selkie.server.acl;

import static io.selkie.server.acl.Nfs4Ace.ALLOW;
import static io.selkie.server.acl.Nfs4Ace.APPEND_DATA;
import static io.selkie.server.acl.Nfs4Ace.DELETE_CHILD;
import static io.selkie.server.acl.Nfs4Ace.DENY;
import static io.selkie.server.acl.Nfs4Ace.DIRECTORY_INHERIT;
import static io.selkie.server.acl.Nfs4Ace.EXECUTE;
import static io.selkie.server.acl.Nfs4Ace.FILE_INHERIT;
import static io.selkie.server.acl.Nfs4Ace.IDENTIFIER_GROUP;
import static io.selkie.server.acl.Nfs4Ace.INHERIT_ONLY;
import static io.selkie.server.acl.Nfs4Ace.READ_DATA;
import static io.selkie.server.acl.Nfs4Ace.WRITE_DATA;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.server.acl.AclMapping.PosixAcls;
import io.selkie.server.acl.Nfs4Ace.Who;
import io.selkie.server.acl.PosixAcl.Entry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/**
 * Goal: what an NFSv4 list grants is what the POSIX list grants, for whoever asks, tried against
 * two models that follow the definitions word by word.
 */
class AclMappingTest {
  private static final int OWNER = 100;
  private static final int GROUP = 200;
  private static final int ANYONE =
      Nfs4Ace.READ_ATTRIBUTES | Nfs4Ace.READ_ACL | Nfs4Ace.SYNCHRONIZE;
  private static final int OWNERS = Nfs4Ace.WRITE_ATTRIBUTES | Nfs4Ace.WRITE_ACL;

  /** Somebody who asks: a user and the groups that user is in. */
  private record Asker(int uid, List<Integer> gids) {}

  private static final List<Asker> ASKERS = askers();

  private static List<Asker> askers() {
    List<Asker> askers = new ArrayList<>();
    for (int uid : new int[] {OWNER, 1, 2, 3}) {
      for (int groups = 0; groups < 8; groups++) {
        List<Integer> gids = new ArrayList<>();
        int[] all = {GROUP, 11, 12};
        for (int i = 0; i < 3; i++) {
          if ((groups & 1 << i) != 0) {
            gids.add(all[i]);
          }
        }
        askers.add(new Asker(uid, gids));
      }
    }
    return askers;
  }

  @Test
  void plainModeIsThreeEntriesWithDenialsOnlyWhereLaterOnesGrantMore() {
    assertThat(AclMapping.toNfs4(acls(PosixAcl.ofMode(0640)), false))
        .containsExactly(
            ace(ALLOW, 0, READ_DATA | WRITE_DATA | APPEND_DATA | ANYONE | OWNERS, Who.OWNER),
            ace(ALLOW, 0, READ_DATA | ANYONE, Who.GROUP),
            ace(ALLOW, 0, ANYONE, Who.EVERYONE));
    assertThat(AclMapping.toNfs4(acls(PosixAcl.ofMode(0047)), false))
        .containsExactly(
            ace(DENY, 0, READ_DATA | WRITE_DATA | APPEND_DATA | EXECUTE, Who.OWNER),
            ace(ALLOW, 0, ANYONE | OWNERS, Who.OWNER),
            ace(ALLOW, 0, READ_DATA | ANYONE, Who.GROUP),
            ace(DENY, 0, WRITE_DATA | APPEND_DATA | EXECUTE, Who.GROUP),
            ace(ALLOW, 0, READ_DATA | WRITE_DATA | APPEND_DATA | EXECUTE | ANYONE, Who.EVERYONE));
  }

  @Test
  void defaultListIsInheritedOnlyAndWritingADirectoryTakesDeleteChild() {
    List<Nfs4Ace> aces =
        AclMapping.toNfs4(
            new PosixAcls(PosixAcl.ofMode(0700), Optional.of(PosixAcl.ofMode(0750))), true);
    assertThat(aces).hasSize(6);
    assertThat(aces.get(0).mask() & DELETE_CHILD).isNotZero();
    assertThat(aces.subList(3, 6))
        .allMatch(ace -> ace.flags() == (FILE_INHERIT | DIRECTORY_INHERIT | INHERIT_ONLY));
    assertThat(AclMapping.toPosix(aces, true))
        .contains(new PosixAcls(PosixAcl.ofMode(0700), Optional.of(PosixAcl.ofMode(0750))));
  }

  @Test
  void whatPosixCannotSayIsRefused() {
    Nfs4Ace fine = ace(ALLOW, 0, READ_DATA, Who.EVERYONE);
    assertThat(AclMapping.toPosix(List.of(fine, ace(2, 0, READ_DATA, Who.EVERYONE)), false))
        .isEmpty();
    // ACE4_NO_PROPAGATE_INHERIT_ACE.
    assertThat(AclMapping.toPosix(List.of(ace(ALLOW, 0x04, READ_DATA, Who.OWNER)), true)).isEmpty();
    assertThat(AclMapping.toPosix(List.of(ace(ALLOW, FILE_INHERIT, READ_DATA, Who.OWNER)), false))
        .isEmpty();
  }

  @Test
  void noEntriesMeanNoAccessAndNoDefaultList() {
    assertThat(AclMapping.toPosix(List.of(), true))
        .contains(new PosixAcls(PosixAcl.ofMode(0), Optional.empty()));
  }

  @Test
  void defaultListThatSaysTooLittleIsCompletedFromTheDirectorysOwn() {
    List<Nfs4Ace> aces = new ArrayList<>(AclMapping.toNfs4(acls(PosixAcl.ofMode(0751)), true));
    aces.add(new Nfs4Ace(ALLOW, FILE_INHERIT | INHERIT_ONLY, READ_DATA, Who.NAMED, 7));
    assertThat(AclMapping.toPosix(aces, true).orElseThrow().inherited())
        .contains(
            new PosixAcl(
                List.of(
                    PosixAcl.entry(PosixAcl.USER_OBJ, 7),
                    new Entry(PosixAcl.USER, 4, 7),
                    PosixAcl.entry(PosixAcl.GROUP_OBJ, 5),
                    PosixAcl.entry(PosixAcl.MASK, 5),
                    PosixAcl.entry(PosixAcl.OTHER, 1))));
  }

  @Test
  void everySmallListGrantsTheSameInBothWorldsAndComesBackTheSame() {
    int lists = 0;
    for (int owner = 0; owner < 8; owner++) {
      for (int group = 0; group < 8; group++) {
        for (int other = 0; other < 8; other++) {
          check(PosixAcl.ofMode(owner << 6 | group << 3 | other));
          lists++;
        }
      }
    }
    // With a user, a group and a mask, all that two of the three permissions can be.
    int[] few = {0, 2, 4, 6};
    for (int owner : few) {
      for (int user : few) {
        for (int group : few) {
          for (int named : few) {
            for (int mask : few) {
              for (int other : few) {
                check(
                    new PosixAcl(
                        List.of(
                            PosixAcl.entry(PosixAcl.USER_OBJ, owner),
                            new Entry(PosixAcl.USER, user, 1),
                            PosixAcl.entry(PosixAcl.GROUP_OBJ, group),
                            new Entry(PosixAcl.GROUP, named, 11),
                            PosixAcl.entry(PosixAcl.MASK, mask),
                            PosixAcl.entry(PosixAcl.OTHER, other))));
                lists++;
              }
            }
          }
        }
      }
    }
    assertThat(lists).isEqualTo(512 + 4096);
  }

  @Property(tries = 500)
  void longerListsGrantTheSameInBothWorlds(@ForAll long seed) {
    Random random = new Random(seed);
    List<Entry> entries = new ArrayList<>();
    entries.add(PosixAcl.entry(PosixAcl.USER_OBJ, random.nextInt(8)));
    for (int uid = 1; uid <= random.nextInt(4); uid++) {
      entries.add(new Entry(PosixAcl.USER, random.nextInt(8), uid));
    }
    entries.add(PosixAcl.entry(PosixAcl.GROUP_OBJ, random.nextInt(8)));
    for (int gid = 11; gid <= 10 + random.nextInt(3); gid++) {
      entries.add(new Entry(PosixAcl.GROUP, random.nextInt(8), gid));
    }
    entries.add(PosixAcl.entry(PosixAcl.MASK, random.nextInt(8)));
    entries.add(PosixAcl.entry(PosixAcl.OTHER, random.nextInt(8)));
    check(new PosixAcl(entries));
  }

  /** Whatever a client sends, the POSIX list grants nobody what the client's list does not. */
  @Property(tries = 2000)
  void noListIsTakenToGrantMoreThanItDoes(@ForAll long seed) {
    Random random = new Random(seed);
    List<Nfs4Ace> aces = new ArrayList<>();
    for (int i = random.nextInt(7); i >= 0; i--) {
      Who who = List.of(Who.values()).get(random.nextInt(4));
      boolean group = who == Who.NAMED && random.nextBoolean();
      int id = who != Who.NAMED ? 0 : group ? 11 + random.nextInt(2) : 1 + random.nextInt(2);
      int mask = random.nextInt() & (READ_DATA | WRITE_DATA | APPEND_DATA | EXECUTE);
      aces.add(new Nfs4Ace(random.nextInt(2), group ? IDENTIFIER_GROUP : 0, mask, who, id));
    }
    PosixAcl posix = AclMapping.toPosix(aces, false).orElseThrow().access();
    for (Asker asker : ASKERS) {
      int here = posixGrants(posix, asker);
      int there = nfs4Grants(aces, asker);
      assertThat(here & ~there).as("%s of %s as %s", asker, aces, posix).isZero();
    }
  }

  @Test
  void valueIsThatOfTheKernel() {
    PosixAcl acl =
        new PosixAcl(
            List.of(
                PosixAcl.entry(PosixAcl.USER_OBJ, 7),
                new Entry(PosixAcl.USER, 5, 1000),
                PosixAcl.entry(PosixAcl.GROUP_OBJ, 5),
                PosixAcl.entry(PosixAcl.MASK, 5),
                PosixAcl.entry(PosixAcl.OTHER, 0)));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(acl.bytes());
      acl.encode(value);
      assertThat(PosixAcl.decode(value)).contains(acl);
      assertThat(PosixAcl.decode(value.asSlice(0, acl.bytes() - 8))).isEmpty();
      assertThat(PosixAcl.decode(value.asSlice(0, 3))).isEmpty();
    }
  }

  private static void check(PosixAcl acl) {
    for (boolean directory : new boolean[] {false, true}) {
      List<Nfs4Ace> aces = AclMapping.toNfs4(acls(acl), directory);
      for (Asker asker : ASKERS) {
        assertThat(nfs4Grants(aces, asker))
            .as("%s by %s", asker, acl)
            .isEqualTo(posixGrants(acl, asker));
      }
      PosixAcl back = AclMapping.toPosix(aces, directory).orElseThrow().access();
      for (Asker asker : ASKERS) {
        assertThat(posixGrants(back, asker) & ~posixGrants(acl, asker))
            .as("%s by %s, which came back as %s", asker, acl, back)
            .isZero();
      }
    }
  }

  /** acl(5), the access check algorithm. */
  private static int posixGrants(PosixAcl acl, Asker asker) {
    int mask = 7;
    for (Entry entry : acl.entries()) {
      mask = entry.tag() == PosixAcl.MASK ? entry.permissions() : mask;
    }
    int fromGroups = 0;
    boolean inGroup = false;
    int other = 0;
    for (Entry entry : acl.entries()) {
      switch (entry.tag()) {
        case PosixAcl.USER_OBJ -> {
          if (asker.uid == OWNER) {
            return entry.permissions();
          }
        }
        case PosixAcl.USER -> {
          if (asker.uid == entry.id()) {
            return entry.permissions() & mask;
          }
        }
        case PosixAcl.GROUP_OBJ, PosixAcl.GROUP -> {
          int gid = entry.tag() == PosixAcl.GROUP_OBJ ? GROUP : entry.id();
          if (asker.gids.contains(gid)) {
            inGroup = true;
            fromGroups |= entry.permissions() & mask;
          }
        }
        case PosixAcl.OTHER -> other = entry.permissions();
        default -> {}
      }
    }
    return inGroup ? fromGroups : other;
  }

  /** RFC 8881 section 6.2.1: entries in order, each bit decided by the first that speaks of it. */
  private static int nfs4Grants(List<Nfs4Ace> aces, Asker asker) {
    int allowed = 0;
    int denied = 0;
    for (Nfs4Ace ace : aces) {
      boolean about =
          switch (ace.who()) {
            case OWNER -> asker.uid == OWNER;
            case GROUP -> asker.gids.contains(GROUP);
            case EVERYONE -> true;
            case NAMED ->
                (ace.flags() & IDENTIFIER_GROUP) != 0
                    ? asker.gids.contains(ace.id())
                    : asker.uid == ace.id();
          };
      if (about && (ace.flags() & INHERIT_ONLY) == 0) {
        if (ace.type() == ALLOW) {
          allowed |= ace.mask() & ~denied;
        } else {
          denied |= ace.mask() & ~allowed;
        }
      }
    }
    int write = WRITE_DATA | APPEND_DATA;
    return ((allowed & READ_DATA) != 0 ? 4 : 0)
        | ((allowed & write) == write ? 2 : 0)
        | ((allowed & EXECUTE) != 0 ? 1 : 0);
  }

  private static PosixAcls acls(PosixAcl acl) {
    return new PosixAcls(acl, Optional.empty());
  }

  private static Nfs4Ace ace(int type, int flags, int mask, Who who) {
    return new Nfs4Ace(type, flags, mask, who, 0);
  }
}
