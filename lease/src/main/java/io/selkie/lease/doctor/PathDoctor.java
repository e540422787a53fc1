package io.selkie.lease.doctor;

import io.selkie.lease.FileProbes;
import io.selkie.lease.FileSystemType;
import io.selkie.lease.Probe;
import io.selkie.lease.ReservationProbe;
import io.selkie.lease.doctor.Diagnosis.Offer;
import io.selkie.lease.doctor.Finding.State;
import io.selkie.lease.doctor.Finding.Subject;
import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.MountFacts;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Finds out what a server could offer on a path. What can be tried is tried, on a file without a
 * name in the path's directory; the path itself is only looked at (O_PATH), which breaks no seal.
 */
public final class PathDoctor {

  private final Kernel kernel;
  private final MachineDoctor machine;
  private final RandomGenerator random;

  /**
   * A doctor.
   *
   * @param machine what does not depend on the path
   * @param random names a trial file where it must have a name for a moment
   */
  public PathDoctor(Kernel kernel, MachineDoctor machine, RandomGenerator random) {
    this.kernel = kernel;
    this.machine = machine;
    this.random = random;
  }

  /**
   * Examines a directory or a file. Blocks for the time of a few local system calls.
   *
   * @param path need not exist: then the diagnosis says so
   */
  public Diagnosis examine(Path path) {
    var report = new Report();
    Path absolute = path.toAbsolutePath().normalize();
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(absolute.toString()),
            OpenFlags.PATH | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      report.add(
          Subject.FILE_SYSTEM,
          State.NO,
          absolute + ": " + Errno.describe(fd),
          Errno.ENOENT.is(fd) ? "name a path that exists" : "see its permissions");
      machine.examine(report, false);
      return report.diagnosis(path, Offer.NOTHING);
    }
    try {
      return examine(report, path, absolute, fd);
    } finally {
      kernel.close(fd);
    }
  }

  private Diagnosis examine(Report report, Path path, Path absolute, int fd) {
    var status = new FileStatus();
    var fileSystem = new FileSystemStatus();
    int result = kernel.statx(fd, new byte[0], AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
    if (result >= 0) {
      result = kernel.fstatfs(fd, fileSystem);
    }
    if (result < 0) {
      report.add(Subject.FILE_SYSTEM, State.UNKNOWN, Errno.describe(result), "try again");
      machine.examine(report, false);
      return report.diagnosis(path, Offer.NOTHING);
    }
    report.add(Subject.FILE_SYSTEM, State.YES, describe(fileSystem.type(), status), "");
    Path directory = status.isDirectory() ? absolute : absolute.getParent();
    Trial.Start start = Trial.in(kernel, new FileProbes(kernel), String.valueOf(directory), random);
    Tried tried =
        switch (start) {
          case Trial.Start.Ready(Trial trial) -> {
            try (trial) {
              yield tryOut(report, trial, status);
            }
          }
          case Trial.Start.Failed(int error) -> withoutTrial(report, error, status);
        };
    reservations(report, new ReservationProbe(kernel).of(status.device()));
    Offer offer = machine.examine(report, tried.dax()) ? tried.offer() : Offer.NOTHING;
    return report.diagnosis(path, offer);
  }

  /**
   * What trying on a file has led to.
   *
   * @param dax whether the mapping is the storage
   */
  private record Tried(Offer offer, boolean dax) {}

  private static Tried tryOut(Report report, Trial trial, FileStatus status) {
    report.add(Subject.WRITABLE, State.YES, "a file could be made in it", "");
    // In the order in which each is of use to the next: an empty file has no map to ask about.
    Probe allocation = trial.allocation();
    boolean map =
        report.need(
            Subject.BLOCK_MAP,
            trial.blockMap(),
            "layouts need it: export a file system such as XFS or ext4");
    boolean allocates =
        report.need(
            Subject.ALLOCATION,
            allocation,
            "layouts for writing need it, except for files that are full of data already");
    boolean dax = dax(report, trial.dax(), status);
    mapSync(report, trial.mapSync(), dax);
    reflink(report, trial.reflink(), dax);
    boolean leases =
        report.need(
            Subject.LEASES,
            trial.lease(),
            "layouts need them: export a local file system of your own user");
    if (!map || !leases) {
      return new Tried(Offer.NFS_ONLY, dax);
    }
    if (!allocates) {
      return new Tried(Offer.DIRECT_READ_ONLY, dax);
    }
    return new Tried(dax ? Offer.DIRECT_TO_STORAGE : Offer.DIRECT, dax);
  }

  private static Tried withoutTrial(Report report, int error, FileStatus status) {
    report.add(
        Subject.WRITABLE,
        State.NO,
        "no file could be made in it: " + Errno.describe(error),
        "files can still be read; to try everything, run this as a user who may write there");
    String unknown = "could not be tried without a file";
    report.add(Subject.BLOCK_MAP, State.UNKNOWN, unknown, "");
    boolean dax = dax(report, new Probe(Probe.Answer.UNKNOWN, unknown), status);
    report.add(Subject.LEASES, State.UNKNOWN, unknown, "");
    report.lacks("nothing could be tried where no file can be made");
    return new Tried(Offer.DIRECT_READ_ONLY, dax);
  }

  /** A given file's own state counts; a directory's is what new files in it have. */
  private static boolean dax(Report report, Probe ofTrial, FileStatus status) {
    Probe probe = ofTrial;
    if (status.isRegular()) {
      probe =
          status.isDax()
              ? new Probe(Probe.Answer.YES, "statx of the file shows STATX_ATTR_DAX")
              : new Probe(Probe.Answer.NO, "statx of the file does not show STATX_ATTR_DAX");
    }
    report.add(
        Subject.DAX,
        probe.isYes() ? State.YES : probe.isNo() ? State.NO : State.UNKNOWN,
        probe.reason(),
        probe.isYes()
            ? ""
            : "files are reached through the page cache; for storage itself use persistent or CXL"
                + " memory with XFS or ext4 mounted -o dax=always");
    return probe.isYes();
  }

  private static void mapSync(Report report, Probe probe, boolean dax) {
    report.add(
        Subject.MAP_SYNC,
        probe.isYes() ? State.YES : probe.isNo() ? State.NO : State.UNKNOWN,
        probe.reason(),
        probe.isYes() || !dax
            ? ""
            : "writes are made durable by fdatasync; a device on persistent memory needs none");
  }

  private static void reflink(Report report, Probe probe, boolean dax) {
    boolean possible = !probe.isNo();
    report.add(
        Subject.REFLINK,
        probe.isYes() ? State.YES : probe.isNo() ? State.NO : State.UNKNOWN,
        probe.reason(),
        possible && dax
            ? "DAX files are sealed exclusively even for reading, as a reflink would go unseen;"
                + " mkfs.xfs -m reflink=0 lets other processes read along"
            : "");
  }

  private static void reservations(Report report, Probe probe) {
    report.add(
        Subject.RESERVATIONS,
        probe.isYes() ? State.YES : State.NO,
        probe.reason(),
        probe.isYes()
            ? ""
            : "only blockLayouts: scsi needs them: XFS or ext4 on a whole SCSI disk, or NVMe"
                + " namespace, that has persistent reservations");
  }

  private String describe(long magic, FileStatus status) {
    Optional<MountFacts> mount;
    try {
      mount = machine.facts().mountOf(status);
    } catch (IOException _) {
      mount = Optional.empty();
    }
    String type =
        mount.map(MountFacts::fileSystemType).orElseGet(() -> FileSystemType.of(magic).label());
    return mount
        .map(it ->
            type
                + " on "
                + it.mountPoint()
                + " from "
                + it.source()
                + (it.hasOption("ro") ? ", read-only" : ""))
        .orElse(type);
  }

  /** Collects findings. */
  static final class Report {
    private final List<Finding> findings = new ArrayList<>();
    private final List<String> lacks = new ArrayList<>();

    void add(Subject subject, State state, String reason, String advice) {
      findings.add(new Finding(subject, state, reason, advice));
    }

    /** Something without which the offer is less. */
    boolean need(Subject subject, Probe probe, String advice) {
      State state = probe.isYes() ? State.YES : probe.isNo() ? State.NO : State.UNKNOWN;
      add(subject, state, probe.reason(), probe.isYes() ? "" : advice);
      if (!probe.isYes()) {
        lacks(subject.label() + ": " + probe.reason());
      }
      return probe.isYes();
    }

    void lacks(String reason) {
      lacks.add(reason);
    }

    Diagnosis diagnosis(Path path, Offer offer) {
      findings.sort((one, other) -> one.subject().compareTo(other.subject()));
      return new Diagnosis(path.toString(), findings, offer, lacks);
    }
  }
}
