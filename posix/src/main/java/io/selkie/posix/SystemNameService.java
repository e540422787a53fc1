package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalInt;
import jnr.ffi.LibraryLoader;

/**
 * The name services that the C library is configured for.
 *
 * <p>The entries that it fills in begin alike, for users and for groups:
 *
 * <pre>
 *  0        8            16    20
 * | char *  | char *     | id  | primary group (users only) | …
 * | name    | password   |     |
 * </pre>
 */
public final class SystemNameService implements NameService {

  private static final int ENTRY_BYTES = 64;
  private static final long FIRST_BYTES = 4096;
  private static final long MOST_BYTES = 1 << 22;
  private static final int FIRST_GROUPS = 64;
  private static final int MOST_GROUPS = 65_536;

  private final LibCNames libc = LibraryLoader.create(LibCNames.class).load("c");

  /** Binds what is needed. */
  public SystemNameService() {}

  @FunctionalInterface
  private interface Ask {
    int with(long entry, long buffer, long size, long result);
  }

  private record Entry(String name, int id, int primaryGroup) {}

  private static Optional<Entry> ask(String function, Ask ask) throws UnavailableException {
    for (long size = FIRST_BYTES; ; size *= 4) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment entry = arena.allocate(ENTRY_BYTES, 8);
        MemorySegment buffer = arena.allocate(size, 8);
        MemorySegment result = arena.allocate(8, 8);
        int error = ask.with(entry.address(), buffer.address(), size, result.address());
        if (error == 0) {
          return result.get(JAVA_LONG, 0) == 0
              ? Optional.empty()
              : Optional.of(read(entry, buffer));
        }
        Errno errno = Errno.of(-error);
        switch (errno) {
          case ENOENT, ESRCH, EBADF, EPERM -> {
            // What getpwnam(3) allows for "there is none" too.
            return Optional.empty();
          }
          case EINTR -> size /= 4;
          case ERANGE -> {
            if (size >= MOST_BYTES) {
              throw new UnavailableException(function + ": an entry of more than 4 MiB");
            }
          }
          default ->
              throw new UnavailableException(function + " answered " + Errno.describe(-error));
        }
      }
    }
  }

  /** The strings of an entry are in the buffer that came with it. */
  private static Entry read(MemorySegment entry, MemorySegment buffer) {
    long name = entry.get(JAVA_LONG, 0) - buffer.address();
    return new Entry(
        buffer.getString(name, StandardCharsets.UTF_8),
        entry.get(JAVA_INT, 16),
        entry.get(JAVA_INT, 20));
  }

  @Override
  public OptionalInt userNamed(String name) throws UnavailableException {
    try (Arena arena = Arena.ofConfined()) {
      long text = arena.allocateFrom(name, StandardCharsets.UTF_8).address();
      return id(ask("getpwnam_r", (e, b, s, r) -> libc.getpwnam_r(text, e, b, s, r)));
    }
  }

  @Override
  public OptionalInt groupNamed(String name) throws UnavailableException {
    try (Arena arena = Arena.ofConfined()) {
      long text = arena.allocateFrom(name, StandardCharsets.UTF_8).address();
      return id(ask("getgrnam_r", (e, b, s, r) -> libc.getgrnam_r(text, e, b, s, r)));
    }
  }

  private static OptionalInt id(Optional<Entry> entry) {
    return entry.isPresent() ? OptionalInt.of(entry.get().id) : OptionalInt.empty();
  }

  @Override
  public Optional<String> nameOfUser(int uid) throws UnavailableException {
    return user(uid).map(Entry::name);
  }

  private Optional<Entry> user(int uid) throws UnavailableException {
    return ask("getpwuid_r", (e, b, s, r) -> libc.getpwuid_r(uid, e, b, s, r));
  }

  @Override
  public Optional<String> nameOfGroup(int gid) throws UnavailableException {
    return ask("getgrgid_r", (e, b, s, r) -> libc.getgrgid_r(gid, e, b, s, r)).map(Entry::name);
  }

  @Override
  public Optional<int[]> groupsOf(int uid) throws UnavailableException {
    Optional<Entry> user = user(uid);
    if (user.isEmpty()) {
      return Optional.empty();
    }
    int room = FIRST_GROUPS;
    while (true) {
      try (Arena arena = Arena.ofConfined()) {
        long name = arena.allocateFrom(user.get().name, StandardCharsets.UTF_8).address();
        MemorySegment groups = arena.allocate((long) room * Integer.BYTES, 8);
        MemorySegment count = arena.allocate(4, 8);
        count.set(JAVA_INT, 0, room);
        int stored =
            libc.getgrouplist(name, user.get().primaryGroup, groups.address(), count.address());
        if (stored >= 0) {
          return Optional.of(groups.asSlice(0, (long) stored * Integer.BYTES).toArray(JAVA_INT));
        }
        if (room >= MOST_GROUPS) {
          throw new UnavailableException("getgrouplist: more than " + MOST_GROUPS + " groups");
        }
        room = Math.min(MOST_GROUPS, Math.max(2 * room, count.get(JAVA_INT, 0)));
      }
    }
  }
}
