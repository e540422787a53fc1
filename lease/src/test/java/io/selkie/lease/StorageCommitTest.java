package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.posix.Errno;
import io.selkie.posix.FiemapFlags;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** Goal: a commit takes in what was written on the device, and nothing else changes. */
class StorageCommitTest {

  private static final int BLOCK = FakeKernel.BLOCK_BYTES;
  private static final int BLOCKS_OF_PIECE = 256;

  private final FakeKernel fake = new FakeKernel();
  private final StorageCommit commits = new StorageCommit(fake.kernel(), LeaseSettings.defaults());

  private int commit(FakeFile file, long block, long blocks, long endBytes) {
    return commit(file, block, blocks, endBytes, () -> false);
  }

  private int commit(
      FakeFile file, long block, long blocks, long endBytes, BooleanSupplier cancelled) {
    BlockVolume volume =
        new BlockVolume(
            file.target(true).identity().device(),
            Path.of("/dev/fake"),
            "xfs",
            FakeKernel.DEVICE_FD,
            32,
            ByteBuffer.allocate(16));
    List<ByteRange> written =
        blocks == 0 ? List.of() : List.of(new ByteRange(block * BLOCK, blocks * BLOCK));
    return commits.commit(
        file.target(true),
        volume,
        written,
        List.of(new ByteRange(0, 1024L * BLOCK)),
        endBytes,
        cancelled);
  }

  /** A client writes past the server. */
  private void write(FakeFile file, long block, int value) {
    fake.onDevice(file.blocks.get(block).physical()).fill((byte) value);
  }

  private byte at(FakeFile file, long offset) {
    return fake.onDevice(file.blocks.get(offset / BLOCK).physical())
        .get(ValueLayout.JAVA_BYTE, offset % BLOCK);
  }

  private static boolean isUnwritten(FakeFile file, long block) {
    return (file.blocks.get(block).flags() & FiemapFlags.UNWRITTEN) != 0;
  }

  @Test
  void whatWasWrittenBehindTheEndIsDataAndTheFileReachesAsFarAsTheClientSays() {
    FakeFile file = fake.file(BLOCK).allocate(0, 1, 0).allocate(1, 4, FiemapFlags.UNWRITTEN);
    write(file, 1, 7);
    write(file, 2, 8);
    write(file, 3, 9);

    assertThat(commit(file, 1, 2, 2 * BLOCK + 100)).isZero();

    assertThat(file.size).isEqualTo(2 * BLOCK + 100);
    assertThat(isUnwritten(file, 1)).isFalse();
    assertThat(isUnwritten(file, 2)).isFalse();
    assertThat(isUnwritten(file, 3)).as("not in the list").isTrue();
    assertThat(at(file, BLOCK)).isEqualTo((byte) 7);
    assertThat(at(file, 2 * BLOCK + 99)).isEqualTo((byte) 8);
    assertThat(file.syncs).isEqualTo(1);
  }

  @Test
  void theRestOfTheLastBlockKeepsWhatWasWrittenThere() {
    FakeFile file = fake.file(100).allocate(0, 1, 0).allocate(1, 1, FiemapFlags.UNWRITTEN);
    write(file, 0, 5);
    write(file, 1, 6);

    assertThat(commit(file, 1, 1, 2 * BLOCK)).isZero();

    assertThat(at(file, 100)).isEqualTo((byte) 5);
    assertThat(at(file, BLOCK - 1)).isEqualTo((byte) 5);
    assertThat(at(file, BLOCK)).isEqualTo((byte) 6);
  }

  @Test
  void aFileThatWasCutMeanwhileIsNotMadeLongerThanTheClientSays() {
    FakeFile file = fake.file(3 * BLOCK).allocate(0, 1, FiemapFlags.UNWRITTEN).allocate(1, 2, 0);
    fake.beforeDeviceRead = () -> file.size = BLOCK;

    assertThat(commit(file, 0, 1, 0)).isZero();

    assertThat(file.size).isEqualTo(BLOCK);
  }

  @Test
  void aCommitOfManyPiecesEndsWhenItIsCancelled() {
    int blocks = 3 * BLOCKS_OF_PIECE;
    FakeFile file = fake.file(0).allocate(0, blocks, FiemapFlags.UNWRITTEN);
    int[] reads = new int[1];
    fake.beforeDeviceRead = () -> reads[0]++;

    int result = commit(file, 0, blocks, (long) blocks * BLOCK, () -> reads[0] == 1);

    assertThat(result).isEqualTo(Errno.ECANCELED.result());
    assertThat(reads[0]).isEqualTo(1);
    assertThat(isUnwritten(file, 0)).isFalse();
    assertThat(isUnwritten(file, BLOCKS_OF_PIECE)).isTrue();
  }

  @Test
  void eachPieceIsTakenFromWhereItIsThen() {
    int blocks = 2 * BLOCKS_OF_PIECE;
    FakeFile file = fake.file(0).allocate(0, blocks, FiemapFlags.UNWRITTEN);
    boolean[] moved = new boolean[1];
    fake.beforeDeviceRead =
        () -> {
          if (!moved[0]) {
            moved[0] = true;
            file.blocks.remove(blocks - 1L);
          }
        };

    assertThat(commit(file, 0, blocks, (long) blocks * BLOCK)).isEqualTo(Errno.ESTALE.result());
    assertThat(isUnwritten(file, BLOCKS_OF_PIECE)).as("of the piece that is not there").isTrue();
  }

  @Test
  void aBlockThatIsNotThereIsStale() {
    FakeFile file = fake.file(0).allocate(0, 1, FiemapFlags.UNWRITTEN);
    assertThat(commit(file, 0, 2, 2 * BLOCK)).isEqualTo(Errno.ESTALE.result());
    assertThat(file.size).isZero();
  }
}
