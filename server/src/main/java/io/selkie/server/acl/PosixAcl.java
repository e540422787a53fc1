package io.selkie.server.acl;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A POSIX access control list, in the order the kernel wants: owner, users, owning group, groups,
 * mask, others. Immutable.
 *
 * <p>As the value of {@code system.posix_acl_access} and {@code system.posix_acl_default}, little
 * endian:
 *
 * <pre>
 * 0             4     6            8        12
 * | version = 2 | tag | permission | id     | tag ...
 * </pre>
 */
public record PosixAcl(List<Entry> entries) {

  /** The owner. */
  public static final int USER_OBJ = 0x01;

  /** A named user. */
  public static final int USER = 0x02;

  /** The owning group. */
  public static final int GROUP_OBJ = 0x04;

  /** A named group. */
  public static final int GROUP = 0x08;

  /** The most that anybody gets but owner and others. */
  public static final int MASK = 0x10;

  /** Everybody else. */
  public static final int OTHER = 0x20;

  /** Entries of the longest list that a file system keeps. */
  public static final int ENTRIES_MAX = 4096;

  private static final int VERSION = 2;
  private static final int HEADER_BYTES = 4;
  private static final int ENTRY_BYTES = 8;
  private static final int NO_ID = -1;

  /**
   * One entry.
   *
   * @param tag one of the constants
   * @param permissions read 4, write 2, execute 1
   * @param id of {@link #USER} and {@link #GROUP}; -1 else
   */
  public record Entry(int tag, int permissions, int id) {}

  /** Copies the entries. */
  public PosixAcl {
    entries = List.copyOf(entries);
  }

  /** An entry of a tag without an id. */
  static Entry entry(int tag, int permissions) {
    return new Entry(tag, permissions, NO_ID);
  }

  /** What the permission bits of a file say. */
  public static PosixAcl ofMode(int mode) {
    return new PosixAcl(
        List.of(
            entry(USER_OBJ, mode >>> 6 & 7),
            entry(GROUP_OBJ, mode >>> 3 & 7),
            entry(OTHER, mode & 7)));
  }

  /** Bytes of the longest value. */
  public static int bytesMax() {
    return HEADER_BYTES + ENTRIES_MAX * ENTRY_BYTES;
  }

  /** Bytes of this one's value. */
  public int bytes() {
    return HEADER_BYTES + entries.size() * ENTRY_BYTES;
  }

  /** Writes the value; {@link #bytes()} bytes. */
  public void encode(MemorySegment into) {
    into.set(JAVA_INT_UNALIGNED, 0, VERSION);
    long at = HEADER_BYTES;
    for (Entry entry : entries) {
      into.set(JAVA_SHORT_UNALIGNED, at, (short) entry.tag);
      into.set(JAVA_SHORT_UNALIGNED, at + 2, (short) entry.permissions);
      into.set(JAVA_INT_UNALIGNED, at + 4, entry.id);
      at += ENTRY_BYTES;
    }
  }

  /** Reads a value; empty when it is none that the kernel could have given. */
  public static Optional<PosixAcl> decode(MemorySegment value) {
    long length = value.byteSize();
    if (length < HEADER_BYTES
        || (length - HEADER_BYTES) % ENTRY_BYTES != 0
        || value.get(JAVA_INT_UNALIGNED, 0) != VERSION) {
      return Optional.empty();
    }
    List<Entry> entries = new ArrayList<>();
    int last = 0;
    int seen = 0;
    for (long at = HEADER_BYTES; at < length; at += ENTRY_BYTES) {
      int tag = value.get(JAVA_SHORT_UNALIGNED, at);
      boolean repeats = tag == USER || tag == GROUP;
      if (Integer.bitCount(tag) != 1 || tag > OTHER || tag < last || (tag == last && !repeats)) {
        return Optional.empty();
      }
      last = tag;
      seen |= tag;
      entries.add(
          new Entry(
              tag,
              value.get(JAVA_SHORT_UNALIGNED, at + 2) & 7,
              value.get(JAVA_INT_UNALIGNED, at + 4)));
    }
    int needed = USER_OBJ | GROUP_OBJ | OTHER;
    return (seen & needed) == needed ? Optional.of(new PosixAcl(entries)) : Optional.empty();
  }
}
