package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.BlockMapReader.MapRead;
import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.KernelCall;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: a map is read whole and right, however many pages it takes, or not at all. */
class BlockMapReaderTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;

  private final FakeKernel fake = new FakeKernel();

  @Property
  void pagesMakeNoDifference(
      @ForAll @Size(40) List<@IntRange(min = 0, max = 3) Integer> kinds,
      @ForAll @IntRange(min = 2, max = 9) int extentsPerPage,
      @ForAll @IntRange(min = 1, max = 5) int extentBlocksMax,
      @ForAll @IntRange(min = 0, max = 39) int fromBlock) {
    var kernel = new FakeKernel();
    FakeFile file = kernel.file(40L * BLOCK);
    for (int i = 0; i < kinds.size(); i++) {
      switch (kinds.get(i)) {
        case 1 -> file.allocate(i, 1, 0);
        case 2 -> file.allocate(i, 1, FiemapFlags.UNWRITTEN);
        case 3 -> file.allocate(i, 1, 0).move();
        default -> {}
      }
    }
    kernel.extentBlocksMax = extentBlocksMax;
    var range = new ByteRange(fromBlock * (long) BLOCK + 5, (40L - fromBlock) * BLOCK - 5);

    BlockMap inPages = found(new BlockMapReader(kernel.kernel(), extentsPerPage, 100), file, range);

    kernel.extentBlocksMax = Integer.MAX_VALUE;
    assertThat(inPages)
        .isEqualTo(found(new BlockMapReader(kernel.kernel(), 1000, 1000), file, range));
    assertThat(inPages).isEqualTo(inPages.normalised());
  }

  @Test
  void flagsAndPlacesAreTheKernels() {
    FakeFile file =
        fake.file(4L * BLOCK).allocate(0, 1, 0).allocate(2, 1, FiemapFlags.UNWRITTEN | 0x40000000);

    BlockMap map = found(reader(10, 10), file, new ByteRange(0, 4L * BLOCK));

    assertThat(map.device()).isEqualTo(77);
    assertThat(map.extents())
        .containsExactly(
            new BlockMap.Extent(0, 1000L * BLOCK, BLOCK, 0),
            new BlockMap.Extent(
                2L * BLOCK,
                1001L * BLOCK,
                BLOCK,
                FiemapFlags.UNWRITTEN | FiemapFlags.LAST | 0x40000000));
    assertThat(map.holes())
        .containsExactly(new ByteRange(BLOCK, BLOCK), new ByteRange(3L * BLOCK, BLOCK));
  }

  @Test
  void aMapThatMovesBetweenTwoPagesIsReadAgain() {
    FakeFile file = scattered(10);
    int[] calls = {0};
    fake.beforeFiemap =
        () -> {
          if (++calls[0] == 3) {
            file.move();
          }
        };

    BlockMap map = found(reader(4, 100), file, new ByteRange(0, 20L * BLOCK));

    assertThat(calls[0]).isGreaterThan(5);
    fake.beforeFiemap = () -> {};
    assertThat(map).isEqualTo(found(reader(100, 100), file, new ByteRange(0, 20L * BLOCK)));
  }

  @Test
  void aMapThatNeverStandsStillIsGivenUp() {
    FakeFile file = scattered(10);
    fake.beforeFiemap = file::move;

    assertThat(reader(4, 100).read(file.fd, 77, new ByteRange(0, 20L * BLOCK)))
        .isInstanceOf(MapRead.Unstable.class);
  }

  @Test
  void tooManyExtentsAreRefusedOrToldCoarsely() {
    FakeFile file = fake.file(20L * BLOCK);
    for (int i = 19; i >= 0; i--) {
      file.allocate(i, 1, 0);
    }
    var range = new ByteRange(0, 20L * BLOCK);

    assertThat(reader(4, 9).read(file.fd, 77, range)).isEqualTo(new MapRead.TooFragmented(9));

    var coarse = ((MapRead.Found) reader(4, 9).readCoarsely(file.fd, 77, range)).map();
    assertThat(coarse.holes()).isEmpty();
    assertThat(coarse.extents()).hasSizeLessThanOrEqualTo(9);
    assertThat(coarse.extents().getFirst().located()).isFalse();
  }

  @Test
  void aMapOfTooManyExtentsIsAskedPieceByPiece() {
    FakeFile file = fake.file(20L * BLOCK);
    for (int i = 19; i >= 0; i--) {
      file.allocate(i, 1, 0);
    }
    var range = new ByteRange(0, 20L * BLOCK);
    BlockMap coarse = ((MapRead.Found) reader(4, 3).readCoarsely(file.fd, 77, range)).map();
    assertThat(BlockMapReader.isCoarse(coarse)).isTrue();

    for (long block = 0; block < 20; block++) {
      long place = file.blocks.get(block).physical() * BLOCK;
      assertThat(
              reader(4, 3)
                  .firstOf(
                      file.fd,
                      coarse,
                      map ->
                          map.extents().stream()
                              .filter(extent -> extent.physical() == place)
                              .findFirst()))
          .hasValueSatisfying(found -> assertThat(found.located()).isTrue());
    }
    assertThat(reader(4, 3).firstOf(-1, coarse, map -> Optional.of(map))).hasValue(coarse);
  }

  @Test
  void holesStayHolesInACoarseMap() {
    FakeFile file = scattered(10);

    assertThat(reader(4, 9).readCoarsely(file.fd, 77, new ByteRange(0, 20L * BLOCK)))
        .isEqualTo(new MapRead.TooFragmented(9));
  }

  @Test
  void anErrorIsHandedOnAndAnInterruptionRepeated() {
    FakeFile file = scattered(3);
    var kernel = new FaultInjectingKernel(fake.kernel());
    var reader = new BlockMapReader(kernel, 2, 100);
    var range = new ByteRange(0, 20L * BLOCK);

    kernel.failNth(KernelCall.FIEMAP, 2, Errno.EINTR, FaultInjectingKernel.When.INSTEAD);
    assertThat(reader.read(file.fd, 77, range)).isInstanceOf(MapRead.Found.class);
    kernel.failNth(KernelCall.FIEMAP, 2, Errno.EIO, FaultInjectingKernel.When.INSTEAD);
    assertThat(reader.read(file.fd, 77, range)).isEqualTo(new MapRead.Failed(Errno.EIO.result()));
  }

  private FakeFile scattered(int extents) {
    FakeFile file = fake.file(2L * extents * BLOCK);
    for (int i = 0; i < extents; i++) {
      file.allocate(2L * i, 1, 0);
    }
    return file;
  }

  private BlockMapReader reader(int extentsPerPage, int extentsMax) {
    return new BlockMapReader(fake.kernel(), extentsPerPage, extentsMax);
  }

  private static BlockMap found(BlockMapReader reader, FakeFile file, ByteRange range) {
    return ((MapRead.Found) reader.read(file.fd, 77, range)).map();
  }
}
