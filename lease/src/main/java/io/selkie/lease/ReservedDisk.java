package io.selkie.lease;

import io.selkie.lease.ReservationCommands.Reservation;
import io.selkie.posix.Kernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A disk under this server's reservation (RFC 8154 section 2.4.10), a SCSI disk or an NVMe
 * namespace (RFC 9561).
 *
 * <p>It stays reserved when the server ends, in whatever way: who was granted something by a server
 * that is not there any more must not reach the disk, and this machine's own file system does,
 * because its key stays registered. The next start takes over, and takes away the keys of all who
 * were there before.
 *
 * <pre>
 *   key   63     56 55              24 23          0
 *         |  5Eh   | the server's start |  number   |   0: the server itself
 * </pre>
 *
 * The start is counted, and mixed with what is the server's own, so that no key is given out twice
 * by one server, nor, as far as chance goes, by two.
 */
public final class ReservedDisk implements ScsiUnit, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ReservedDisk.class);

  private static final long TAG = 0x5EL << 56;
  private static final long TAG_MASK = 0xFFL << 56;
  private static final int NUMBER_BITS = 24;

  private final ReservationCommands commands;
  private final String disk;
  private final long own;
  private final ScsiDesignator designator;
  private final boolean aborts;

  private ReservedDisk(
      ReservationCommands commands,
      String disk,
      long own,
      ScsiDesignator designator,
      boolean aborts) {
    this.aborts = aborts;
    this.commands = commands;
    this.disk = disk;
    this.own = own;
    this.designator = designator;
  }

  /**
   * The key of a number under a start of the server.
   *
   * @param number 0 for the server itself, less than 2^24
   * @param start of {@link #start}
   * @throws IllegalArgumentException when the numbers of this start are used up
   */
  public static long key(int start, int number) {
    if (number < 0 || number >= 1 << NUMBER_BITS) {
      throw new IllegalArgumentException("reservation key number " + number);
    }
    return TAG | Integer.toUnsignedLong(start) << NUMBER_BITS | number;
  }

  /**
   * What tells the keys of one start from those of all others. Another server, or this one with a
   * new state directory, may count the same.
   *
   * @param epoch counts the starts of this server
   * @param serverId random, of this server's state
   */
  public static int start(int epoch, byte[] serverId) {
    return epoch ^ Arrays.hashCode(serverId);
  }

  /**
   * Keys for clients, none of them twice, then 0 for ever. Safe for use by several threads.
   *
   * @param start of {@link #start}
   */
  public static LongSupplier clientKeys(int start) {
    var last = new AtomicInteger();
    int none = 1 << NUMBER_BITS;
    return () -> {
      int number = last.updateAndGet(before -> Math.min(before + 1, none));
      return number == none ? 0 : key(start, number);
    };
  }

  /**
   * Registers, reserves, and takes the keys of all others away; nobody but this machine reaches the
   * disk when it returns.
   *
   * @param start of {@link #start}
   * @throws ScsiException when it cannot be; nothing is left behind but what was there
   */
  public static ReservedDisk open(Kernel kernel, BlockVolume volume, int start)
      throws ScsiException {
    return open(kernel, volume, start, Path.of("/sys"));
  }

  /** What a disk has to be told, in its own words. */
  static ReservationCommands commands(Kernel kernel, BlockVolume volume, Path sysfs)
      throws ScsiException {
    String disk = volume.path().toString();
    Path facts = facts(volume, sysfs);
    Optional<NvmeCommands> nvme = NvmeCommands.of(kernel, volume.fd(), disk, facts);
    return nvme.isPresent() ? nvme.get() : new ScsiCommands(kernel, volume.fd(), disk);
  }

  private static Path facts(BlockVolume volume, Path sysfs) {
    return sysfs.resolve("dev/block").resolve(BlockVolumes.number(volume.device()));
  }

  /** The same where sysfs is elsewhere. */
  static ReservedDisk open(Kernel kernel, BlockVolume volume, int start, Path sysfs)
      throws ScsiException {
    String disk = volume.path().toString();
    ReservationCommands commands = commands(kernel, volume, sysfs);
    ScsiDesignator designator =
        commands
            .designator()
            .orElseThrow(() ->
                new ScsiException(
                    disk
                        + " has no name that clients could find it by: VPD page 83h of a SCSI disk"
                        + " (RFC 8154), NGUID or EUI-64 of an NVMe namespace (RFC 9561)",
                    false));
    if (!designator.isFindable()) {
      LOG.warn(
          "{}: its name {} is none that Linux clients look for (NAA or EUI-64)", disk, designator);
    }
    long own = key(start, 0);
    Optional<Reservation> before = commands.reservation();
    if (before.isPresent()
        && before.get().holders().stream().noneMatch(key -> (key & TAG_MASK) == TAG)) {
      throw new ScsiException(
          "%s is reserved by somebody else, with key %s: if nobody needs that any more, clear it"
                  .formatted(disk, hex(before.get().holders()))
              + " (sg_persist --out --clear, nvme resv-release --rrela=1)",
          true);
    }
    commands.register(own);
    var opened = new ReservedDisk(commands, disk, own, designator, !isLoopback(volume, sysfs));
    if (!opened.aborts) {
      LOG.warn(
          "{}: Linux' loopback target hangs when it is to abort what a client has under way, so"
              + " that is waited for (layout.blockIoMillis) after it is shut out",
          disk);
    }
    boolean taken = false;
    try {
      opened.take();
      taken = true;
    } finally {
      if (!taken && before.isEmpty()) {
        commands.unregister(own);
      }
    }
    LOG.info("{}: reserved for registrants only, own key {}", disk, Long.toHexString(own));
    return opened;
  }

  /** The reservation becomes ours, whichever earlier start of a server had it. */
  private void take() throws ScsiException {
    Optional<Reservation> held = commands.reservation();
    if (held.isEmpty()) {
      commands.reserve(own);
    } else if (!held.get().holders().contains(own)) {
      for (long holder : held.get().holders()) {
        commands.preempt(own, holder, aborts);
      }
    }
    clear();
    // A list: our own key on another way to the disk would be another's.
    List<Long> left = commands.keys();
    Optional<Reservation> now = commands.reservation();
    if (!left.equals(List.of(own))
        || !now.equals(Optional.of(new Reservation(Set.of(own), commands.type())))) {
      throw new ScsiException(
          "%s does not keep its reservation: registered %s, reserved %s; somebody else uses it"
              .formatted(disk, hex(left), now),
          false);
    }
  }

  private static List<String> hex(Collection<Long> keys) {
    return keys.stream().map(Long::toHexString).toList();
  }

  /** Takes away all keys but ours. */
  private void clear() throws ScsiException {
    for (long key : keys()) {
      if (key != own) {
        LOG.info("{}: key {} of an earlier time is taken away", disk, Long.toHexString(key));
        try {
          preempt(key);
        } catch (ScsiException e) {
          // Gone by itself meanwhile; whether it is, is looked at in the end.
          LOG.info("{}", e.getMessage());
        }
      }
    }
  }

  @Override
  public ScsiDesignator designator() {
    return designator;
  }

  @Override
  public Set<Long> keys() throws ScsiException {
    List<Long> keys = commands.keys();
    if (keys.contains(0L)) {
      // Linux takes its key off an NVMe namespace by putting 0 in its place (seen on 6.18), and
      // has access still. Whose it was nobody can tell, and by 0 all others are meant.
      LOG.warn(
          "{}: somebody has registered key 0, which is no key: all keys but ours are taken away;"
              + " clients that lose theirs go on through the server",
          disk);
      commands.preempt(own, 0, aborts);
      keys = commands.keys();
    }
    return new LinkedHashSet<>(keys);
  }

  @Override
  public void preempt(long key) throws ScsiException {
    commands.preempt(own, key, aborts);
  }

  @Override
  public boolean aborts() {
    return aborts;
  }

  /**
   * Whether it is a disk of tcm_loop. That carries commands out on a queue of work, and PREEMPT AND
   * ABORT waits there for the queue to be empty, that is, for itself (seen on 6.12): the disk never
   * answers again.
   */
  private static boolean isLoopback(BlockVolume volume, Path sysfs) {
    Path node = facts(volume, sysfs);
    try {
      for (Path part : node.toRealPath()) {
        if (part.toString().matches("host\\d+")) {
          Path name = sysfs.resolve("class/scsi_host").resolve(part).resolve("proc_name");
          return Files.readString(name).strip().equals("tcm_loopback");
        }
      }
    } catch (IOException e) {
      LOG.debug("{} has no SCSI host that says what it is: {}", node, e.toString());
    }
    return false;
  }

  @Override
  public String describe() {
    return disk;
  }

  /** Nobody reaches the disk from now on but this machine; it stays reserved. */
  @Override
  public void close() {
    try {
      clear();
    } catch (ScsiException e) {
      LOG.error("clients of {} may go on writing to it: {}", disk, e.getMessage());
    }
  }
}
