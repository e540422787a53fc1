package io.selkie.lease;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.NvmeCommand;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * An NVMe namespace in memory, as far as reservations go, seen by the host whose name is 0, with
 * what sysfs says of it. It does what Linux' own target was seen to do (6.18).
 */
final class FakeNamespace {
  static final int SERVER = 0;
  private static final ValueLayout.OfLong LONG =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** As the target answers: do not retry. */
  private static final int CONFLICT = 0x4083;

  /** Keys by host. */
  final Map<Integer, Long> registered = new TreeMap<>();

  /** Type of the reservation, which all who have registered hold; 0 when there is none. */
  int type;

  /** Whether PREEMPT AND ABORT was the last way in which a key was taken away. */
  boolean aborted;

  /** How often each host is told of: once for each of its controllers. */
  int controllers = 1;

  /** What the ioctl answers instead of doing anything, if not 0. */
  int error;

  private final Path sysfs;
  private final Path facts;

  /** One whose facts are written beneath a directory. */
  FakeNamespace(Path sysfs) throws IOException {
    this.sysfs = sysfs;
    facts = Files.createDirectories(sysfs.resolve("dev/block/0:7"));
    fact("nsid", "3");
    fact("nguid", "5e1c1e00-0000-0000-0000-00000000000a");
    fact("eui", "00 11 22 33 44 55 66 77");
  }

  void fact(String name, String words) throws IOException {
    Files.writeString(facts.resolve(name), words + "\n");
  }

  void without(String name) throws IOException {
    Files.delete(facts.resolve(name));
  }

  ReservedDisk open(int start) throws ScsiException {
    return ReservedDisk.open(
        kernel(),
        new BlockVolume(7, Path.of("/dev/fake"), "xfs", 3, 32, ByteBuffer.allocate(16)),
        start,
        sysfs);
  }

  private Kernel kernel() {
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, method, arguments) ->
                method.getName().equals("nvme")
                    ? run((NvmeCommand) arguments[1])
                    : Errno.ENOSYS.result());
  }

  private int run(NvmeCommand command) {
    if (error != 0) {
      return error;
    }
    return switch (command.opcode()) {
      case 0x0D -> register(command.dword10(), command.data());
      case 0x0E -> report(command);
      case 0x11 -> acquire(command.dword10(), command.data());
      default -> throw new IllegalArgumentException("opcode " + command.opcode());
    };
  }

  private int register(int dword10, MemorySegment data) {
    long wanted = data.get(LONG, 8);
    Long own = registered.get(SERVER);
    boolean known = (dword10 & 8) != 0 || (own != null && own == data.get(LONG, 0));
    switch (dword10 & 7) {
      case 0 -> {
        if (own != null && own != wanted) {
          return CONFLICT;
        }
        registered.put(SERVER, wanted);
      }
      case 1 -> {
        if (own == null || !known) {
          return CONFLICT;
        }
        registered.remove(SERVER);
        type = registered.isEmpty() ? 0 : type;
      }
      case 2 -> {
        if (own == null || !known) {
          return CONFLICT;
        }
        registered.put(SERVER, wanted);
      }
      default -> throw new IllegalArgumentException("register action " + (dword10 & 7));
    }
    return NvmeCommand.DONE;
  }

  private int acquire(int dword10, MemorySegment data) {
    Long own = registered.get(SERVER);
    if (own == null || own != data.get(LONG, 0)) {
      return CONFLICT;
    }
    int asked = dword10 >> 8 & 0xFF;
    int action = dword10 & 7;
    if (action == 0) {
      if (type != 0 && type != asked) {
        return CONFLICT;
      }
      type = asked;
      return NvmeCommand.DONE;
    }
    aborted = action == 2;
    if (type != 0 && type != 6) {
      // The server holds it alone, and then the target only looks at the type.
      type = asked;
      return NvmeCommand.DONE;
    }
    long other = data.get(LONG, 8);
    boolean all = type == 6 && other == 0;
    boolean some =
        registered
            .entrySet()
            .removeIf(one -> all ? one.getKey() != SERVER : one.getValue() == other);
    return all || some ? NvmeCommand.DONE : CONFLICT;
  }

  private int report(NvmeCommand command) {
    if ((command.dword11() & 1) == 0) {
      throw new IllegalArgumentException("hosts have names of 16 bytes");
    }
    MemorySegment data = command.data();
    data.set(JAVA_BYTE, 4, (byte) type);
    data.set(SHORT, 5, (short) (registered.size() * controllers));
    int at = 64;
    for (Map.Entry<Integer, Long> one : registered.entrySet()) {
      for (int i = 0; i < controllers; i++) {
        data.set(SHORT, at, (short) i);
        data.set(JAVA_BYTE, at + 2, (byte) (type == 6 ? 1 : 0));
        data.set(LONG, at + 8, one.getValue());
        data.set(JAVA_BYTE, at + 16, one.getKey().byteValue());
        at += 64;
      }
    }
    return NvmeCommand.DONE;
  }
}
