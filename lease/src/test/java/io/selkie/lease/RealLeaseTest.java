package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: the table of the design, on the kernel that runs here: what breaks a seal, what does not,
 * and that whoever waits goes on as soon as it is released.
 *
 * <p>Method: real files, real leases, and other processes made of coreutils.
 */
@Timeout(120)
class RealLeaseTest {
  private static final int BYTES = 64 * 1024;

  private RealRig rig;
  private Path file;

  @BeforeEach
  void start() throws Exception {
    rig = new RealRig();
    file = rig.file("sealed.bin", BYTES);
  }

  @AfterEach
  void stop() throws Exception {
    assertThat(rig.runtime.keeper().size()).as("leases left").isZero();
    rig.close();
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(
      strings = {
        "cat sealed.bin > read",
        "exec 3>> sealed.bin",
        ": > sealed.bin",
        "dd if=/dev/zero of=sealed.bin bs=1 count=1 conv=notrunc status=none"
      })
  void anyOpenBreaksAnExclusiveSealAndWaitsForIt(String command) throws Exception {
    Seal seal = rig.sealed(rig.open(file, true), Purpose.READ_WRITE).seal();
    assertThat(seal.mode()).isEqualTo(SealMode.EXCLUSIVE);

    assertBreaksAndWaits(seal, "sh", "-c", command);
  }

  @ParameterizedTest(name = "writable: {0}, to {1} bytes")
  @CsvSource({"true, 5000", "true, 65536", "false, 5000", "false, 65536"})
  void truncatingBreaksAndWaitsEvenToTheSameSize(boolean writable, long bytes) throws Exception {
    Purpose purpose = writable ? Purpose.READ_WRITE : Purpose.READ;
    Seal seal = rig.sealed(rig.open(file, writable), purpose).seal();

    assertBreaksAndWaits(
        seal, JavaProcess.command(TruncatingProcess.class, file.toString(), String.valueOf(bytes)));
    assertThat(file).hasSize(bytes);
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"exec 3>> sealed.bin", ": > sealed.bin"})
  void writersBreakASharedSealAndWaitForIt(String command) throws Exception {
    Seal seal = rig.sealed(rig.open(file, false), Purpose.READ).seal();
    assertThat(seal.mode()).isEqualTo(SealMode.SHARED);

    assertBreaksAndWaits(seal, "sh", "-c", command);
  }

  private void assertBreaksAndWaits(Seal seal, String... command) throws Exception {
    Process breaker = rig.start(command);

    RealRig.Break told = rig.nextBreak();
    assertThat(told.seal()).isSameAs(seal);
    assertThat(told.cause()).isEqualTo(BreakCause.KERNEL_LEASE_BREAK);
    assertThat(told.deadlineNanos() - told.seenAtNanos()).isEqualTo(45_000_000_000L);
    assertThat(seal.state()).isEqualTo(SealState.BREAKING);
    assertThat(breaker.isAlive()).isTrue();
    assertThat(file).hasSize(BYTES);

    seal.release();

    assertThat(breaker.waitFor(RealRig.WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(breaker.exitValue()).isZero();
    assertThat(seal.state()).isEqualTo(SealState.RELEASED);
  }

  @Test
  void readersGoThroughASharedSealUnseen() throws Exception {
    Seal seal = rig.sealed(rig.open(file, false), Purpose.READ).seal();

    assertThat(rig.run("cmp", "sealed.bin", "sealed.bin")).isZero();

    assertThat(rig.runtime.keeper().isBreaking(seal.target().fd(), (LeaseHolder) seal)).isFalse();
    assertThat(rig.breaks).isEmpty();
    seal.release();
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(
      strings = {
        "dd if=sealed.bin of=/dev/null iflag=nonblock status=none",
        "dd if=/dev/null of=sealed.bin oflag=nonblock conv=notrunc status=none",
        "truncate -s 5000 sealed.bin"
      })
  void anOpenThatDoesNotWaitIsRefusedAndStillBreaks(String command) throws Exception {
    Seal seal = rig.sealed(rig.open(file, true), Purpose.READ_WRITE).seal();

    assertThat(rig.run("sh", "-c", command + " 2> /dev/null")).isNotZero();

    assertThat(rig.nextBreak().seal()).isSameAs(seal);
    seal.release();
    assertThat(rig.run("sh", "-c", command)).isZero();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "stat -c %s sealed.bin",
    "chmod 640 sealed.bin",
    "touch -d @1000 -m --no-create sealed.bin",
    "mv sealed.bin elsewhere.bin",
    "ln sealed.bin second.bin",
    "rm sealed.bin"
  })
  void namesAndAttributesDoNotBreak(String command) throws Exception {
    Seal seal = rig.sealed(rig.open(file, true), Purpose.READ_WRITE).seal();
    // touch(1) opens what it touches; with O_NONBLOCK, which would break.
    String[] words =
        command.startsWith("touch")
            ? new String[] {"touch", "-h", "-d", "@1000", "sealed.bin"}
            : command.split(" ", -1);

    assertThat(rig.run(words)).isZero();

    assertThat(rig.runtime.keeper().isBreaking(seal.target().fd(), (LeaseHolder) seal)).isFalse();
    assertThat(rig.breaks).isEmpty();
    seal.release();
  }

  @Test
  void anotherOpenFileDescriptionPreventsTheSeal() throws Exception {
    Process other = rig.start("sh", "-c", "exec 3< sealed.bin; echo open; read -r line");
    assertThat(other.inputReader().readLine()).isEqualTo("open");
    RealTarget target = rig.open(file, true);

    assertThat(rig.seal(target, Purpose.READ_WRITE))
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.IN_USE));
    assertThat(target.references()).isEqualTo(1);

    other.outputWriter().close();
    assertThat(other.waitFor(RealRig.WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
    rig.sealed(target, Purpose.READ_WRITE).seal().release();
  }

  @Test
  void aReaderElsewhereDoesNotPreventASharedSealButAWriterDoes() throws Exception {
    Process reader = rig.start("sh", "-c", "exec 3< sealed.bin; echo open; read -r line");
    assertThat(reader.inputReader().readLine()).isEqualTo("open");
    RealTarget target = rig.open(file, false);
    rig.sealed(target, Purpose.READ).seal().release();

    Process writer = rig.start("sh", "-c", "exec 3>> sealed.bin; echo open; read -r line");
    assertThat(writer.inputReader().readLine()).isEqualTo("open");

    assertThat(rig.seal(target, Purpose.READ))
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.IN_USE));
  }

  @Test
  void aMappingWhoseDescriptorIsClosedPreventsTheSeal() throws Exception {
    Process other = rig.start(JavaProcess.command(MappingProcess.class, file.toString()));
    assertThat(other.inputReader().readLine()).isEqualTo("mapped");

    assertThat(rig.seal(rig.open(file, true), Purpose.READ_WRITE))
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.IN_USE));
  }

  @Test
  void theNextSealIsHadAsSoonAsTheBreakerIsDone() throws Exception {
    RealTarget target = rig.open(file, true);
    for (int i = 0; i < 5; i++) {
      Seal seal = rig.sealed(target, Purpose.READ_WRITE).seal();
      Process breaker = rig.start("truncate", "-s", String.valueOf(BYTES + i), "sealed.bin");
      assertThat(rig.nextBreak().seal()).isSameAs(seal);
      seal.release();
      assertThat(breaker.waitFor(RealRig.WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void theMappingIsTheFile() throws Exception {
    RealTarget target = rig.open(file, true);
    var sealed = rig.sealed(target, Purpose.READ_WRITE);
    byte[] before = sealed.seal().mapping().toArray(ValueLayout.JAVA_BYTE);
    sealed.seal().mapping().asSlice(100, 4).fill((byte) 0x5A);
    assertThat(sealed.seal().flush(new ByteRange(100, 4))).isZero();
    sealed.seal().release();

    byte[] after = Files.readAllBytes(file);
    Arrays.fill(before, 100, 104, (byte) 0x5A);
    assertThat(after).isEqualTo(before);
  }

  @Test
  void preparingAllocatesHolesAndKeepsEveryByte() throws Exception {
    Path sparse = rig.file("sparse.bin", 3 * 4096);
    assertThat(rig.run("truncate", "-s", "1M", "sparse.bin")).isZero();
    byte[] before = Files.readAllBytes(sparse);
    RealTarget target = rig.open(sparse, true);

    var reading = rig.sealed(target, Purpose.READ);
    assertThat(reading.map().holes()).isNotEmpty();
    var writing =
        (SealOutcome.Sealed)
            rig.runtime
                .sealer()
                .extend(reading.seal(), Purpose.READ_WRITE, new ByteRange(0, 1 << 20));

    assertThat(writing.map().holes()).isEmpty();
    assertThat(writing.map().range()).isEqualTo(new ByteRange(0, 1 << 20));
    reading.seal().release();
    assertThat(Files.readAllBytes(sparse)).isEqualTo(before);
  }

  @Test
  void extensionReachesWhatTheServerItselfAppended() throws Exception {
    RealTarget target = rig.open(file, true);
    Seal seal = rig.sealed(target, Purpose.READ_WRITE).seal();
    var old = seal.mapping();
    long size = 10L << 20;
    assertThat(rig.kernel.ftruncate(target.fd(), size)).isZero();

    var more = rig.runtime.sealer().extend(seal, Purpose.READ_WRITE, new ByteRange(BYTES, size));

    assertThat(more).isInstanceOf(SealOutcome.Sealed.class);
    assertThat(rig.breaks).as("our own ftruncate breaks nothing").isEmpty();
    assertThat(seal.mapping().byteSize()).isEqualTo(size);
    old.set(ValueLayout.JAVA_BYTE, 5, (byte) 77);
    assertThat(seal.mapping().get(ValueLayout.JAVA_BYTE, 5)).isEqualTo((byte) 77);
    seal.mapping().set(ValueLayout.JAVA_BYTE, size - 1, (byte) 1);
    seal.release();
    assertThat(Files.size(file)).isEqualTo(size);
  }

  @Test
  void auditSeesAHolePunchedThroughOurOwnDescription() throws Exception {
    RealTarget target = rig.open(file, true);
    var sealed = rig.sealed(target, Purpose.READ_WRITE);
    sealed.seal().addHandle(sealed.map());
    assertThat(rig.runtime.auditor().auditNow(sealed.seal()))
        .isInstanceOf(AuditOutcome.Clean.class);

    int punch = FallocateModes.PUNCH_HOLE | FallocateModes.KEEP_SIZE;
    assertThat(rig.kernel.fallocate(target.fd(), punch, 8192, 4096)).isZero();

    RealRig.Break told = rig.nextBreak();
    assertThat(told.cause()).isEqualTo(BreakCause.AUDIT_DIFFERENCE);
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
  }

  @Test
  void aKilledProcessLeavesNoLease() throws Exception {
    Process holder = rig.start(JavaProcess.command(SealingProcess.class, file.toString()));
    assertThat(holder.inputReader().readLine()).isEqualTo("sealed");
    assertThat(rig.run("dd", "if=sealed.bin", "of=/dev/null", "iflag=nonblock", "status=none"))
        .as("while it lives, the file is sealed")
        .isNotZero();

    holder.destroyForcibly().waitFor();

    assertThat(rig.run("dd", "if=sealed.bin", "of=/dev/null", "iflag=nonblock", "status=none"))
        .isZero();
    rig.sealed(rig.open(file, true), Purpose.READ_WRITE).seal().release();
  }

  @Test
  void breakAndReleaseTakeMicroseconds() throws Exception {
    RealTarget target = rig.open(file, true);
    Process opener = rig.start(JavaProcess.command(OpeningProcess.class, file.toString()));
    var in = opener.inputReader();
    var out = opener.outputWriter();
    assertThat(in.readLine()).isEqualTo("ready");
    int rounds = 200;
    long[] toSignal = new long[rounds];
    long[] toGoOn = new long[rounds];
    for (int i = 0; i < rounds; i++) {
      Seal seal = rig.sealed(target, Purpose.READ_WRITE).seal();
      out.write("open\n");
      out.flush();
      RealRig.Break told = rig.nextBreak();
      long releasedAt = rig.clock.nanoTime();
      seal.release();
      // CLOCK_MONOTONIC is one for all processes of a machine.
      String[] times = in.readLine().split(" ", -1);
      toSignal[i] = told.seenAtNanos() - Long.parseLong(times[0]);
      toGoOn[i] = Long.parseLong(times[1]) - releasedAt;
    }
    print("break to signal", toSignal);
    print("release to go on", toGoOn);
    // How long exactly depends on who else wants the processors; but nobody waited for the kernel.
    assertThat(toSignal[rounds / 2]).isPositive().isLessThan(TimeUnit.SECONDS.toNanos(20));
    assertThat(toGoOn[rounds / 2]).isLessThan(TimeUnit.SECONDS.toNanos(20));
  }

  private static void print(String what, long[] nanos) {
    Arrays.sort(nanos);
    System.out.printf(
        Locale.ROOT,
        "%s: p50 %.1f us, p99 %.1f us%n",
        what,
        nanos[nanos.length / 2] / 1e3,
        nanos[nanos.length * 99 / 100] / 1e3);
  }

  @Test
  void manyBreaksAtOnceAreAllSeen() throws Exception {
    int count = 500;
    Seal[] seals = new Seal[count];
    for (int i = 0; i < count; i++) {
      seals[i] = rig.sealed(rig.open(rig.file("many" + i, 10), true), Purpose.READ_WRITE).seal();
    }

    // An O_NONBLOCK open starts the break and does not wait for its end.
    assertThat(
            rig.run(
                "sh",
                "-c",
                "for f in many*; do dd if=$f of=/dev/null iflag=nonblock 2> /dev/null; done; true"))
        .isZero();

    for (int i = 0; i < count; i++) {
      rig.nextBreak();
    }
    assertThat(seals).extracting(Seal::state).containsOnly(SealState.BREAKING);
    for (Seal seal : seals) {
      seal.release();
    }
    assertThat(rig.breaks).isEmpty();
  }

  @Test
  void anOverflowOfTheSignalQueueLosesNoBreak() throws Exception {
    Process holder =
        rig.start(
            JavaProcess.limited("ulimit -i 4", OverflowProcess.class, rig.directory.toString()));
    var in = holder.inputReader();
    assertThat(in.readLine()).isEqualTo("sealed");

    assertThat(
            rig.run(
                "sh",
                "-c",
                "for f in over*; do dd if=$f of=/dev/null iflag=nonblock 2> /dev/null; done; true"))
        .isZero();
    holder.outputWriter().append("go on\n").flush();

    assertThat(in.readLine()).isEqualTo("overflow seen, " + OverflowProcess.FILES + " breaks");
  }

  @Test
  void aStoppedRuntimeCanBeStartedAgain() throws Exception {
    for (int i = 0; i < 3; i++) {
      try (var another = new RealRig()) {
        Seal seal = another.sealed(another.open(another.file("f", 10), true), Purpose.READ).seal();
        Process breaker = another.start("truncate", "-s", "0", "f");
        assertThat(another.nextBreak().seal()).isSameAs(seal);
        seal.release();
        assertThat(breaker.waitFor(RealRig.WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
      }
    }
    assertThat(
            Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("selkie-lease")))
        .as("signal threads: this test's own only")
        .hasSize(1);
  }

  @Test
  void aBreakWhileTheSealIsVerifiedIsARefusalAndNothingStays() throws Exception {
    // Another description of our own breaks the lease like anybody's; here, as soon as it is taken.
    byte[] path = Names.bytes(file.toString());
    var plain = new LinuxKernel();
    Kernel breaking =
        JavaProcess.intercepting(
            plain,
            (call, result) -> {
              if (call.equals("setLease") && (int) result == 0) {
                plain.openat2(Kernel.AT_FDCWD, path, OpenFlags.RDONLY | OpenFlags.NONBLOCK, 0, 0);
              }
            });
    try (var another = new RealRig(breaking)) {
      RealTarget target = another.open(file, true);

      SealOutcome outcome = another.seal(target, Purpose.READ_WRITE);

      assertThat(outcome)
          .isInstanceOfSatisfying(
              SealOutcome.Refused.class,
              refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.BREAKING));
      assertThat(plain.getLease(target.fd())).isEqualTo(LeaseType.NONE.number());
      assertThat(target.references()).isEqualTo(1);
      assertThat(another.runtime.keeper().size()).isZero();
      assertThat(another.breaks).isEmpty();
    }
  }

  @Test
  void anUnlinkedFileCanBeSealedAndReleased() throws IOException {
    RealTarget target = rig.open(file, true);
    Files.delete(file);

    rig.sealed(target, Purpose.READ_WRITE).seal().release();

    assertThat(target.references()).isEqualTo(1);
  }
}
