package io.selkie.lease;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.charset.StandardCharsets.US_ASCII;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.NvmeCommand;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The reservations of an NVMe namespace (NVM Express, Reservation Register, Acquire and Report), as
 * RFC 9561 puts them in the place of those of SCSI.
 *
 * <p>All who have registered hold the reservation. With the type that SCSI disks get here, where
 * the server holds it alone, a namespace of Linux' own target does nothing when its holder preempts
 * somebody, and says that it did.
 */
final class NvmeCommands implements ReservationCommands {

  /** Exclusive Access, All Registrants: nobody reads or writes who has not registered. */
  static final int ALL_REGISTRANTS = 6;

  /** Opcodes. */
  static final int REGISTER = 0x0D;

  static final int REPORT = 0x0E;
  static final int ACQUIRE = 0x11;

  /** Reservation Register Actions: of a host that has none, of one that has, and their end. */
  static final int REGISTER_NEW = 0;

  static final int REGISTER_REPLACE = 2;
  static final int REGISTER_END = 1;

  /** Reservation Acquire Actions. */
  static final int ACQUIRE_NEW = 0;

  static final int ACQUIRE_PREEMPT = 1;
  static final int ACQUIRE_PREEMPT_AND_ABORT = 2;

  /** The key that was there before does not matter. */
  static final int IGNORE_EXISTING_KEY = 1 << 3;

  /** Extended Data Structure: hosts are named by 16 bytes. */
  private static final int EXTENDED = 1;

  private static final int REPORT_BYTES = 1 << 15;
  private static final int REPORT_HEADER_BYTES = 64;
  private static final int REGISTRANT_BYTES = 64;
  private static final int KEYS_BYTES = 16;
  private static final int NGUID_BYTES = 16;
  private static final int EUI64_BYTES = 8;
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final ValueLayout.OfLong LONG =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Kernel kernel;
  private final int fd;
  private final String disk;
  private final Path facts;
  private final int namespace;

  private NvmeCommands(Kernel kernel, int fd, String disk, Path facts, int namespace) {
    this.kernel = kernel;
    this.fd = fd;
    this.disk = disk;
    this.facts = facts;
    this.namespace = namespace;
  }

  /**
   * To a disk; empty when it is no NVMe namespace.
   *
   * @param fd of the whole disk, for reading at least
   * @param disk for people
   * @param facts its directory in sysfs
   */
  static Optional<NvmeCommands> of(Kernel kernel, int fd, String disk, Path facts)
      throws ScsiException {
    String number = fact(facts, "nsid");
    if (number.isEmpty()) {
      return Optional.empty();
    }
    try {
      int namespace = Integer.parseUnsignedInt(number);
      return Optional.of(new NvmeCommands(kernel, fd, disk, facts, namespace));
    } catch (NumberFormatException _) {
      throw new ScsiException(disk + ": its namespace is no number: " + number, false);
    }
  }

  /** What a file of sysfs says; nothing when there is none. */
  private static String fact(Path facts, String name) throws ScsiException {
    Path file = facts.resolve(name);
    try {
      return Files.exists(file) ? Files.readString(file, US_ASCII).strip() : "";
    } catch (IOException e) {
      throw new ScsiException(file + " cannot be read: " + e, false);
    }
  }

  @Override
  public int type() {
    return ALL_REGISTRANTS;
  }

  /** RFC 9561 section 2.1: the NGUID, or the EUI-64 of a namespace that has no other. */
  @Override
  public Optional<ScsiDesignator> designator() throws ScsiException {
    Optional<byte[]> name = identifier("nguid", NGUID_BYTES);
    if (name.isEmpty()) {
      name = identifier("eui", EUI64_BYTES);
    }
    return name.map(bytes ->
        new ScsiDesignator(
            ScsiDesignator.BINARY,
            ScsiDesignator.EUI64,
            ByteBuffer.wrap(bytes).asReadOnlyBuffer()));
  }

  /** Digits in groups; nothing but zeroes is no name. */
  private Optional<byte[]> identifier(String name, int bytes) throws ScsiException {
    String digits = fact(facts, name).replaceAll("[- ]", "");
    if (digits.length() != 2 * bytes || digits.chars().allMatch(digit -> digit == '0')) {
      return Optional.empty();
    }
    try {
      return Optional.of(HexFormat.of().parseHex(digits));
    } catch (IllegalArgumentException _) {
      throw new ScsiException(disk + ": its " + name + " is no number: " + digits, false);
    }
  }

  /** Of one host at one controller. */
  private record Registrant(String host, long key, boolean holds) {}

  /**
   * What Reservation Report says.
   *
   * @param type 0 when there is no reservation
   */
  private record Report(int type, List<Registrant> registrants) {}

  /**
   * Generation (4), type (1), number of registrants (2) in a header of 64 bytes; then 64 bytes
   * each: controller (2), whether it holds the reservation (1, bit 0), key (8, from byte 8), host
   * (16).
   */
  private Report report() throws ScsiException {
    var command = new NvmeCommand(REPORT_BYTES, TIMEOUT);
    command.data().fill((byte) 0);
    command.is(REPORT, namespace, REPORT_BYTES / 4 - 1, EXTENDED);
    run(command, "RESERVATION REPORT");
    MemorySegment data = command.data();
    int count = Short.toUnsignedInt(data.get(SHORT, 5));
    if (REPORT_HEADER_BYTES + (long) count * REGISTRANT_BYTES > data.byteSize()) {
      throw new ScsiException(
          "RESERVATION REPORT on %s: %d keys are registered, more than can be looked through; clear"
                  .formatted(disk, count)
              + " the reservation (nvme resv-release --rrela=1)",
          false);
    }
    List<Registrant> registrants = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      long at = REPORT_HEADER_BYTES + (long) i * REGISTRANT_BYTES;
      registrants.add(
          new Registrant(
              HexFormat.of().formatHex(data.asSlice(at + 16, 16).toArray(JAVA_BYTE)),
              data.get(LONG, at + 8),
              (data.get(JAVA_BYTE, at + 2) & 1) != 0));
    }
    return new Report(data.get(JAVA_BYTE, 4) & 0xFF, registrants);
  }

  /** A host has one key, and is there once for each of its controllers. */
  @Override
  public List<Long> keys() throws ScsiException {
    Set<String> hosts = new HashSet<>();
    List<Long> keys = new ArrayList<>();
    for (Registrant registrant : report().registrants()) {
      if (hosts.add(registrant.host())) {
        keys.add(registrant.key());
      }
    }
    return keys;
  }

  @Override
  public Optional<Reservation> reservation() throws ScsiException {
    Report report = report();
    Set<Long> holders = new LinkedHashSet<>();
    for (Registrant registrant : report.registrants()) {
      if (registrant.holds()) {
        holders.add(registrant.key());
      }
    }
    return report.type() == 0
        ? Optional.empty()
        : Optional.of(new Reservation(holders, report.type()));
  }

  @Override
  public void register(long key) throws ScsiException {
    try {
      register(REGISTER_NEW | IGNORE_EXISTING_KEY, 0, key);
    } catch (ScsiException e) {
      if (!e.isConflict()) {
        throw e;
      }
      // This machine has a key already.
      register(REGISTER_REPLACE | IGNORE_EXISTING_KEY, 0, key);
    }
  }

  @Override
  public void unregister(long key) throws ScsiException {
    register(REGISTER_END, key, 0);
  }

  private void register(int action, long current, long wanted) throws ScsiException {
    tell(REGISTER, action, current, wanted, "RESERVATION REGISTER");
  }

  @Override
  public void reserve(long key) throws ScsiException {
    tell(ACQUIRE, ALL_REGISTRANTS << 8 | ACQUIRE_NEW, key, 0, "RESERVATION ACQUIRE");
  }

  @Override
  public void preempt(long own, long other, boolean abort) throws ScsiException {
    int action = abort ? ACQUIRE_PREEMPT_AND_ABORT : ACQUIRE_PREEMPT;
    tell(ACQUIRE, ALL_REGISTRANTS << 8 | action, own, other, "RESERVATION ACQUIRE (preempt)");
  }

  private void tell(int opcode, int dword10, long key, long other, String what)
      throws ScsiException {
    var command = new NvmeCommand(KEYS_BYTES, TIMEOUT);
    command.data().set(LONG, 0, key);
    command.data().set(LONG, 8, other);
    command.is(opcode, namespace, dword10, 0);
    run(command, "%s, key %x, other key %x".formatted(what, key, other));
  }

  private void run(NvmeCommand command, String what) throws ScsiException {
    int result = kernel.nvme(fd, command);
    if (result < 0) {
      throw new ScsiException(
          "%s on %s: %s; the server needs CAP_SYS_ADMIN"
              .formatted(what, disk, Errno.describe(result)),
          false);
    }
    int status = NvmeCommand.status(result);
    if (status == NvmeCommand.DONE) {
      return;
    }
    boolean conflict = status == NvmeCommand.RESERVATION_CONFLICT;
    throw new ScsiException(
        "%s on %s: %s"
            .formatted(
                what,
                disk,
                conflict ? "reservation conflict" : "NVMe status 0x%03x".formatted(status)),
        conflict);
  }
}
