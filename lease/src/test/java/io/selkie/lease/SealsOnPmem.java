package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Neighbours.Act;
import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.FiemapFlags;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: what is sealed on DAX is the storage itself: unwritten and shared blocks are prepared or
 * refused as they must be, the map granted is exactly that of the file system (S2), and what is
 * stored through the mapping is there after the next mount.
 */
@ParameterizedClass(name = "{0}")
@EnumSource(PmemFileSystem.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(300)
class SealsOnPmem {
  private static final int BYTES = 256 * 1024;

  /** Space that nobody has written, in the middle of what is. */
  private static final int GAP = 64 * 1024;

  @Parameter PmemFileSystem type;

  private Mounted mounted;
  private Neighbours neighbours;
  private RealRig rig;

  @BeforeParameterizedClassInvocation
  void make() throws Exception {
    mounted = type.make();
    neighbours = new Neighbours();
    rig = new RealRig();
  }

  @AfterParameterizedClassInvocation
  void unmake() throws Exception {
    neighbours.close();
    rig.close();
    mounted.close();
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(rig.runtime.keeper().size()).as("leases left").isZero();
    rig.breaks.clear();
  }

  private static byte[] content(int bytes) {
    byte[] content = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      content[i] = (byte) (i * 31 + (i >> 9));
    }
    return content;
  }

  private Path file(String name) throws IOException {
    return Files.write(mounted.root().resolve(name), content(BYTES));
  }

  /** The map that the file system tells now, read by nobody but this test. */
  private BlockMap map(RealTarget target, long bytes) {
    var reader = new BlockMapReader(rig.kernel, 64, 4096);
    var range = new ByteRange(0, bytes);
    return ((BlockMapReader.MapRead.Found)
            reader.read(target.fd(), target.identity().device(), range))
        .map();
  }

  private static boolean any(BlockMap map, int flags) {
    return map.extents().stream().anyMatch(extent -> extent.has(flags));
  }

  @Test
  void whatIsGrantedIsTheMapOfTheFileSystemExactly() throws Exception {
    RealTarget target = rig.open(file("exact"), true);
    var sealed = rig.sealed(target, Purpose.READ_WRITE);

    assertThat(sealed.seal().exact()).isTrue();
    assertThat(MapDifference.exact(sealed.map(), map(target, BYTES))).isEmpty();
    assertThat(MapDifference.exact(map(target, BYTES), sealed.map())).isEmpty();
    sealed.seal().addHandle(sealed.map());
    assertThat(rig.runtime.auditor().auditNow(sealed.seal()))
        .isInstanceOf(AuditOutcome.Clean.class);
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
  }

  @Test
  void readersAreSealedExclusivelyWhereBlocksCanBeShared() throws Exception {
    Seal seal = rig.sealed(rig.open(file("read"), false), Purpose.READ).seal();
    // Where nothing was asked yet by a writer, XFS may be one that shares: a reader cannot ask it.
    boolean mayShare = type.isXfs();
    if (type.reflinks()) {
      assertThat(seal.mode()).isEqualTo(SealMode.EXCLUSIVE);
    }
    if (!mayShare) {
      assertThat(seal.mode()).isEqualTo(SealMode.SHARED);
    }
    seal.release();
  }

  @Test
  void unwrittenBlocksAreWrittenForAWriterAndNoByteChanges() throws Exception {
    Path file = mounted.root().resolve("unwritten");
    PmemFileSystem.run("xfs_io", "-f", "-c", "falloc 0 " + BYTES, file.toString());
    PmemFileSystem.run(
        "xfs_io", "-c", "pwrite -q -S 0x5a " + GAP + " 4096", "-c", "fsync", file.toString());
    byte[] before = Files.readAllBytes(file);
    RealTarget target = rig.open(file, true);
    assertThat(any(map(target, BYTES), FiemapFlags.UNWRITTEN)).isTrue();

    var sealed = rig.sealed(target, Purpose.READ_WRITE);

    assertThat(any(sealed.map(), FiemapFlags.UNWRITTEN)).isFalse();
    assertThat(sealed.map().holes()).isEmpty();
    assertThat(sealed.seal().mapping().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(before);
    assertThat(any(map(target, BYTES), FiemapFlags.UNWRITTEN)).isFalse();
    sealed.seal().release();
  }

  @Test
  void holesAndUnwrittenBlocksAreGrantedToAReaderAsTheyAre() throws Exception {
    Path file = mounted.root().resolve("sparse");
    PmemFileSystem.run(
        "xfs_io", "-f", "-c", "truncate " + BYTES, "-c", "falloc 0 4096", file.toString());
    RealTarget target = rig.open(file, true);

    var sealed = rig.sealed(target, Purpose.READ);

    assertThat(sealed.map().holes()).isNotEmpty();
    assertThat(any(sealed.map(), FiemapFlags.UNWRITTEN)).isTrue();
    assertThat(sealed.seal().mapping().toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    sealed.seal().release();
  }

  @Test
  void sharedBlocksAreCopiedForAWriterAndTheOtherFileKeepsItsBytes() throws Exception {
    Path file = file("origin");
    Path clone = mounted.root().resolve("clone");
    String result = neighbours.begin(Act.CLONE_FROM, file, clone).result();
    if (!type.reflinks()) {
      assertThat(result).isEqualTo("ENOTSUP");
      return;
    }
    assertThat(result).isEqualTo("ok");
    RealTarget target = rig.open(file, true);
    assertThat(any(map(target, BYTES), FiemapFlags.SHARED)).isTrue();

    var reading = rig.sealed(target, Purpose.READ);
    assertThat(any(reading.map(), FiemapFlags.SHARED)).as("a reader may share").isTrue();
    reading.seal().release();
    var sealed = rig.sealed(target, Purpose.READ_WRITE);

    assertThat(any(sealed.map(), FiemapFlags.SHARED)).isFalse();
    assertThat(any(map(target, BYTES), FiemapFlags.SHARED)).isFalse();
    sealed.seal().mapping().fill((byte) 'x');
    assertThat(sealed.seal().flush(new ByteRange(0, BYTES))).isZero();
    sealed.seal().release();
    assertThat(Files.readAllBytes(clone)).isEqualTo(content(BYTES));
    assertThat(Files.readAllBytes(file)).containsOnly('x');
  }

  @Test
  void aWriterWhoseBlocksAreGrantedSharedGetsThemOnlyAfterThoseAreBack() throws Exception {
    if (!type.reflinks()) {
      return;
    }
    Path file = file("granted");
    assertThat(neighbours.begin(Act.CLONE_FROM, file, mounted.root().resolve("twin")).result())
        .isEqualTo("ok");
    var reading = rig.sealed(rig.open(file, true), Purpose.READ);
    reading.seal().addHandle(reading.map());

    var writing =
        rig.runtime.sealer().extend(reading.seal(), Purpose.READ_WRITE, new ByteRange(0, BYTES));

    assertThat(writing)
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.HOLE_GRANTED));
    reading.seal().removeHandle(reading.map());
    reading.seal().release();
  }

  /** What the kernel does not break the holder's own lease for is what the audit is there for. */
  @Test
  void theAuditSeesWhatTheHoldersOwnDescriptionDoes() throws Exception {
    Map<String, Integer> modes =
        Map.of(
            "punched", FallocateModes.PUNCH_HOLE | FallocateModes.KEEP_SIZE,
            "zeroed", FallocateModes.ZERO_RANGE | FallocateModes.KEEP_SIZE);
    for (Map.Entry<String, Integer> mode : modes.entrySet()) {
      RealTarget target = rig.open(file(mode.getKey()), true);
      var sealed = rig.sealed(target, Purpose.READ_WRITE);
      sealed.seal().addHandle(sealed.map());

      assertThat(rig.kernel.fallocate(target.fd(), mode.getValue(), GAP, 8192)).isZero();

      assertAuditSees(sealed);
    }
    if (type.reflinks()) {
      RealTarget target = rig.open(file("cloned"), true);
      var sealed = rig.sealed(target, Purpose.READ_WRITE);
      sealed.seal().addHandle(sealed.map());
      try (var other =
          new RealTarget(rig.kernel, Files.createFile(mounted.root().resolve("taker")), true)) {
        assertThat(rig.kernel.cloneRange(target.fd(), 0, BYTES, other.fd(), 0)).isZero();
      }
      assertAuditSees(sealed);
    }
  }

  private void assertAuditSees(SealOutcome.Sealed sealed) throws InterruptedException {
    rig.runtime.auditor().auditNow(sealed.seal());
    assertThat(rig.nextBreak().cause()).isEqualTo(BreakCause.AUDIT_DIFFERENCE);
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
  }

  @Test
  void cloningItBreaksTheSealAndWaits() throws Exception {
    Path file = file("cloned-by-others");
    RealTarget target = rig.open(file, true);
    for (Act act : List.of(Act.COPY, Act.CLONE_FROM, Act.DEDUPE)) {
      Path other = Files.write(mounted.root().resolve("other-" + act), content(BYTES));
      var sealed = rig.sealed(target, Purpose.READ_WRITE);
      Neighbours.Doing doing = neighbours.begin(act, file, other);
      assertThat(rig.nextBreak().cause()).isEqualTo(BreakCause.KERNEL_LEASE_BREAK);
      assertThat(doing.isUnderWay()).isTrue();
      assertThat(any(map(target, BYTES), FiemapFlags.SHARED)).isFalse();
      sealed.seal().release();
      assertThat(doing.result().equals("ok")).isEqualTo(type.reflinks());
      if (type.reflinks()) {
        assertThat(Files.readAllBytes(other)).isEqualTo(content(BYTES));
      }
    }
  }

  @Test
  void whatIsStoredAndFlushedIsThereAfterTheNextMount() throws Exception {
    var sealed = rig.sealed(rig.open(file("stored"), true), Purpose.READ_WRITE);
    sealed.seal().mapping().asSlice(1234, 5000).fill((byte) 0x77);
    assertThat(sealed.seal().flush(new ByteRange(1234, 5000))).isZero();
    sealed.seal().release();
    byte[] expected = content(BYTES);
    Arrays.fill(expected, 1234, 1234 + 5000, (byte) 0x77);
    rig.closeTargets();
    mounted.unmount();
    mounted.mount();
    assertThat(Files.readAllBytes(mounted.root().resolve("stored"))).isEqualTo(expected);
  }
}
