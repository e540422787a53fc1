package io.selkie.lease;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.ScsiCommand;
import io.selkie.posix.ScsiCommand.Direction;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The commands of SPC-4 that a server of SCSI layouts needs: INQUIRY of the device's names, and
 * persistent reservations. Each call blocks until the disk has answered; a unit attention, which
 * says that a command was not looked at, is answered by sending it again. Safe for use by several
 * threads.
 */
final class ScsiCommands implements ReservationCommands {

  /**
   * Exclusive Access, Registrants Only: nobody reads or writes who has not registered. The holder
   * is one, this server, so that no client's key can hold, or end, the reservation.
   */
  static final int REGISTRANTS_ONLY = 6;

  private static final int INQUIRY = 0x12;
  private static final int RESERVE_IN = 0x5E;
  private static final int RESERVE_OUT = 0x5F;
  private static final int DEVICE_IDENTIFICATION = 0x83;
  private static final int IN_BYTES = 1 << 15;
  private static final int OUT_BYTES = 24;
  private static final int TRIES_MAX = 6;
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final ValueLayout.OfLong LONG =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Service actions of PERSISTENT RESERVE IN. */
  private enum In {
    READ_KEYS(0),
    READ_RESERVATION(1);

    private final int number;

    In(int number) {
      this.number = number;
    }
  }

  /** Service actions of PERSISTENT RESERVE OUT. */
  private enum Out {
    REGISTER(0),
    RESERVE(1),
    PREEMPT(4),
    PREEMPT_AND_ABORT(5),
    REGISTER_AND_IGNORE_EXISTING_KEY(6);

    private final int number;

    Out(int number) {
      this.number = number;
    }
  }

  private final Kernel kernel;
  private final int fd;
  private final String disk;

  /**
   * To a disk.
   *
   * @param fd of the whole disk, for reading at least
   * @param disk for people
   */
  ScsiCommands(Kernel kernel, int fd, String disk) {
    this.kernel = kernel;
    this.fd = fd;
    this.disk = disk;
  }

  @Override
  public int type() {
    return REGISTRANTS_ONLY;
  }

  @Override
  public Optional<ScsiDesignator> designator() throws ScsiException {
    var command = new ScsiCommand(IN_BYTES, TIMEOUT);
    command.is(
        Direction.FROM_DEVICE,
        IN_BYTES,
        (byte) INQUIRY,
        (byte) 1,
        (byte) DEVICE_IDENTIFICATION,
        (byte) (IN_BYTES >> 8),
        (byte) IN_BYTES,
        (byte) 0);
    run(command, "INQUIRY of its names");
    return ScsiDesignator.best(command.data());
  }

  /** READ KEYS: generation (4), length of the list in bytes (4), keys (8 each). */
  @Override
  public List<Long> keys() throws ScsiException {
    MemorySegment data = in(In.READ_KEYS);
    long bytes = Integer.toUnsignedLong(data.get(INT, 4));
    if (bytes > data.byteSize() - 8) {
      throw new ScsiException(
          "READ KEYS on %s: %d keys are registered, more than can be looked through; clear the"
                  .formatted(disk, bytes / 8)
              + " reservation (sg_persist --clear)",
          false);
    }
    List<Long> keys = new ArrayList<>();
    for (long at = 0; at + 8 <= bytes; at += 8) {
      keys.add(data.get(LONG, 8 + at));
    }
    return keys;
  }

  /** READ RESERVATION: generation (4), length (4), key (8), obsolete (4), 0, scope and type. */
  @Override
  public Optional<Reservation> reservation() throws ScsiException {
    MemorySegment data = in(In.READ_RESERVATION);
    return data.get(INT, 4) < 16
        ? Optional.empty()
        : Optional.of(new Reservation(Set.of(data.get(LONG, 8)), data.get(JAVA_BYTE, 21) & 0xF));
  }

  @Override
  public void register(long key) throws ScsiException {
    out(Out.REGISTER_AND_IGNORE_EXISTING_KEY, 0, key);
  }

  @Override
  public void unregister(long key) throws ScsiException {
    out(Out.REGISTER, key, 0);
  }

  @Override
  public void reserve(long key) throws ScsiException {
    out(Out.RESERVE, key, 0);
  }

  @Override
  public void preempt(long own, long other, boolean abort) throws ScsiException {
    out(abort ? Out.PREEMPT_AND_ABORT : Out.PREEMPT, own, other);
  }

  private MemorySegment in(In action) throws ScsiException {
    var command = new ScsiCommand(IN_BYTES, TIMEOUT);
    byte[] block = new byte[10];
    block[0] = RESERVE_IN;
    block[1] = (byte) action.number;
    block[7] = (byte) (IN_BYTES >> 8);
    block[8] = (byte) IN_BYTES;
    command.is(Direction.FROM_DEVICE, IN_BYTES, block);
    run(command, action.name().replace('_', ' '));
    return command.data();
  }

  private void out(Out action, long key, long other) throws ScsiException {
    var command = new ScsiCommand(OUT_BYTES, TIMEOUT);
    command.data().fill((byte) 0);
    command.data().set(LONG, 0, key);
    command.data().set(LONG, 8, other);
    byte[] block = new byte[10];
    block[0] = RESERVE_OUT;
    block[1] = (byte) action.number;
    block[2] = REGISTRANTS_ONLY;
    block[8] = OUT_BYTES;
    command.is(Direction.TO_DEVICE, OUT_BYTES, block);
    run(
        command,
        "%s, key %x, service action key %x".formatted(action.name().replace('_', ' '), key, other));
  }

  private void run(ScsiCommand command, String what) throws ScsiException {
    for (int attempt = 1; ; attempt++) {
      int result = kernel.scsi(fd, command);
      if (result < 0) {
        throw new ScsiException(
            "%s on %s: %s; it has to be a SCSI disk, and the server needs CAP_SYS_RAWIO"
                .formatted(what, disk, Errno.describe(result)),
            false);
      }
      if (command.status() == ScsiCommand.GOOD && command.hostStatus() == 0) {
        return;
      }
      boolean again =
          command.status() == ScsiCommand.CHECK_CONDITION
              && command.senseKey() == ScsiCommand.UNIT_ATTENTION
              && attempt < TRIES_MAX;
      if (!again) {
        boolean conflict = command.status() == ScsiCommand.RESERVATION_CONFLICT;
        throw new ScsiException(
            "%s on %s: %s".formatted(what, disk, conflict ? "reservation conflict" : command),
            conflict);
      }
    }
  }
}
