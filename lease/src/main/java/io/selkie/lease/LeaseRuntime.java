package io.selkie.lease;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Kernel;
import io.selkie.posix.PosixException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.BiPredicate;
import java.util.function.LongPredicate;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All of this module, put together: the sealer, the auditor, the keeper of leases, and on a real
 * kernel the thread that waits for their breaks. One for each server.
 */
public final class LeaseRuntime implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseRuntime.class);

  private final LeaseKeeper keeper;
  private final SealAuditor auditor;
  private final KernelSealer sealer;
  private final FileProbes probes;
  private volatile LeaseDeadlines deadlines;
  private volatile DescriptorKeeper descriptors = DescriptorKeeper.NONE;
  private final Optional<LeaseSignalThread> thread;

  /**
   * What a runtime is made from.
   *
   * @param kernel real or simulated
   * @param clock of all times in listeners and events
   * @param timers for the auditor's pace and the kernel's deadlines
   * @param blocking runs the auditor, which blocks in FIEMAP
   * @param deadlines the deadline rule as it was applied (S4)
   * @param settings bounds
   * @param events hears of everything
   */
  public record Parts(
      Kernel kernel,
      NanoClock clock,
      Timers timers,
      Executor blocking,
      LeaseDeadlines deadlines,
      LeaseSettings settings,
      LeaseEvents events) {}

  private LeaseRuntime(
      Parts parts,
      LeaseSignals signals,
      UnwrittenConverter converter,
      Optional<CacheLines> cacheLines,
      Optional<LeaseSignalThread> thread) {
    this.thread = thread;
    this.deadlines = parts.deadlines();
    this.keeper = new LeaseKeeper(parts.kernel(), signals, parts.events());
    var reader = new BlockMapReader(parts.kernel(), parts.settings());
    this.auditor =
        new SealAuditor(
            parts.kernel(),
            reader,
            parts.clock(),
            parts.timers(),
            parts.blocking(),
            parts.settings(),
            parts.events());
    this.probes = new FileProbes(parts.kernel());
    var context =
        new SealContext(
            parts.kernel(),
            cacheLines,
            parts.clock(),
            parts.timers(),
            keeper,
            this::deadlines,
            auditor,
            () -> descriptors,
            parts.events());
    this.sealer = new KernelSealer(context, reader, probes, parts.settings(), converter);
  }

  /**
   * Starts on the real kernel: the signal thread is ready and the auditor works when this returns.
   *
   * @throws PosixException when lease breaks cannot be waited for
   */
  public static LeaseRuntime start(Parts parts) throws PosixException {
    var thread = LeaseSignalThread.start(parts.kernel(), parts.clock(), parts.events());
    Optional<CacheLines> cacheLines =
        Optional.of(CacheLines.detect()).filter(CacheLines::isAvailable);
    cacheLines
        .filter(lines -> !lines.isGuarded())
        .ifPresent(lines ->
            LOG.warn(
                "storage that goes bad while cache lines are written back to it would end this"
                    + " process: {}",
                lines.whyNot()));
    var runtime =
        new LeaseRuntime(
            parts, thread, UnwrittenConverter.byTouching(), cacheLines, Optional.of(thread));
    thread.deliverTo(runtime.keeper);
    runtime.auditor.start();
    LOG.info("seals: {}", parts.deadlines().describe());
    return runtime;
  }

  /**
   * The same without a thread, for a simulated kernel, which brings its breaks by {@link
   * LeaseKeeper#onSignal} itself.
   *
   * @param signals what the simulated kernel is to be told as signal and owner
   * @param converter how its unwritten blocks become written
   */
  public static LeaseRuntime simulated(
      Parts parts, LeaseSignals signals, UnwrittenConverter converter) {
    var runtime = new LeaseRuntime(parts, signals, converter, Optional.empty(), Optional.empty());
    runtime.auditor.start();
    return runtime;
  }

  /** Makes seals. */
  public Sealer sealer() {
    return sealer;
  }

  /** What may be granted is asked here too, from now on. */
  public void mediaCheck(MediaCheck check) {
    sealer.mediaCheck(check);
  }

  /**
   * Block maps of files on such devices count exactly from now on, be there a page cache before
   * them: clients reach the device past it. For before the first seal.
   */
  public void reached(LongPredicate devices) {
    sealer.reached(devices);
  }

  /** Who has leases outlive this process, where that is asked for; for before the first seal. */
  public void descriptors(DescriptorKeeper newKeeper) {
    descriptors = newKeeper;
  }

  /**
   * Files with a live handle whose map is such: as it was granted where the mapping is the storage,
   * as it is now behind a page cache. Looks at all handles there are.
   *
   * @param among of which files to look at the maps at all
   */
  public Set<FileIdentity> granted(
      Predicate<SealTarget> among, BiPredicate<SealTarget, BlockMap> such) {
    return auditor.granted(among, such);
  }

  /** Watches them. */
  public SealAuditor auditor() {
    return auditor;
  }

  /** Knows their leases. */
  public LeaseKeeper keeper() {
    return keeper;
  }

  /** Knows what files can do. */
  public FileProbes probes() {
    return probes;
  }

  /**
   * Takes over settings that were changed while seals are held; breaks seen from now on follow
   * them.
   *
   * @param auditIntervalNanos as in {@link LeaseSettings}
   */
  public void reconfigure(LeaseDeadlines newDeadlines, long auditIntervalNanos) {
    auditor.interval(auditIntervalNanos);
    deadlines = newDeadlines;
    LOG.info("seals: {}", newDeadlines.describe());
  }

  /** The deadline rule as it was applied. */
  public LeaseDeadlines deadlines() {
    return deadlines;
  }

  /** Whether lease breaks are being seen; a server that says no is not healthy. */
  public boolean isWatching() {
    return thread.map(LeaseSignalThread::isAlive).orElse(true);
  }

  /** Stops the auditor and the thread. Release all seals first: nobody watches them any more. */
  @Override
  public void close() {
    auditor.close();
    if (keeper.size() > 0) {
      LOG.warn("{} seals are still held and no longer watched", keeper.size());
    }
    thread.ifPresent(LeaseSignalThread::close);
  }
}
