package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;

/** The credentials of the threads of this process, by raw system calls. */
public final class LinuxThreadCredentials implements ThreadCredentials {

  /** The kernel's own limit ({@code NGROUPS_MAX}). */
  private static final int GROUPS_MAX = 65_536;

  private static final int CAPABILITY_VERSION_3 = 0x20080522;

  /** Numbers of the system calls. */
  private record Calls(
      int setgroups, int getgroups, int setfsuid, int setfsgid, int capget, int capset) {
    static Calls of(Machine machine) {
      return switch (machine) {
        case X86_64 -> new Calls(116, 115, 122, 123, 125, 126);
        case AARCH64 -> new Calls(159, 158, 151, 152, 90, 91);
      };
    }
  }

  /** Native memory of one thread: grows to the most groups it ever had. */
  private static final class Room {
    private final MemorySegment header = Arena.ofAuto().allocate(8, 8);
    private final MemorySegment sets = Arena.ofAuto().allocate(24, 8);
    private MemorySegment groups = Arena.ofAuto().allocate(64L * Integer.BYTES, 8);

    MemorySegment groups(int count) {
      if (groups.byteSize() < (long) count * Integer.BYTES) {
        groups = Arena.ofAuto().allocate((long) count * Integer.BYTES, 8);
      }
      return groups;
    }
  }

  private final Calls calls = Calls.of(Machine.current());
  private final LibC libc = LibraryLoader.create(LibC.class).load("c");
  private final jnr.ffi.Runtime runtime = jnr.ffi.Runtime.getRuntime(libc);
  private final ThreadLocal<Room> rooms = ThreadLocal.withInitial(Room::new);

  /** Binds what is needed. */
  public LinuxThreadCredentials() {}

  @Override
  public int setFsUid(int uid) {
    return (int) libc.syscall(calls.setfsuid, Integer.toUnsignedLong(uid), 0, 0, 0);
  }

  @Override
  public int setFsGid(int gid) {
    return (int) libc.syscall(calls.setfsgid, Integer.toUnsignedLong(gid), 0, 0, 0);
  }

  @Override
  public int setGroups(int[] groups, int count) {
    if (count > GROUPS_MAX) {
      return Errno.EINVAL.result();
    }
    MemorySegment memory = rooms.get().groups(count);
    MemorySegment.copy(groups, 0, memory, JAVA_INT, 0, count);
    return result(libc.syscall(calls.setgroups, count, memory.address(), 0, 0));
  }

  @Override
  public int getGroups(int[] into) {
    MemorySegment memory = rooms.get().groups(GROUPS_MAX);
    int count = result(libc.syscall(calls.getgroups, GROUPS_MAX, memory.address(), 0, 0));
    if (count > 0) {
      MemorySegment.copy(memory, JAVA_INT, 0, into, 0, Math.min(count, into.length));
    }
    return count;
  }

  @Override
  public long effectiveCapabilities() {
    Room room = capget();
    return Integer.toUnsignedLong(room.sets.get(JAVA_INT, 0))
        | (long) room.sets.get(JAVA_INT, 12) << 32;
  }

  @Override
  public int dropEffective(Capability capability) {
    Room room = capget();
    long offset = capability.bit() < 32 ? 0 : 12;
    int bit = 1 << (capability.bit() & 31);
    room.sets.set(JAVA_INT, offset, room.sets.get(JAVA_INT, offset) & ~bit);
    return result(libc.syscall(calls.capset, room.header.address(), room.sets.address(), 0, 0));
  }

  /** Two triples of effective, permitted and inheritable: the low and the high 32. */
  private Room capget() {
    Room room = rooms.get();
    room.header.set(JAVA_INT, 0, CAPABILITY_VERSION_3);
    room.header.set(JAVA_INT, 4, 0);
    long result = libc.syscall(calls.capget, room.header.address(), room.sets.address(), 0, 0);
    if (result != 0) {
      throw new IllegalStateException(
          "capget: " + Errno.describe(-LastError.getLastError(runtime)));
    }
    return room;
  }

  private int result(long returned) {
    return returned == -1 ? -LastError.getLastError(runtime) : (int) returned;
  }
}
