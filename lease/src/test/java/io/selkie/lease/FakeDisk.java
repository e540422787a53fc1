package io.selkie.lease;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.ScsiCommand;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/**
 * A SCSI disk in memory, as far as persistent reservations go, seen by the machine whose way to it
 * is "server". By the words of SPC-4, sections 5.13 and 6.16.
 */
final class FakeDisk {
  static final String SERVER = "server";
  private static final ValueLayout.OfLong LONG =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Keys by the way from which they were registered. */
  final Map<String, Long> registered = new TreeMap<>();

  /** The way of the holder, or null. */
  String holder;

  int type = 6;

  /** So many commands are answered by a unit attention first. */
  int attentions;

  /** Every PREEMPT AND ABORT fails. */
  boolean stubborn;

  /** A descriptor for a target port, then NAA with 8 and with 16 bytes, then a T10 name. */
  byte[] page =
      HexFormat.of()
          .parseHex(
              "0083003b"
                  + "61930008"
                  + "1111111111111111"
                  + "01030008"
                  + "5000000000000001"
                  + "01030010"
                  + "60014055566677778888999900001111"
                  + "0201000b"
                  + "4c494f2d4f524720616263");

  /** The kernel that leads to it. */
  Kernel kernel() {
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (_, method, arguments) ->
                method.getName().equals("scsi")
                    ? run((ScsiCommand) arguments[1])
                    : Errno.ENOSYS.result());
  }

  BlockVolume volume() {
    return new BlockVolume(7, Path.of("/dev/fake"), "xfs", 3, 32, ByteBuffer.allocate(16));
  }

  private int run(ScsiCommand command) {
    if (attentions > 0) {
      attentions--;
      command.ended(ScsiCommand.CHECK_CONDITION, ScsiCommand.UNIT_ATTENTION);
      return 0;
    }
    MemorySegment block = command.block();
    command.ended(
        switch (block.get(JAVA_BYTE, 0)) {
          case 0x12 -> inquiry(command.data());
          case 0x5E -> in(block.get(JAVA_BYTE, 1), command.data());
          case 0x5F -> out(block.get(JAVA_BYTE, 1), block.get(JAVA_BYTE, 2), command.data());
          default -> throw new IllegalArgumentException("command " + block.get(JAVA_BYTE, 0));
        },
        0);
    return 0;
  }

  private int inquiry(MemorySegment data) {
    MemorySegment.copy(page, 0, data, JAVA_BYTE, 0, page.length);
    return ScsiCommand.GOOD;
  }

  private int in(int action, MemorySegment data) {
    data.fill((byte) 0);
    if (action == 0) {
      long at = 8;
      for (long key : registered.values()) {
        data.set(LONG, at, key);
        at += 8;
      }
      data.set(INT, 4, (int) at - 8);
    } else if (holder != null) {
      data.set(INT, 4, 16);
      data.set(LONG, 8, registered.get(holder));
      data.set(JAVA_BYTE, 21, (byte) type);
    }
    return ScsiCommand.GOOD;
  }

  private int out(int action, int asked, MemorySegment data) {
    long key = data.get(LONG, 0);
    long other = data.get(LONG, 8);
    Long own = registered.get(SERVER);
    if (action != 6 && (own == null || own != key)) {
      return ScsiCommand.RESERVATION_CONFLICT;
    }
    return switch (action) {
      case 0, 6 -> register(other);
      case 1 -> reserve(asked);
      case 5 -> preempt(other, asked);
      default -> throw new IllegalArgumentException("service action " + action);
    };
  }

  private int register(long key) {
    if (key != 0) {
      registered.put(SERVER, key);
    } else {
      registered.remove(SERVER);
      holder = SERVER.equals(holder) ? null : holder;
    }
    return ScsiCommand.GOOD;
  }

  private int reserve(int asked) {
    if (holder != null && !holder.equals(SERVER)) {
      return ScsiCommand.RESERVATION_CONFLICT;
    }
    holder = SERVER;
    type = asked;
    return ScsiCommand.GOOD;
  }

  private int preempt(long key, int asked) {
    if (stubborn) {
      return ScsiCommand.GOOD;
    }
    if (!registered.containsValue(key)) {
      return ScsiCommand.RESERVATION_CONFLICT;
    }
    if (holder != null && registered.get(holder) == key) {
      holder = SERVER;
      type = asked;
    }
    registered.values().remove(key);
    return ScsiCommand.GOOD;
  }
}
