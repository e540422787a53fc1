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
import static io.selkie.server.acl.Nfs4Ace.READ_ACL;
import static io.selkie.server.acl.Nfs4Ace.READ_ATTRIBUTES;
import static io.selkie.server.acl.Nfs4Ace.READ_DATA;
import static io.selkie.server.acl.Nfs4Ace.SYNCHRONIZE;
import static io.selkie.server.acl.Nfs4Ace.WRITE_ACL;
import static io.selkie.server.acl.Nfs4Ace.WRITE_ATTRIBUTES;
import static io.selkie.server.acl.Nfs4Ace.WRITE_DATA;

import io.selkie.server.acl.Nfs4Ace.Who;
import io.selkie.server.acl.PosixAcl.Entry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The way from POSIX lists to NFSv4 lists and back, with the results that clients of Linux' own
 * server know.
 *
 * <p><b>To NFSv4</b> nothing is lost: the entries, read from first to last, grant exactly what the
 * POSIX list grants. Where a later entry would give more, a DENY stands before it. A directory's
 * default list becomes entries that are inherited only.
 *
 * <p><b>To POSIX</b> the order of entries is resolved for everybody who is named; where the result
 * cannot say something it errs on the side of less. What is neither ALLOW nor DENY, or has a flag
 * that POSIX has no word for, is not supported.
 *
 * <p>Stateless.
 */
public final class AclMapping {

  private static final int READ = 4;
  private static final int WRITE = 2;
  private static final int RUN = 1;

  private static final int WRITE_MODE = WRITE_DATA | APPEND_DATA;
  private static final int ANYONE = READ_ATTRIBUTES | READ_ACL | SYNCHRONIZE;
  private static final int OWNERS_OWN = WRITE_ATTRIBUTES | WRITE_ACL;
  private static final int INHERITED = FILE_INHERIT | DIRECTORY_INHERIT;
  private static final int FLAGS = INHERITED | INHERIT_ONLY | IDENTIFIER_GROUP;

  private AclMapping() {}

  /**
   * A pair of POSIX lists.
   *
   * @param access of the file itself
   * @param inherited a directory's default list; empty for none
   */
  public record PosixAcls(PosixAcl access, Optional<PosixAcl> inherited) {}

  // ---------------------------------------------------------------- to NFSv4

  /** The NFSv4 list of a file or directory. */
  public static List<Nfs4Ace> toNfs4(PosixAcls acls, boolean directory) {
    List<Nfs4Ace> aces = new ArrayList<>();
    append(aces, acls.access, 0, directory);
    if (directory && acls.inherited.isPresent()) {
      append(aces, acls.inherited.get(), INHERITED | INHERIT_ONLY, true);
    }
    return aces;
  }

  private static void append(List<Nfs4Ace> aces, PosixAcl acl, int flags, boolean directory) {
    int mask = permissions(acl, PosixAcl.MASK, 7);
    int owner = permissions(acl, PosixAcl.USER_OBJ, 0);
    int group = permissions(acl, PosixAcl.GROUP_OBJ, 0) & mask;
    int other = permissions(acl, PosixAcl.OTHER, 0);
    int users = all(acl, PosixAcl.USER) & mask;
    int groups = all(acl, PosixAcl.GROUP) & mask;
    Appender out = new Appender(aces, flags, directory);

    // What later entries do not grant need not be denied.
    out.deny(Who.OWNER, 0, 0, ~owner & (users | group | groups | other));
    out.allow(Who.OWNER, 0, 0, owner, OWNERS_OWN);
    for (Entry entry : acl.entries()) {
      if (entry.tag() == PosixAcl.USER) {
        int granted = entry.permissions() & mask;
        out.deny(Who.NAMED, 0, entry.id(), ~granted & (groups | group | other));
        out.allow(Who.NAMED, 0, entry.id(), granted, 0);
      }
    }
    // Somebody may be in several groups and gets what any of them grants: first all that allows.
    out.allow(Who.GROUP, 0, 0, group, 0);
    for (Entry entry : acl.entries()) {
      if (entry.tag() == PosixAcl.GROUP) {
        out.allow(Who.NAMED, IDENTIFIER_GROUP, entry.id(), entry.permissions() & mask, 0);
      }
    }
    out.deny(Who.GROUP, 0, 0, ~group & other);
    for (Entry entry : acl.entries()) {
      if (entry.tag() == PosixAcl.GROUP) {
        out.deny(Who.NAMED, IDENTIFIER_GROUP, entry.id(), ~(entry.permissions() & mask) & other);
      }
    }
    out.allow(Who.EVERYONE, 0, 0, other, 0);
  }

  /** The permissions of the one entry of a tag. */
  private static int permissions(PosixAcl acl, int tag, int otherwise) {
    for (Entry entry : acl.entries()) {
      if (entry.tag() == tag) {
        return entry.permissions();
      }
    }
    return otherwise;
  }

  private static int all(PosixAcl acl, int tag) {
    int together = 0;
    for (Entry entry : acl.entries()) {
      if (entry.tag() == tag) {
        together |= entry.permissions();
      }
    }
    return together;
  }

  /** Writes entries of one of the two lists. */
  private record Appender(List<Nfs4Ace> aces, int flags, boolean directory) {

    void allow(Who who, int moreFlags, int id, int permissions, int more) {
      aces.add(new Nfs4Ace(ALLOW, flags | moreFlags, mask(permissions) | ANYONE | more, who, id));
    }

    void deny(Who who, int moreFlags, int id, int permissions) {
      if ((permissions & 7) != 0) {
        aces.add(new Nfs4Ace(DENY, flags | moreFlags, mask(permissions), who, id));
      }
    }

    private int mask(int permissions) {
      return ((permissions & READ) != 0 ? READ_DATA : 0)
          | ((permissions & WRITE) != 0 ? writeMask(directory) : 0)
          | ((permissions & RUN) != 0 ? EXECUTE : 0);
    }
  }

  private static int writeMask(boolean directory) {
    return directory ? WRITE_MODE | DELETE_CHILD : WRITE_MODE;
  }

  // ---------------------------------------------------------------- to POSIX

  /**
   * The POSIX lists that come nearest.
   *
   * @return empty for what cannot be said in POSIX: NFS4ERR_ATTRNOTSUPP
   */
  public static Optional<PosixAcls> toPosix(List<Nfs4Ace> aces, boolean directory) {
    AclState access = new AclState();
    AclState inherited = new AclState();
    for (Nfs4Ace ace : aces) {
      if ((ace.type() != ALLOW && ace.type() != DENY) || (ace.flags() & ~FLAGS) != 0) {
        return Optional.empty();
      }
      if ((ace.flags() & INHERITED) == 0) {
        access.take(ace);
        continue;
      }
      if (!directory) {
        return Optional.empty();
      }
      // One of the two flags alone counts as both, since POSIX knows no difference.
      inherited.take(ace);
      if ((ace.flags() & INHERIT_ONLY) == 0) {
        access.take(ace);
      }
    }
    inherited.completeFrom(access);
    int write = writeMask(directory);
    return Optional.of(
        new PosixAcls(
            access.toAcl(write),
            inherited.isEmpty() ? Optional.empty() : Optional.of(inherited.toAcl(write))));
  }
}
