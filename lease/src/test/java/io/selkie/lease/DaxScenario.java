package io.selkie.lease;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Errno;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.LinuxKernel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * What only a DAX file system shows, as a program for a machine that has one: {@code java ...
 * DaxScenario}, with {@code -Dselkie.test.dir} on it. Ends with status 0 when all holds.
 */
final class DaxScenario {
  private static final int MIB = 1 << 20;
  private static final LinuxKernel KERNEL = new LinuxKernel();

  private DaxScenario() {}

  public static void main(String[] arguments) throws Exception {
    System.out.println("cache lines: " + CacheLines.detect().isAvailable());
    try (var rig = new RealRig(KERNEL)) {
      sparseFileIsMadeWholeWithoutLosingAByte(rig);
      ownWritersLoseNothingWhileRangesAreConverted(rig);
      reflinksAreUnshared(rig);
      readersShareOnlyWithoutReflink(rig);
      movedBlocksAreFound(rig);
    }
    System.out.println("all holds");
    System.exit(0);
  }

  private static void sparseFileIsMadeWholeWithoutLosingAByte(RealRig rig) throws Exception {
    Path file = rig.file("sparse.bin", 3 * 4096 + 5);
    check(rig.run("truncate", "-s", "8M", "sparse.bin") == 0, "truncate");
    byte[] before = Files.readAllBytes(file);
    RealTarget target = rig.open(file, true);
    long begun = rig.clock.nanoTime();
    Sealed sealed = rig.sealed(target, Purpose.READ_WRITE);
    System.out.printf("sealed 8 MiB in %.1f ms%n", (rig.clock.nanoTime() - begun) / 1e6);
    System.out.println(sealed.map());
    check(sealed.seal().exact(), "exact");
    check(sealed.seal().mode() == SealMode.EXCLUSIVE, "exclusive");
    check(sealed.map().holes().isEmpty(), "no holes");
    check(sealed.map().extents().stream().noneMatch(Extent::unwritten), "all written");
    check(sealed.seal().addHandle(sealed.map()), "handle");
    check(
        Arrays.equals(before, sealed.seal().mapping().toArray(ValueLayout.JAVA_BYTE)),
        "same bytes in the mapping");
    sealed.seal().mapping().set(ValueLayout.JAVA_BYTE, 5 * MIB, (byte) 42);
    check(sealed.seal().flush(new ByteRange(5 * MIB, 1)) == 0, "flush");
    for (int i = 0; i < 3; i++) {
      AuditOutcome audit = rig.runtime.auditor().auditNow(sealed.seal());
      check(audit instanceof AuditOutcome.Clean, "audit: " + audit);
    }
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
    before[5 * MIB] = 42;
    check(Arrays.equals(before, Files.readAllBytes(file)), "same bytes in the file");
  }

  /** A writer on the server's own description fills the file while it is being converted. */
  private static void ownWritersLoseNothingWhileRangesAreConverted(RealRig rig) throws Exception {
    for (int round = 0; round < 5; round++) {
      String name = "raced" + round;
      Path file = rig.file(name, 0);
      int size = 16 * MIB;
      check(rig.run("truncate", "-s", String.valueOf(size), name) == 0, "truncate");
      RealTarget target = rig.open(file, true);
      var writer = CompletableFuture.runAsync(() -> fill(target.fd(), size));
      SealOutcome outcome = rig.seal(target, Purpose.READ_WRITE);
      writer.get(RealRig.WAIT_SECONDS, TimeUnit.SECONDS);
      check(outcome instanceof Sealed, "sealed beside a writer: " + outcome);
      MemorySegment mapping = ((Sealed) outcome).seal().mapping();
      for (int at = 0; at < size; at += 512) {
        check(mapping.get(ValueLayout.JAVA_BYTE, at) == (byte) (at >> 9 | 1), "byte " + at);
      }
      ((Sealed) outcome).seal().release();
    }
    System.out.println("no byte lost beside a writer");
  }

  private static void fill(int fd, int size) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment sector = arena.allocate(512);
      for (int at = 0; at < size; at += 512) {
        sector.fill((byte) (at >> 9 | 1));
        check(KERNEL.pwrite(fd, sector, at) == 512, "pwrite");
      }
    }
  }

  private static void reflinksAreUnshared(RealRig rig) throws Exception {
    Path file = rig.file("origin.bin", MIB);
    Files.write(rig.directory.resolve("clone.bin"), new byte[0]);
    RealTarget origin = rig.open(file, true);
    RealTarget clone = rig.open(rig.directory.resolve("clone.bin"), true);
    int cloned = KERNEL.cloneRange(origin.fd(), 0, 0, clone.fd(), 0);
    System.out.println("FICLONERANGE: " + (cloned < 0 ? Errno.describe(cloned) : "yes"));
    Probe reflink = rig.runtime.probes().reflink(origin.fd(), 1, true);
    System.out.println("probe: " + reflink);
    check(reflink.isYes() == (cloned >= 0), "the probe agrees with a real clone");
    if (cloned < 0) {
      return;
    }
    Sealed reading = rig.sealed(origin, Purpose.READ);
    check(reading.map().extents().getFirst().shared(), "shared before");
    reading.seal().release();
    Sealed writing = rig.sealed(origin, Purpose.READ_WRITE);
    System.out.println(writing.map());
    check(writing.map().extents().stream().noneMatch(Extent::shared), "unshared after");
    writing.seal().release();
    check(
        Arrays.equals(
            Files.readAllBytes(file), Files.readAllBytes(rig.directory.resolve("clone.bin"))),
        "both as they were");
  }

  private static void readersShareOnlyWithoutReflink(RealRig rig) throws Exception {
    Path file = rig.file("read.bin", MIB);
    RealTarget writable = rig.open(rig.file("other.bin", 10), true);
    Probe reflink = rig.runtime.probes().reflink(writable.fd(), writable.identity().device(), true);
    Seal seal = rig.sealed(rig.open(file, false), Purpose.READ).seal();
    System.out.println("read seal: " + seal.mode() + ", reflink " + reflink.answer());
    check(seal.mode() == (reflink.isNo() ? SealMode.SHARED : SealMode.EXCLUSIVE), "mode");
    check(seal.mapping().isReadOnly(), "read-only mapping");
    seal.release();
  }

  private static void movedBlocksAreFound(RealRig rig) throws Exception {
    RealTarget target = rig.open(rig.file("moved.bin", MIB), true);
    Sealed sealed = rig.sealed(target, Purpose.READ_WRITE);
    check(sealed.seal().addHandle(sealed.map()), "handle");
    int zero = FallocateModes.ZERO_RANGE | FallocateModes.KEEP_SIZE;
    check(KERNEL.fallocate(target.fd(), zero, 4096, 8192) == 0, "zero range");
    AuditOutcome audit = rig.runtime.auditor().auditNow(sealed.seal());
    System.out.println(audit);
    check(sealed.seal().state() == SealState.BREAKING, "the change was found");
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
