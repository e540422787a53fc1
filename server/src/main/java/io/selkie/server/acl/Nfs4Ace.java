package io.selkie.server.acl;

/**
 * One entry of an NFSv4 access control list (nfsace4, RFC 8881 section 6.2.1), its name resolved.
 *
 * @param type {@link #ALLOW} or {@link #DENY}; others exist and are not supported
 * @param flags {@code ACE4_*} flags
 * @param mask permissions
 * @param who whom it is about
 * @param id the user, or with {@link #IDENTIFIER_GROUP} the group, of {@link Who#NAMED}; 0 else
 */
public record Nfs4Ace(int type, int flags, int mask, Who who, int id) {

  /** Whom an entry is about. */
  public enum Who {
    /** {@code OWNER@}. */
    OWNER("OWNER@"),
    /** {@code GROUP@}: the owning group. */
    GROUP("GROUP@"),
    /** {@code EVERYONE@}, owner and group included. */
    EVERYONE("EVERYONE@"),
    /** A user or a group by name. */
    NAMED("");

    private final String text;

    Who(String text) {
      this.text = text;
    }

    /** As it is on the wire; empty for {@link #NAMED}. */
    public String text() {
      return text;
    }

    /** Who is meant by a text on the wire. */
    public static Who of(String text) {
      return switch (text) {
        case "OWNER@" -> OWNER;
        case "GROUP@" -> GROUP;
        case "EVERYONE@" -> EVERYONE;
        default -> NAMED;
      };
    }
  }

  /** ACE4_ACCESS_ALLOWED_ACE_TYPE. */
  public static final int ALLOW = 0;

  /** ACE4_ACCESS_DENIED_ACE_TYPE. */
  public static final int DENY = 1;

  /** ACE4_FILE_INHERIT_ACE. */
  public static final int FILE_INHERIT = 0x01;

  /** ACE4_DIRECTORY_INHERIT_ACE. */
  public static final int DIRECTORY_INHERIT = 0x02;

  /** ACE4_INHERIT_ONLY_ACE. */
  public static final int INHERIT_ONLY = 0x08;

  /** ACE4_IDENTIFIER_GROUP. */
  public static final int IDENTIFIER_GROUP = 0x40;

  /** ACE4_READ_DATA, ACE4_LIST_DIRECTORY. */
  public static final int READ_DATA = 0x01;

  /** ACE4_WRITE_DATA, ACE4_ADD_FILE. */
  public static final int WRITE_DATA = 0x02;

  /** ACE4_APPEND_DATA, ACE4_ADD_SUBDIRECTORY. */
  public static final int APPEND_DATA = 0x04;

  /** ACE4_EXECUTE. */
  public static final int EXECUTE = 0x20;

  /** ACE4_DELETE_CHILD. */
  public static final int DELETE_CHILD = 0x40;

  /** ACE4_READ_ATTRIBUTES. */
  public static final int READ_ATTRIBUTES = 0x80;

  /** ACE4_WRITE_ATTRIBUTES. */
  public static final int WRITE_ATTRIBUTES = 0x100;

  /** ACE4_READ_ACL. */
  public static final int READ_ACL = 0x2_0000;

  /** ACE4_WRITE_ACL. */
  public static final int WRITE_ACL = 0x4_0000;

  /** ACE4_SYNCHRONIZE. */
  public static final int SYNCHRONIZE = 0x10_0000;
}
