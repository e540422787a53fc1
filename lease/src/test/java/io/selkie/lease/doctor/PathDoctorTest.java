package io.selkie.lease.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.doctor.Diagnosis.Offer;
import io.selkie.lease.doctor.Finding.State;
import io.selkie.lease.doctor.Finding.Subject;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.Kernel;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LeaseType;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.SystemFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Goal: what is said about a path is so, and asking changes nothing.
 *
 * <p>Method: the real file system of the build, with calls made to fail as other file systems do,
 * and a machine whose /proc and /sys are ours.
 */
@Timeout(120)
class PathDoctorTest {

  @TempDir Path machine;
  private Path directory;
  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());

  @BeforeEach
  void ordinaryMachine() throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    Files.createDirectories(base);
    directory = Files.createTempDirectory(base, "doctor");
    directory.toFile().deleteOnExit();
    write("proc/sys/fs/lease-break-time", "45");
    write("proc/sys/fs/leases-enable", "1");
    write("proc/sys/vm/max_map_count", "65530");
    write("proc/self/status", "Name:\tjava\nCapEff:\t0000000010000004\n");
    write("proc/self/mountinfo", Files.readString(Path.of("/proc/self/mountinfo")));
  }

  @Test
  void anOrdinaryDirectoryOffersDirectAccess() throws IOException {
    Diagnosis diagnosis = examine(directory);

    assertThat(diagnosis.offer()).isIn(Offer.DIRECT, Offer.DIRECT_TO_STORAGE);
    assertThat(diagnosis.reasons()).isEmpty();
    assertThat(states(diagnosis, Subject.FILE_SYSTEM, Subject.BLOCK_MAP, Subject.LEASES))
        .containsOnly(State.YES);
    assertThat(diagnosis.findings())
        .extracting(Finding::subject)
        .contains(Subject.values())
        .isSorted();
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void whatIsNotFineComesWithReasonAndAdvice() throws IOException {
    write("proc/self/status", "CapEff:\t0000000000000000\n");

    assertThat(examine(directory).findings())
        .allSatisfy(finding -> assertThat(finding.reason()).isNotBlank())
        .filteredOn(finding -> finding.state() == State.LIMITED)
        .extracting(Finding::subject)
        .contains(Subject.CAP_LEASE, Subject.CAP_DAC_READ_SEARCH);
  }

  @ParameterizedTest
  @CsvSource({
    "FIEMAP, EOPNOTSUPP, NFS_ONLY, BLOCK_MAP",
    "SET_LEASE, EINVAL, NFS_ONLY, LEASES",
    "FALLOCATE, EOPNOTSUPP, DIRECT_READ_ONLY, ALLOCATION"
  })
  void whatTheFileSystemLacksIsNamed(KernelCall call, Errno errno, Offer offer, Subject subject) {
    kernel.failAll(call, errno);

    Diagnosis diagnosis = examine(directory);

    assertThat(diagnosis.offer()).isEqualTo(offer);
    assertThat(diagnosis.find(subject)).map(Finding::state).contains(State.NO);
    assertThat(diagnosis.find(subject).orElseThrow().advice()).isNotBlank();
    assertThat(diagnosis.reasons()).anyMatch(reason -> reason.startsWith(subject.label()));
  }

  @Test
  void aDirectoryWithoutNamelessFilesIsTriedWithANamedOne() throws IOException {
    // The first open is the path's, the second that of the nameless file.
    kernel.failNth(KernelCall.OPENAT2, 2, Errno.EOPNOTSUPP, FaultInjectingKernel.When.INSTEAD);

    assertThat(examine(directory).offer()).isIn(Offer.DIRECT, Offer.DIRECT_TO_STORAGE);
    assertThat(kernel.calls(KernelCall.UNLINKAT)).isEqualTo(1);
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void whereNothingCanBeMadeOnlyReadsAreOffered() {
    kernel.failNth(KernelCall.OPENAT2, 2, Errno.EACCES, FaultInjectingKernel.When.INSTEAD);

    Diagnosis diagnosis = examine(directory);

    assertThat(diagnosis.offer()).isEqualTo(Offer.DIRECT_READ_ONLY);
    assertThat(states(diagnosis, Subject.WRITABLE)).containsExactly(State.NO);
    assertThat(states(diagnosis, Subject.LEASES)).containsExactly(State.UNKNOWN);
  }

  @Test
  void aPathThatIsNotThereOffersNothing() {
    Diagnosis diagnosis = examine(directory.resolve("missing"));

    assertThat(diagnosis.offer()).isEqualTo(Offer.NOTHING);
    assertThat(diagnosis.find(Subject.FILE_SYSTEM).orElseThrow().reason()).contains("ENOENT");
  }

  @Test
  void aDeadlineThatDoesNotFitOffersNothingAndSaysWhatToRun() throws IOException {
    write("proc/sys/fs/lease-break-time", "10");

    Diagnosis diagnosis = examine(directory);

    assertThat(diagnosis.offer()).isEqualTo(Offer.NOTHING);
    assertThat(diagnosis.find(Subject.LEASE_BREAK_TIME).orElseThrow().advice())
        .isEqualTo("run: sysctl -w fs.lease-break-time=17");
  }

  @Test
  void leasesSwitchedOffOfferNothing() throws IOException {
    write("proc/sys/fs/leases-enable", "0");

    assertThat(examine(directory).offer()).isEqualTo(Offer.NOTHING);
  }

  @Test
  void rdmaDevicesAreListed() throws IOException {
    write("sys/class/infiniband/mlx5_0/node_type", "1: CA");
    write("sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE");
    write("sys/class/infiniband/mlx5_0/ports/1/link_layer", "Ethernet");
    write("sys/class/infiniband/siw0/ports/1/state", "1: DOWN");

    assertThat(examine(directory).findings())
        .filteredOn(finding -> finding.subject() == Subject.RDMA_DEVICES)
        .extracting(Finding::state)
        .containsExactly(State.LIMITED, State.NO);
  }

  @Test
  void askingAboutASealedFileBreaksNothing() throws IOException {
    Path file = Files.write(directory.resolve("sealed.bin"), new byte[100]);
    int fd = kernel.openat2(Kernel.AT_FDCWD, Names.bytes(file.toString()), OpenFlags.RDWR, 0, 0);
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();

    Diagnosis diagnosis = examine(file);

    assertThat(kernel.getLease(fd)).isEqualTo(LeaseType.WRITE.number());
    assertThat(diagnosis.offer()).isIn(Offer.DIRECT, Offer.DIRECT_TO_STORAGE);
    kernel.close(fd);
    Files.delete(file);
  }

  private Diagnosis examine(Path path) {
    var facts = new SystemFacts(machine.resolve("proc"), machine.resolve("sys"), kernel);
    var doctor =
        new MachineDoctor(
            facts, CacheLines.detect(), Duration.ofSeconds(10), Duration.ofSeconds(5));
    return new PathDoctor(kernel, doctor, RandomGenerator.of("L64X128MixRandom")).examine(path);
  }

  private static Stream<State> states(Diagnosis diagnosis, Subject... subjects) {
    return Arrays.stream(subjects).map(subject -> diagnosis.find(subject).orElseThrow().state());
  }

  private void write(String name, String text) throws IOException {
    Path file = machine.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }
}
