package io.selkie.lease;

import io.selkie.lease.LeaseKeeper.Taking;
import io.selkie.lease.RangePreparer.Converting;
import io.selkie.lease.RangePreparer.Settled;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome.Refused;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongPredicate;

/**
 * Makes seals by kernel leases. {@link LeaseRuntime} puts it together for a real kernel; a
 * simulation makes it itself, on one thread.
 *
 * <p>Safe for use by several threads. Nothing here is at odds with the server's own writers on the
 * same description: preparing changes no byte (see {@link UnwrittenConverter}). What changes the
 * block map through that description, a truncation for instance, must be kept off by the caller
 * while a range of it is being sealed or granted: the kernel does not break a lease for its holder.
 */
public final class KernelSealer implements Sealer {

  private final SealContext context;
  private final FileProbes probes;
  private final RangePreparer preparer;
  private final UnwrittenConverter converter;
  private final BlockMapReader reader;
  private final AtomicLong sealNumbers = new AtomicLong();
  private volatile MediaCheck mediaCheck = MediaCheck.NONE;
  private volatile LongPredicate reached = _ -> false;

  KernelSealer(
      SealContext context,
      BlockMapReader reader,
      FileProbes probes,
      LeaseSettings settings,
      UnwrittenConverter converter) {
    this.context = context;
    this.probes = probes;
    this.preparer = new RangePreparer(context.kernel(), reader, settings.triesMax());
    this.converter = converter;
    this.reader = reader;
  }

  /** Asks this before anything is granted from now on. */
  void mediaCheck(MediaCheck check) {
    mediaCheck = check;
  }

  /** Maps of files on such devices count exactly, whatever stands before them. */
  void reached(LongPredicate devices) {
    reached = devices;
  }

  /** Whether somebody reaches the blocks: the file is its storage, or others see that. */
  private boolean isExact(FileStatus status) {
    return status.isDax() || reached.test(status.device());
  }

  @Override
  public SealOutcome seal(
      SealTarget target,
      Purpose purpose,
      ByteRange range,
      Preparation preparation,
      SealListener listener) {
    requireBytes(range);
    var seal = new KernelSeal(context, target, listener, sealNumbers.incrementAndGet());
    SealOutcome outcome = null;
    seal.prepare();
    try {
      outcome = new Sealing(seal, purpose, range, preparation).run();
    } finally {
      if (!(outcome instanceof Sealed)) {
        seal.abandon();
      }
    }
    if (outcome instanceof Refused(Refusal refusal)) {
      tellRefused(target, refusal);
    }
    return outcome;
  }

  @Override
  public boolean mayBeExact(SealTarget target) {
    return reached.test(target.identity().device())
        || probes.dax(target.fd()).answer() == Probe.Answer.YES;
  }

  @Override
  public LeaseOutcome hold(SealTarget target, SealListener listener) {
    var status = new FileStatus();
    Refused refused = inspect(target, status);
    if (refused == null) {
      refused = leaving(target);
    }
    if (refused != null) {
      return new LeaseOutcome.Refused(refused.refusal());
    }
    var seal = new KernelSeal(context, target, listener, sealNumbers.incrementAndGet());
    boolean held = false;
    seal.prepare();
    try {
      // The mode that handles would need, so that layouts may come under the same seal.
      SealMode mode = modeFor(target, status, isExact(status));
      Taking taking = seal.seal(mode);
      if (taking.result() < 0) {
        return new LeaseOutcome.Refused(
            Refusals.lease(taking.call(), target, mode, taking.result()).refusal());
      }
      seal.leased();
      held = !seal.isBreaking() && seal.hold();
    } finally {
      if (!held) {
        seal.abandon();
      }
    }
    return held
        ? new LeaseOutcome.Leased(seal)
        : new LeaseOutcome.Refused(breaking(target).refusal());
  }

  @Override
  public SealOutcome extend(Seal seal, Purpose purpose, ByteRange range, Preparation preparation) {
    requireBytes(range);
    KernelSeal held = ours(seal);
    SealOutcome outcome;
    if (held.enter()) {
      try {
        outcome = extend(held, purpose, range, preparation);
      } finally {
        held.exit();
      }
    } else {
      outcome = breaking(held.target());
    }
    if (outcome instanceof Refused(Refusal refusal)) {
      tellRefused(held.target(), refusal);
    }
    return outcome;
  }

  private SealOutcome extend(
      KernelSeal seal, Purpose purpose, ByteRange range, Preparation preparation) {
    SealTarget target = seal.target();
    var status = new FileStatus();
    Refused refused = inspect(target, purpose, range, preparation, status);
    if (refused != null) {
      return refused;
    }
    ByteRange inside = clip(range, purpose, preparation, status.size());
    if (!seal.isMapped()) {
      // It was made for a delegation. Only now it is worth auditing.
      int mapped = seal.map(status.size(), isExact(status), status.isDax());
      if (mapped < 0) {
        return mapping(target, mapped);
      }
      context.auditor().watch(seal);
    }
    if (seal.exact() && purpose == Purpose.READ_WRITE) {
      refused = grantedHole(seal, inside);
      if (refused != null) {
        return refused;
      }
    }
    int result = seal.reach(status.size());
    if (result < 0) {
      return Refusals.system("mmap", target, result);
    }
    Optional<BlockMap> known =
        seal.known(inside).filter(map -> isFit(map, purpose, preparation, status.size()));
    if (known.isPresent()) {
      // The seal has held it still since it was read. The auditor goes on reading it anew.
      refused = badMedia(target, known.get());
      if (refused != null) {
        return refused;
      }
      return seal.isBreaking() ? breaking(target) : new Sealed(seal, known.get());
    }
    // Whatever is prepared, and however that ends: only what is read after it counts.
    seal.forgetMap();
    refused = writeBack(target, seal.exact() && !status.isDax(), inside);
    if (refused != null) {
      return refused;
    }
    Settled settled =
        preparer.settle(
            target,
            inside,
            seal.exact(),
            purpose,
            preparation,
            writtenEnd(preparation, status.size()),
            Optional.of(converting(seal)));
    return switch (settled) {
      case Settled.Unfit(Refused unfit) -> seal.isBreaking() ? breaking(target) : unfit;
      case Settled.Fit(BlockMap map) -> extended(seal, map);
    };
  }

  private SealOutcome extended(KernelSeal seal, BlockMap map) {
    Refused bad = badMedia(seal.target(), map);
    if (bad != null) {
      return bad;
    }
    AuditOutcome audit = context.auditor().auditOverlap(seal, map);
    if (audit instanceof AuditOutcome.Different(MapDifference difference)) {
      return Refusals.refused(
          Reason.MAP_CHANGED,
          seal.target().describe()
              + ": what was granted changed at "
              + difference.where()
              + " ("
              + difference.what()
              + "); its holders are being fenced");
    }
    if (seal.isBreaking()) {
      return breaking(seal.target());
    }
    seal.know(map);
    return new Sealed(seal, map);
  }

  /**
   * Blocks that were never written are told as such while what was written to them waits in the
   * page cache: who goes to the blocks would find nothing there. Null when nothing waits.
   *
   * @param behindCache whether the blocks count, and a page cache stands before them
   */
  private Refused writeBack(SealTarget target, boolean behindCache, ByteRange range) {
    int result = behindCache ? reader.writeBack(target.fd(), range) : 0;
    return result < 0 ? Refusals.system("FIEMAP with a write-back", target, result) : null;
  }

  /** Whether a range may be granted as it is. */
  private static boolean isFit(
      BlockMap map, Purpose purpose, Preparation preparation, long sizeBytes) {
    if (purpose == Purpose.READ) {
      return true;
    }
    long writtenEnd = writtenEnd(preparation, sizeBytes);
    return map.holes().isEmpty()
        && map.extents().stream()
            .noneMatch(
                extent -> extent.shared() || (extent.unwritten() && extent.logical() < writtenEnd));
  }

  /** Filling a hole that somebody was told of would make what they hold untrue. */
  private Refused grantedHole(KernelSeal seal, ByteRange range) {
    for (BlockMap granted : seal.grants()) {
      BlockMap overlap = granted.range().overlaps(range) ? granted.clip(range) : null;
      if (overlap != null && isUnfit(overlap) && isStillUnfit(seal, overlap)) {
        return Refusals.refused(
            Reason.HOLE_GRANTED,
            "bytes "
                + overlap.range().offset()
                + "+"
                + overlap.range().length()
                + " of "
                + seal.target().describe()
                + " are granted with holes, unwritten or shared extents that this would fill;"
                + " recall those first");
      }
    }
    return null;
  }

  private static boolean isUnfit(BlockMap map) {
    return !map.holes().isEmpty()
        || map.extents().stream().anyMatch(extent -> extent.unwritten() || extent.shared());
  }

  /** What was granted unwritten may have been committed since. */
  private boolean isStillUnfit(KernelSeal seal, BlockMap granted) {
    SealTarget target = seal.target();
    return !(reader.read(target.fd(), target.identity().device(), granted.range())
            instanceof BlockMapReader.MapRead.Found(BlockMap now))
        || isUnfit(now);
  }

  /** One attempt at sealing. */
  private final class Sealing {
    private final KernelSeal seal;
    private final SealTarget target;
    private final Purpose purpose;
    private final ByteRange range;
    private final Preparation preparation;
    private final FileStatus status = new FileStatus();

    Sealing(KernelSeal seal, Purpose purpose, ByteRange range, Preparation preparation) {
      this.seal = seal;
      this.target = seal.target();
      this.purpose = purpose;
      this.range = range;
      this.preparation = preparation;
    }

    SealOutcome run() {
      Refused refused = inspect(target, purpose, range, preparation, status);
      if (refused == null) {
        refused = leaving(target);
      }
      if (refused != null) {
        return refused;
      }
      boolean exact = isExact(status);
      ByteRange inside = clip(range, purpose, preparation, status.size());
      long written = writtenEnd(preparation, status.size());
      // Where places count and nothing is to be prepared, only the map under the lease matters.
      boolean preparing = !exact || purpose == Purpose.READ_WRITE;
      if (preparing
          && preparer.settle(target, inside, exact, purpose, preparation, written, Optional.empty())
              instanceof Settled.Unfit(Refused unfit)) {
        return unfit;
      }
      SealMode mode = modeFor(target, status, exact);
      Taking taking = seal.seal(mode);
      if (taking.result() < 0) {
        return Refusals.lease(taking.call(), target, mode, taking.result());
      }
      return underLease(exact, status.isDax());
    }

    /** From here on nobody else changes the map; what was read before counts for nothing (S2). */
    private SealOutcome underLease(boolean exact, boolean dax) {
      Refused refused = inspect(target, purpose, range, preparation, status);
      if (refused != null) {
        return refused;
      }
      if (status.isDax() != dax) {
        return Refusals.refused(
            Reason.MAP_CHANGED,
            target.describe() + " changed its DAX state while it was sealed; try again");
      }
      int result = seal.verify(status.size(), exact, dax);
      if (result < 0) {
        return mapping(target, result);
      }
      ByteRange inside = clip(range, purpose, preparation, status.size());
      refused = writeBack(target, exact && !dax, inside);
      if (refused != null) {
        return refused;
      }
      Settled settled =
          preparer.settle(
              target,
              inside,
              exact,
              purpose,
              preparation,
              writtenEnd(preparation, status.size()),
              Optional.of(converting(seal)));
      return switch (settled) {
        case Settled.Unfit(Refused unfit) -> seal.isBreaking() ? breaking(target) : unfit;
        case Settled.Fit(BlockMap map) -> held(map);
      };
    }

    private SealOutcome held(BlockMap map) {
      Refused bad = badMedia(target, map);
      if (bad != null) {
        return bad;
      }
      if (seal.isBreaking() || !seal.hold()) {
        return breaking(target);
      }
      context.auditor().watch(seal);
      seal.know(map);
      return new Sealed(seal, map);
    }
  }

  /**
   * A read lease does not see reflinks and deduplication, so it holds an exact map still only where
   * the file system has neither; and it needs a description that cannot write.
   */
  private SealMode modeFor(SealTarget target, FileStatus status, boolean exact) {
    if (target.writable()) {
      return SealMode.EXCLUSIVE;
    }
    return exact && !probes.reflink(target.fd(), status.device(), false).isNo()
        ? SealMode.EXCLUSIVE
        : SealMode.SHARED;
  }

  private static Refused mapping(SealTarget target, int result) {
    return switch (Errno.of(result)) {
      case ENODEV, EOPNOTSUPP, EACCES ->
          Refusals.refused(
              Reason.UNSUPPORTED,
              "mmap of "
                  + target.describe()
                  + ": "
                  + Errno.describe(result)
                  + "; no shared mapping here, export another file system");
      case ENOMEM ->
          Refusals.refused(
              Reason.SYSTEM,
              "mmap of "
                  + target.describe()
                  + ": no address space or too many mappings; raise vm.max_map_count");
      default -> Refusals.system("mmap", target, result);
    };
  }

  /** Null when all of it can be read, as far as is known. */
  private Refused badMedia(SealTarget target, BlockMap map) {
    Optional<String> trouble = mediaCheck.trouble(target, map);
    if (trouble.isEmpty() && BlockMapReader.isCoarse(map)) {
      trouble = reader.firstOf(target.fd(), map, piece -> mediaCheck.trouble(target, piece));
    }
    return trouble.map(what -> Refusals.refused(Reason.MEDIA_ERROR, what)).orElse(null);
  }

  private Converting converting(KernelSeal seal) {
    return range -> converter.convert(context.kernel(), seal.target().fd(), range);
  }

  /** What must be so before anything is tried; null when it is. */
  private Refused inspect(SealTarget target, FileStatus status) {
    Kernel kernel = context.kernel();
    int result = FileProbes.status(kernel, target.fd(), status);
    if (result < 0) {
      return Refusals.system("statx", target, result);
    }
    FileIdentity identity = target.identity();
    if (status.device() != identity.device() || status.inode() != identity.inode()) {
      throw new IllegalArgumentException(
          "descriptor " + target.fd() + " is not " + target.describe() + ", " + identity);
    }
    if (!status.isRegular()) {
      return Refusals.refused(
          Reason.NOT_REGULAR, target.describe() + " is not a regular file; only those are sealed");
    }
    return null;
  }

  /** The same for a range. */
  private Refused inspect(
      SealTarget target,
      Purpose purpose,
      ByteRange range,
      Preparation preparation,
      FileStatus status) {
    Refused refused = inspect(target, status);
    if (refused != null) {
      return refused;
    }
    if (purpose == Purpose.READ_WRITE && !target.writable()) {
      return Refusals.refused(
          Reason.NOT_PERMITTED,
          target.describe() + " is open read-only; open it anew for writing first");
    }
    if (range.offset() >= status.size() && !mayReachPast(purpose, preparation)) {
      return Refusals.refused(
          Reason.PAST_END,
          "offset "
              + range.offset()
              + " of "
              + target.describe()
              + " lies past its end at "
              + status.size()
              + "; set the size first");
    }
    return null;
  }

  private void tellRefused(SealTarget target, Refusal refusal) {
    context.events().onRefused(target, refusal, context.clock().nanoTime());
  }

  /** Null when no copy of a description that was closed stands in the way of a lease. */
  private Refused leaving(SealTarget target) {
    return context.descriptors().get().isLeaving(target)
        ? Refusals.refused(
            Reason.BREAKING,
            target.describe()
                + ": the copy that was kept of it for after a kill is just being closed; try again"
                + " when it is")
        : null;
  }

  private static Refused breaking(SealTarget target) {
    return Refusals.refused(
        Reason.BREAKING,
        target.describe() + ": another process asks for it right now; try again when it is done");
  }

  private static boolean mayReachPast(Purpose purpose, Preparation preparation) {
    return purpose == Purpose.READ_WRITE && preparation.inBlocks();
  }

  /** Past the end of the file only what is to be allocated there now. */
  private static ByteRange clip(
      ByteRange range, Purpose purpose, Preparation preparation, long sizeBytes) {
    long end = preparation.endOfFile(sizeBytes);
    if (mayReachPast(purpose, preparation)) {
      long window = Math.min(preparation.windowBytes(), Long.MAX_VALUE - range.offset());
      end = Math.max(end, range.offset() + window & -preparation.blockBytes());
    }
    return new ByteRange(range.offset(), Math.min(range.end(), end) - range.offset());
  }

  /** Blocks behind this are not part of the file yet and cannot be written through it. */
  private static long writtenEnd(Preparation preparation, long sizeBytes) {
    return preparation.inBlocks() ? preparation.endOfFile(sizeBytes) : Long.MAX_VALUE;
  }

  private static void requireBytes(ByteRange range) {
    if (range.length() == 0) {
      throw new IllegalArgumentException("an empty range cannot be sealed");
    }
  }

  private static KernelSeal ours(Seal seal) {
    if (seal instanceof KernelSeal held) {
      return held;
    }
    throw new IllegalArgumentException("a seal of another sealer: " + seal);
  }
}
