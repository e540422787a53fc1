package io.selkie.lease.doctor;

import io.selkie.lease.LeaseDeadlineException;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.doctor.Finding.State;
import io.selkie.lease.doctor.Finding.Subject;
import io.selkie.lease.doctor.PathDoctor.Report;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Capability;
import io.selkie.posix.SystemFacts;
import io.selkie.posix.SystemFacts.RdmaDeviceFacts;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Finds out what does not depend on a path: the kernel's limits and this process's rights. */
public final class MachineDoctor {

  private static final long MIB = 1 << 20;
  private static final long COMFORTABLE_OPEN_FILES = 16_384;
  private static final int COMFORTABLE_MAPPINGS = 65_530;

  private final SystemFacts facts;
  private final CacheLines cacheLines;
  private final Duration recallTimeout;
  private final Duration fenceBudget;

  /**
   * A doctor for a server with these times.
   *
   * @param cacheLines what the processor can
   */
  public MachineDoctor(
      SystemFacts facts, CacheLines cacheLines, Duration recallTimeout, Duration fenceBudget) {
    this.facts = facts;
    this.cacheLines = cacheLines;
    this.recallTimeout = recallTimeout;
    this.fenceBudget = fenceBudget;
  }

  SystemFacts facts() {
    return facts;
  }

  /**
   * Adds to a report.
   *
   * @param dax whether the path is on DAX
   * @return whether a server would start here
   */
  boolean examine(Report report, boolean dax) {
    boolean starts = leaseBreakTime(report);
    if (!facts.leasesEnabled()) {
      report.add(
          Subject.LEASES,
          State.NO,
          "the administrator has switched leases off",
          "run: sysctl -w fs.leases-enable=1");
      report.lacks("leases are switched off (fs.leases-enable)");
      starts = false;
    }
    cacheLines(report, dax);
    capabilities(report);
    limits(report);
    rdma(report, dax);
    return starts;
  }

  private boolean leaseBreakTime(Report report) {
    try {
      int seconds = facts.leaseBreakSeconds();
      var deadlines = LeaseDeadlines.of(seconds, recallTimeout, fenceBudget);
      report.add(
          Subject.LEASE_BREAK_TIME,
          deadlines.kernelWaitsForEver() ? State.LIMITED : State.YES,
          deadlines.describe(),
          deadlines.kernelWaitsForEver()
              ? "should the server hang, whoever wants a sealed file hangs too;"
                  + " run: sysctl -w fs.lease-break-time=45"
              : "");
      return true;
    } catch (LeaseDeadlineException e) {
      report.add(
          Subject.LEASE_BREAK_TIME,
          State.NO,
          e.getMessage(),
          "run: sysctl -w fs.lease-break-time=" + e.leaseBreakTimeSecondsMin());
      report.lacks("lease-break-time is too short");
    } catch (IOException e) {
      report.add(
          Subject.LEASE_BREAK_TIME,
          State.NO,
          "it cannot be read: " + e.getMessage(),
          "mount /proc");
      report.lacks("lease-break-time cannot be read");
    }
    return false;
  }

  private void cacheLines(Report report, boolean dax) {
    if (cacheLines.isAvailable()) {
      report.add(
          Subject.CACHE_LINES,
          State.YES,
          "this processor and JVM write cache lines back",
          cacheLines.isGuarded()
              ? ""
              : "storage that goes bad meanwhile would end the server: " + cacheLines.whyNot());
    } else {
      report.add(
          Subject.CACHE_LINES,
          State.NO,
          cacheLines.whyNot(),
          dax ? "writes are made durable by fdatasync instead" : "");
    }
  }

  private void capabilities(Report report) {
    Set<Capability> held = EnumSet.noneOf(Capability.class);
    try {
      held.addAll(facts.capabilities());
    } catch (IOException e) {
      report.add(Subject.CAP_LEASE, State.UNKNOWN, e.getMessage(), "mount /proc");
      return;
    }
    boolean lease = held.contains(Capability.CAP_LEASE);
    report.add(
        Subject.CAP_LEASE,
        lease ? State.YES : State.LIMITED,
        lease
            ? "this process has CAP_LEASE"
            : "without CAP_LEASE only files that belong to this user can be sealed",
        lease ? "" : "for files of others give it AmbientCapabilities=CAP_LEASE, or be root");
    boolean handles = held.contains(Capability.CAP_DAC_READ_SEARCH);
    report.add(
        Subject.CAP_DAC_READ_SEARCH,
        handles ? State.YES : State.LIMITED,
        handles
            ? "this process has CAP_DAC_READ_SEARCH: files are opened by handle"
            : "without CAP_DAC_READ_SEARCH handles are found again by path after a restart",
        handles ? "" : "for files renamed meanwhile give it that capability, or be root");
    boolean commands = held.contains(Capability.CAP_SYS_RAWIO);
    report.add(
        Subject.CAP_SYS_RAWIO,
        commands ? State.YES : State.LIMITED,
        commands
            ? "this process has CAP_SYS_RAWIO"
            : "without CAP_SYS_RAWIO no SCSI disk can be reserved",
        commands ? "" : "only blockLayouts: scsi needs it: give it that capability, or be root");
  }

  private void limits(Report report) {
    long memlock = facts.memlockLimitBytes();
    boolean unlimited = memlock == Long.MAX_VALUE;
    report.add(
        Subject.MEMLOCK,
        unlimited ? State.YES : State.LIMITED,
        unlimited
            ? "no limit"
            : String.format(
                Locale.ROOT, "%d MiB; the software RDMA provider locks none", memlock / MIB),
        unlimited ? "" : "for an RDMA device raise it: LimitMEMLOCK=infinity, or ulimit -l");
    long files = facts.openFilesLimit();
    boolean enough = files >= COMFORTABLE_OPEN_FILES;
    report.add(
        Subject.OPEN_FILES,
        enough ? State.YES : State.LIMITED,
        files + " descriptors; each file in use takes one",
        enough ? "" : "raise it: LimitNOFILE, or ulimit -n");
    facts
        .mappingsLimit()
        .ifPresentOrElse(
            mappings ->
                report.add(
                    Subject.MAPPINGS,
                    mappings >= COMFORTABLE_MAPPINGS ? State.YES : State.LIMITED,
                    mappings + " mappings; each sealed file takes one or more",
                    mappings >= COMFORTABLE_MAPPINGS
                        ? ""
                        : "run: sysctl -w vm.max_map_count=" + COMFORTABLE_MAPPINGS),
            () -> report.add(Subject.MAPPINGS, State.UNKNOWN, "cannot be read", "mount /proc"));
  }

  private void rdma(Report report, boolean dax) {
    List<RdmaDeviceFacts> devices = facts.rdmaDevices();
    if (devices.isEmpty()) {
      report.add(
          Subject.RDMA_DEVICES,
          State.NO,
          "the kernel has none",
          "none is needed: the iwarp provider speaks RDMA over TCP by itself");
    }
    for (RdmaDeviceFacts device : devices) {
      boolean active = device.state().toUpperCase(Locale.ROOT).contains("ACTIVE");
      String name =
          device.device()
              + " port "
              + device.port()
              + ", "
              + device.linkLayer()
              + ", "
              + device.nodeType()
              + ", state "
              + device.state();
      report.add(
          Subject.RDMA_DEVICES,
          active ? State.LIMITED : State.NO,
          name
              + (active
                  ? dax
                      ? ": DAX files need registration on demand"
                      : ": files can be registered for reading, for writing only on demand"
                  : ""),
          active ? "until then the iwarp provider serves" : "bring the port up");
    }
  }
}
