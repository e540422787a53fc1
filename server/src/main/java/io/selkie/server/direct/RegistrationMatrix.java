package io.selkie.server.direct;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.doctor.ScratchMapping;
import io.selkie.posix.Kernel;
import io.selkie.rdma.Registration;
import io.selkie.rdma.RegistrationProbe;
import io.selkie.rdma.RegistrationProbe.Verdict;
import io.selkie.rdma.RemoteAccess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an RDMA device reaches of each file system, and in which manner: tried on a scratch file of
 * that file system, with the kernel and the device that there are, and believed only when odd
 * writes and reads landed where they should ({@link RegistrationProbe}). What was not tried is not
 * there.
 *
 * <p>Safe for use by several threads; one probes at a time.
 */
public final class RegistrationMatrix {

  private static final Logger LOG = LoggerFactory.getLogger(RegistrationMatrix.class);

  private static final Set<RemoteAccess> READ = Set.of(RemoteAccess.READ);
  private static final Set<RemoteAccess> READ_WRITE = Set.of(RemoteAccess.READ, RemoteAccess.WRITE);
  private static final Set<RemoteAccess> READ_WRITE_FLUSH =
      Set.of(RemoteAccess.READ, RemoteAccess.WRITE, RemoteAccess.FLUSH);

  /** Pages of files are better not pinned. */
  private static final List<Registration> ORDER =
      List.of(Registration.ON_DEMAND, Registration.PLAIN);

  private static final String NOT_TO_BE_WRITTEN =
      "not tried, as there were no layouts for writing; restart the server when there are";

  /** Names no file: a row of a file system. */
  private static final long ANY_INODE = 0;

  /** What memory is made of, as far as registration differs. */
  public enum Storage {
    /** Files in the page cache. */
    PAGE_CACHE("page cache"),
    /** Files whose mapping is the storage (MAP_SYNC). */
    DAX("DAX"),
    /** A device's memory as a whole, /dev/daxX.Y. */
    DEVICE_DAX("device DAX");

    private final String label;

    Storage(String label) {
      this.label = label;
    }

    /** For people. */
    public String label() {
      return label;
    }
  }

  /**
   * One kind of access.
   *
   * @param how the manner that was proven; empty when none was
   * @param pins whether pages must stay in memory for it
   * @param flush whether RDMA FLUSH was proven, too, and makes durable what was written
   * @param reasons why the others were not, for people
   */
  public record Cell(
      Optional<Registration> how, boolean pins, boolean flush, Map<Registration, String> reasons) {

    /** Copies the reasons. */
    public Cell {
      reasons = Map.copyOf(reasons);
    }

    /** One line: how, or why not. */
    public String words() {
      if (how.isPresent()) {
        return how.get().label() + (flush ? ", with RDMA FLUSH" : "");
      }
      StringBuilder words = new StringBuilder("no");
      for (Registration manner : Registration.values()) {
        if (reasons.containsKey(manner)) {
          words.append("; ").append(manner.label()).append(": ").append(reasons.get(manner));
        }
      }
      return words.toString();
    }
  }

  /**
   * A file system, or a part of it.
   *
   * @param device {@code stx_dev}, major in the upper, minor in the lower 32 bits
   * @param where what was tried, for people
   */
  public record Row(long device, Storage storage, String where, Cell read, Cell write) {}

  /** Some file's, or with {@link #ANY_INODE} a file system's. */
  private record Place(long device, long inode, boolean exact) {}

  private final RegistrationProbe probe;
  private final RandomGenerator random;
  private final Map<Place, Row> rows = new ConcurrentHashMap<>();

  /**
   * An empty one.
   *
   * @param probe of the device
   * @param random content of scratch files
   */
  public RegistrationMatrix(RegistrationProbe probe, RandomGenerator random) {
    this.probe = probe;
    this.random = random;
  }

  /**
   * Tries what can be done with files of a directory. Blocks for some round trips of the device.
   *
   * @param device of the directory's file system
   * @throws IOException when there is no file to try on; the message says why
   */
  public synchronized Row probe(Kernel kernel, long device, Path directory)
      throws IOException, InterruptedException {
    ScratchMapping scratch =
        ScratchMapping.in(kernel, directory, RegistrationProbe.BYTES_MIN, random);
    try {
      Storage storage = scratch.dax() ? Storage.DAX : Storage.PAGE_CACHE;
      return probe(device, storage, directory.toString(), scratch.writable(), scratch.readOnly());
    } finally {
      closeWhenFree(scratch, probe.lettingGo());
    }
  }

  /** Memory that the device still has is not for the next one to be mapped there. */
  private static void closeWhenFree(ScratchMapping scratch, CompletableFuture<Void> free) {
    if (free.isDone() && !free.isCompletedExceptionally()) {
      scratch.close();
      return;
    }
    LOG.warn("the RDMA device has not let go of what it was tried on: that stays mapped till then");
    var _ =
        free.thenRunAsync(
            scratch::close, task -> Thread.ofPlatform().name("scratch-close").daemon().start(task));
  }

  /**
   * Tries what can be done with a device export's memory, and leaves its content as it is ({@link
   * RegistrationProbe#probeInPlace}). Only plainly: on-demand accesses were seen to land elsewhere.
   *
   * @param standIn the file that stands for it
   * @param memory nobody else uses it meanwhile
   * @param writes whether writes are tried as well; otherwise the device writes nothing there
   */
  public synchronized Row probeDevice(
      FileIdentity standIn, String where, MemorySegment memory, boolean writes)
      throws InterruptedException {
    Cell untried =
        new Cell(Optional.empty(), false, false, Map.of(Registration.PLAIN, NOT_TO_BE_WRITTEN));
    Row row =
        new Row(
            standIn.device(),
            Storage.DEVICE_DAX,
            where,
            inPlace(memory, List.of(READ)),
            writes ? inPlace(memory, List.of(READ_WRITE_FLUSH, READ_WRITE)) : untried);
    rows.put(new Place(standIn.device(), standIn.inode(), true), row);
    return row;
  }

  /** The most that is proven. */
  private Cell inPlace(MemorySegment memory, List<Set<RemoteAccess>> wanted)
      throws InterruptedException {
    String reason = "";
    for (Set<RemoteAccess> access : wanted) {
      boolean flush = access.contains(RemoteAccess.FLUSH);
      Verdict verdict = probe.probeInPlace(memory, access, Registration.PLAIN);
      if (verdict.proven()) {
        return new Cell(Optional.of(Registration.PLAIN), false, flush, Map.of());
      }
      LOG.debug("{}: {}", access, verdict.reason());
      reason = verdict.reason();
    }
    return new Cell(Optional.empty(), false, false, Map.of(Registration.PLAIN, reason));
  }

  /**
   * Tries what can be done with some memory.
   *
   * @param writable may be overwritten
   * @param readOnly the same without the right to write, not all of one octet
   */
  public synchronized Row probe(
      long device, Storage storage, String where, MemorySegment writable, MemorySegment readOnly)
      throws InterruptedException {
    Row row =
        new Row(
            device,
            storage,
            where,
            cell(storage, readOnly, READ),
            cell(storage, writable, READ_WRITE));
    rows.put(new Place(device, ANY_INODE, storage != Storage.PAGE_CACHE), row);
    return row;
  }

  private Cell cell(Storage storage, MemorySegment memory, Set<RemoteAccess> access)
      throws InterruptedException {
    Map<Registration, String> reasons = new EnumMap<>(Registration.class);
    for (Registration how : ORDER) {
      Verdict verdict = probe.probe(memory, access, how);
      Optional<String> unsafe = unsafe(storage, access, how);
      if (verdict.proven() && unsafe.isEmpty()) {
        boolean pins = storage == Storage.PAGE_CACHE && how == Registration.PLAIN;
        // What is in the page cache is not durable, whatever a device says of it.
        boolean flush =
            storage != Storage.PAGE_CACHE
                && access.contains(RemoteAccess.WRITE)
                && probe.probe(memory, READ_WRITE_FLUSH, how).proven();
        return new Cell(Optional.of(how), pins, flush, reasons);
      }
      reasons.put(how, verdict.proven() ? unsafe.get() : verdict.reason());
    }
    return new Cell(Optional.empty(), false, false, reasons);
  }

  /** What a test cannot show. */
  private static Optional<String> unsafe(
      Storage storage, Set<RemoteAccess> access, Registration how) {
    return storage == Storage.PAGE_CACHE
            && how == Registration.PLAIN
            && access.contains(RemoteAccess.WRITE)
        ? Optional.of(
            "this kernel allows it, but does not learn that pinned pages of a file were written,"
                + " and may lose it; later kernels refuse it")
        : Optional.empty();
  }

  /**
   * What is known of a file: of the device that it stands for, else of its file system.
   *
   * @param exact whether the mapping is the storage
   */
  public Optional<Row> row(FileIdentity file, boolean exact) {
    Row own = rows.get(new Place(file.device(), file.inode(), true));
    return own == null ? row(file.device(), exact) : Optional.of(own);
  }

  private Optional<Row> row(long device, boolean exact) {
    return Optional.ofNullable(rows.get(new Place(device, ANY_INODE, exact)));
  }

  /** Whether some files of a file system are reached, as it was found out last. */
  public boolean reaches(long device, boolean write) {
    return Stream.of(row(device, false), row(device, true))
        .flatMap(Optional::stream)
        .anyMatch(row -> (write ? row.write() : row.read()).how().isPresent());
  }

  /** All that was tried. */
  public List<Row> rows() {
    return new ArrayList<>(rows.values());
  }
}
