package io.selkie.layout.block;

import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_READ_DATA;
import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_READ_WRITE_DATA;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADXDR;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutType.PlannedPart;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.ByteRange;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.StorageCommit;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.layout.block.BlockDeviceAddr4;
import io.selkie.protocol.layout.block.BlockExtent4;
import io.selkie.protocol.layout.block.BlockExtentState4;
import io.selkie.protocol.layout.block.BlockLayoutUpdate4;
import io.selkie.protocol.layout.block.Volume4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: what a block layout says of a block is what the map says, and bad commits are refused. */
class BlockLayoutTypeTest {

  private static final int BLOCK = 4096;
  private static final DeviceId4 ANY = new DeviceId4(0, 0);

  private static BlockLayoutType type() {
    RandomGenerator random = () -> 77;
    BlockVolume volume =
        new BlockVolume(
            7, Path.of("/dev/fake"), "xfs", -1, 32, ByteBuffer.wrap(new byte[] {1, 2, 3}));
    return new BlockLayoutType(
        List.of(volume),
        new StorageCommit(new LinuxKernel(), LeaseSettings.defaults()),
        (_, _) -> () -> false,
        1,
        random);
  }

  @Property
  void planSaysOfEachBlockWhatTheMapSays(
      @ForAll @Size(min = 1, max = 40) List<@IntRange(min = 0, max = 2) Integer> blocks,
      @ForAll boolean readWrite,
      @ForAll @IntRange(min = 1, max = 30) int extentsMax) {
    List<Extent> extents = new ArrayList<>();
    for (int i = 0; i < blocks.size(); i++) {
      if (blocks.get(i) != 0) {
        long place = (1000L + i * 3L) * BLOCK;
        extents.add(new Extent((long) i * BLOCK, place, BLOCK, blocks.get(i) == 2 ? 0x800 : 0));
      }
    }
    BlockMap map = new BlockMap(7, new ByteRange(0, (long) blocks.size() * BLOCK), extents);

    List<PlannedPart> parts = BlockPlan.parts(map, readWrite, extentsMax);

    long at = 0;
    for (PlannedPart part : parts) {
      assertThat(part.range().offset()).as("contiguous").isEqualTo(at);
      assertThat(part.isHole()).as("holes are audited too").isFalse();
      boolean hole = part.blocks().extents().isEmpty();
      assertThat(hole && readWrite).isFalse();
      for (long b = at / BLOCK; b * BLOCK < part.range().end(); b++) {
        assertThat(blocks.get((int) b) == 0).isEqualTo(hole);
      }
      at = part.range().end();
    }
    int extentCount = type().extents(parts);
    assertThat(extentCount).isLessThanOrEqualTo(extentsMax);
    int next = (int) (at / BLOCK);
    boolean endsRightly =
        next == blocks.size() || extentCount == extentsMax || (readWrite && blocks.get(next) == 0);
    assertThat(endsRightly).as("ends at %s", next).isTrue();
  }

  @Test
  void whatIsNotAlignedToSectorsEndsTheLayout() {
    Extent odd = new Extent(0, 100, BLOCK, 0);
    BlockMap map = new BlockMap(7, new ByteRange(0, BLOCK), List.of(odd));
    assertThat(BlockPlan.parts(map, false, 9)).isEmpty();
  }

  @Test
  void deviceIsKnownByItsSignatureAndOthersAreNot() {
    BlockLayoutType type = type();
    ByteBuffer body = type.deviceAddress(new DeviceId4(77, 1), 5, "host").orElseThrow();
    assertThat(BlockDeviceAddr4.decode(new XdrReader(body)).volumes())
        .containsExactly(
            new Volume4.Simple(List.of(new Volume4.Signature(32, new byte[] {1, 2, 3}))));
    assertThat(type.deviceAddress(new DeviceId4(77, 2), 5, "host")).isEmpty();
    assertThat(type.deviceAddress(new DeviceId4(78, 1), 5, "host")).isEmpty();
  }

  private static BlockExtent4 extent(long block, long blocks, BlockExtentState4 state) {
    return new BlockExtent4(ANY, block * BLOCK, blocks * BLOCK, 0, state);
  }

  private static int check(BlockExtent4... extents) {
    ByteBuffer body = ByteBuffer.allocate(4096);
    new BlockLayoutUpdate4(List.of(extents)).encode(new XdrWriter(body));
    List<ByteRange> held =
        List.of(new ByteRange(0, 10L * BLOCK), new ByteRange(20L * BLOCK, 10L * BLOCK));
    return type().checkUpdate(body.flip(), held);
  }

  @Test
  void commitsMustBeSortedWholeBlocksThatAreHeld() {
    assertThat(check()).isEqualTo(NFS4_OK);
    assertThat(
            check(
                extent(0, 10, PNFS_BLOCK_READ_WRITE_DATA),
                extent(20, 1, PNFS_BLOCK_READ_WRITE_DATA)))
        .isEqualTo(NFS4_OK);
    assertThat(check(extent(9, 2, PNFS_BLOCK_READ_WRITE_DATA))).isEqualTo(NFS4ERR_INVAL);
    assertThat(check(extent(0, 1, PNFS_BLOCK_READ_DATA))).isEqualTo(NFS4ERR_INVAL);
    assertThat(check(extent(0, 0, PNFS_BLOCK_READ_WRITE_DATA))).isEqualTo(NFS4ERR_INVAL);
    assertThat(
            check(
                extent(1, 2, PNFS_BLOCK_READ_WRITE_DATA), extent(2, 1, PNFS_BLOCK_READ_WRITE_DATA)))
        .as("overlap")
        .isEqualTo(NFS4ERR_INVAL);
    assertThat(check(new BlockExtent4(ANY, 1, BLOCK, 0, PNFS_BLOCK_READ_WRITE_DATA)))
        .as("not aligned")
        .isEqualTo(NFS4ERR_INVAL);
    assertThat(check(new BlockExtent4(ANY, BLOCK, Long.MAX_VALUE, 0, PNFS_BLOCK_READ_WRITE_DATA)))
        .isEqualTo(NFS4ERR_INVAL);
    assertThat(type().checkUpdate(ByteBuffer.allocate(3), List.of())).isEqualTo(NFS4ERR_BADXDR);
    assertThat(type().checkUpdate(ByteBuffer.allocate(8), List.of())).isEqualTo(NFS4ERR_BADXDR);
  }

  /** Answers every question with nothing or 0, but says what it is called, and notes the names. */
  private static <T> T noting(Class<T> type, List<String> calls, Object target) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, _) -> {
              calls.add(method.getName());
              return switch (method.getName()) {
                case "keep" -> true;
                case "target" -> target;
                default -> "a file";
              };
            }));
  }

  private static List<String> askedOfTheSeal(int ioMode) {
    List<String> asked = new ArrayList<>();
    SealTarget file = noting(SealTarget.class, new ArrayList<>(), null);
    Extent extent = new Extent(0, 1000L * BLOCK, BLOCK, 0);
    BlockMap map = new BlockMap(7, new ByteRange(0, BLOCK), List.of(extent));
    var handle =
        type().open(5, noting(Seal.class, asked, file), new PlannedPart(map.range(), map), ioMode);
    assertThat(handle).isNotNull();
    return asked;
  }

  @Test
  void onlyWhatMayBeWrittenIsKeptForAfterAKill() {
    assertThat(askedOfTheSeal(LayoutConst4.LAYOUTIOMODE4_RW)).contains("keep");
    assertThat(askedOfTheSeal(LayoutConst4.LAYOUTIOMODE4_READ)).doesNotContain("keep");
  }
}
