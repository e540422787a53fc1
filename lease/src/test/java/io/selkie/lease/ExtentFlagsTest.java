package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.FakeKernel.FakeTarget;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.FiemapFlags;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: for each flag that FIEMAP knows, whether an extent with it is granted as it is, prepared
 * first, or refused; on DAX and behind a page cache, to be read and to be written.
 */
class ExtentFlagsTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;
  private static final int BLOCKS = 4;

  enum Verdict {
    /** Nothing is done to it. */
    AS_IT_IS,
    /** Written back to get a place. */
    SYNCED,
    /** Replaced by blocks of its own, or converted, and without the flag then. */
    PREPARED,
    /** Refused, by the flag's name; nothing is left behind. */
    REFUSED
  }

  private static final Verdict AS_IT_IS = Verdict.AS_IT_IS;
  private static final Verdict SYNCED = Verdict.SYNCED;
  private static final Verdict PREPARED = Verdict.PREPARED;
  private static final Verdict REFUSED = Verdict.REFUSED;

  /** Flags as file systems give them together. */
  enum Kind {
    // flags, then: DAX read, DAX write, page cache read, page cache write
    PLAIN(0, AS_IT_IS, AS_IT_IS, AS_IT_IS, AS_IT_IS),
    LAST(FiemapFlags.LAST, AS_IT_IS, AS_IT_IS, AS_IT_IS, AS_IT_IS),
    MERGED(FiemapFlags.MERGED, AS_IT_IS, AS_IT_IS, AS_IT_IS, AS_IT_IS),
    UNWRITTEN(FiemapFlags.UNWRITTEN, AS_IT_IS, PREPARED, AS_IT_IS, AS_IT_IS),
    SHARED(FiemapFlags.SHARED, AS_IT_IS, PREPARED, AS_IT_IS, PREPARED),
    DELAYED(FiemapFlags.DELALLOC | FiemapFlags.UNKNOWN, SYNCED, SYNCED, AS_IT_IS, AS_IT_IS),
    // Written back it would be unwritten or shared still; that is for the next round.
    DELAYED_UNWRITTEN(
        FiemapFlags.DELALLOC | FiemapFlags.UNKNOWN | FiemapFlags.UNWRITTEN,
        SYNCED,
        PREPARED,
        AS_IT_IS,
        AS_IT_IS),
    UNKNOWN_PLACE(FiemapFlags.UNKNOWN, REFUSED, REFUSED, AS_IT_IS, AS_IT_IS),
    // Btrfs, compressed.
    COMPRESSED(FiemapFlags.ENCODED, REFUSED, REFUSED, AS_IT_IS, AS_IT_IS),
    COMPRESSED_AND_SHARED(
        FiemapFlags.ENCODED | FiemapFlags.SHARED, REFUSED, REFUSED, AS_IT_IS, PREPARED),
    ENCRYPTED(
        FiemapFlags.ENCODED | FiemapFlags.DATA_ENCRYPTED, REFUSED, REFUSED, AS_IT_IS, AS_IT_IS),
    // Written back it would be compressed all the same.
    COMPRESSED_AND_DELAYED(
        FiemapFlags.ENCODED | FiemapFlags.DELALLOC | FiemapFlags.UNKNOWN,
        REFUSED,
        REFUSED,
        AS_IT_IS,
        AS_IT_IS),
    NOT_ALIGNED(FiemapFlags.NOT_ALIGNED, REFUSED, REFUSED, AS_IT_IS, AS_IT_IS),
    // Small files of ext4 and btrfs.
    INLINE(FiemapFlags.DATA_INLINE | FiemapFlags.NOT_ALIGNED, REFUSED, REFUSED, AS_IT_IS, REFUSED),
    COMPRESSED_INLINE(
        FiemapFlags.DATA_INLINE | FiemapFlags.NOT_ALIGNED | FiemapFlags.ENCODED,
        REFUSED,
        REFUSED,
        AS_IT_IS,
        REFUSED),
    PACKED_TAIL(
        FiemapFlags.DATA_TAIL | FiemapFlags.NOT_ALIGNED, REFUSED, REFUSED, AS_IT_IS, REFUSED),
    // A flag of a kernel to come says nothing against it that we could know.
    UNHEARD_OF(0x4000_0000, AS_IT_IS, AS_IT_IS, AS_IT_IS, AS_IT_IS);

    private final int flags;
    private final Verdict daxRead;
    private final Verdict daxWrite;
    private final Verdict cachedRead;
    private final Verdict cachedWrite;

    Kind(int flags, Verdict daxRead, Verdict daxWrite, Verdict cachedRead, Verdict cachedWrite) {
      this.flags = flags;
      this.daxRead = daxRead;
      this.daxWrite = daxWrite;
      this.cachedRead = cachedRead;
      this.cachedWrite = cachedWrite;
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void onDax(Kind kind) {
    judge(kind, true, Purpose.READ, kind.daxRead);
    judge(kind, true, Purpose.READ_WRITE, kind.daxWrite);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void behindAPageCache(Kind kind) {
    judge(kind, false, Purpose.READ, kind.cachedRead);
    judge(kind, false, Purpose.READ_WRITE, kind.cachedWrite);
  }

  /** The flagged blocks are in the middle: plain ones about them must not hide them. */
  private static void judge(Kind kind, boolean dax, Purpose purpose, Verdict verdict) {
    var rig = new FakeRig();
    FakeFile file = rig.fake.file((long) BLOCKS * BLOCK).allocate(0, BLOCKS, 0);
    file.flags(1, kind.flags);
    file.flags(2, kind.flags);
    FakeTarget target = (dax ? file.dax() : file).target(true);

    SealOutcome outcome = rig.seal(target, purpose, 0, (long) BLOCKS * BLOCK);

    String what = kind + ", " + purpose;
    List<String> calls = rig.fake.calls;
    if (verdict == REFUSED) {
      assertThat(outcome)
          .as(what)
          .isInstanceOfSatisfying(
              SealOutcome.Refused.class,
              refused -> {
                assertThat(refused.refusal().reason()).isEqualTo(Reason.UNSUITABLE_EXTENTS);
                assertThat(refused.refusal().message()).contains(ExtentRules.names(kind.flags));
              });
      assertThat(target.retained).as(what).isZero();
      assertThat(calls).as(what).doesNotContain("fallocate");
      // What is inline before the end of the file may have outgrown the inode.
      boolean synced = (kind.flags & FiemapFlags.DATA_INLINE) != 0;
      assertThat(calls.contains("fsync")).as(what).isEqualTo(synced);
      return;
    }
    assertThat(outcome).as(what).isInstanceOf(SealOutcome.Sealed.class);
    SealOutcome.Sealed sealed = (SealOutcome.Sealed) outcome;
    assertThat(sealed.map().holes()).as(what).isEmpty();
    assertThat(sealed.seal().exact()).as(what).isEqualTo(dax);
    if (verdict == AS_IT_IS) {
      assertThat(calls).as(what).doesNotContain("fallocate", "fsync");
    } else {
      assertThat(calls).as(what).containsAnyOf("fallocate", "fsync");
      int gone =
          verdict == SYNCED
              ? FiemapFlags.DELALLOC | FiemapFlags.UNKNOWN
              : FiemapFlags.UNWRITTEN | FiemapFlags.SHARED;
      assertThat(ExtentRules.firstWith(sealed.map(), gone & kind.flags)).as(what).isNull();
    }
    if (dax) {
      assertThat(sealed.map().extents()).as(what).allMatch(BlockMap.Extent::located);
    }
    sealed.seal().addHandle(sealed.map());
    assertThat(rig.runtime.auditor().auditNow(sealed.seal()))
        .as(what)
        .isInstanceOf(AuditOutcome.Clean.class);
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
  }
}
