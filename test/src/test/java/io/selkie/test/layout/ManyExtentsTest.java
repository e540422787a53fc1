package io.selkie.test.layout;

import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_READ_DATA;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.layout.block.BlockExtent4;
import io.selkie.test.layout.ExactFiles.Layouts;
import io.selkie.test.layout.ExactFiles.Target;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a layout of a file of many extents costs one reading of its map, however many LAYOUTGETs
 * the client needs for it, and no map is gone by that may have changed. Method: what the kernel
 * tells of maps is counted, so that no clock has a say.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ManyExtentsTest {

  private static final int EXTENTS = 10_000;

  /** What the client asks for: all in one, and what Linux' client has room for. */
  private static final int ROOMY = 1_000_000;

  private static final int LINUX = 4096;

  /** Each page of a map but the first begins with the last extent of the one before. */
  private static final int PAGES_MAX = 10_000 / 256 + 1;

  private ExactFiles files;
  private Target file;

  @BeforeEach
  void start() throws Exception {
    files = new ExactFiles();
    file = files.fragmented("many", EXTENTS);
  }

  @AfterEach
  void stop() throws Exception {
    files.close();
  }

  private static void assertWhole(Layouts layouts) {
    assertThat(layouts.extents()).hasSize(EXTENTS);
    long at = 0;
    for (BlockExtent4 extent : layouts.extents()) {
      assertThat(extent.fileOffset()).isEqualTo(at);
      assertThat(extent.length()).isEqualTo(ExactFiles.BLOCK);
      assertThat(extent.storageOffset()).isEqualTo(ExactFiles.placeOf(at));
      at += extent.length();
    }
  }

  @Test
  void aWholeFileIsOneRequestAndOneReading() {
    Layouts layouts = files.layouts(file, LAYOUTIOMODE4_READ, ROOMY);

    assertThat(layouts.requests()).isEqualTo(1);
    assertWhole(layouts);
    assertThat(layouts.extents()).allMatch(extent -> extent.state() == PNFS_BLOCK_READ_DATA);
    assertThat(files.extentsRead()).isBetween((long) EXTENTS, EXTENTS + (long) PAGES_MAX);
    files.giveBack(file, layouts.stateid());
  }

  @Test
  void aHundredRequestsForItAreOneReadingToo() {
    Layouts layouts = files.layouts(file, LAYOUTIOMODE4_READ, LINUX);

    assertThat(layouts.requests()).isGreaterThan(100);
    assertWhole(layouts);
    assertThat(files.extentsRead()).isBetween((long) EXTENTS, EXTENTS + (long) PAGES_MAX);
    files.giveBack(file, layouts.stateid());
  }

  @Test
  void forWritingTheMapIsReadBeforeTheSealAndUnderIt() {
    Layouts layouts = files.layouts(file, LAYOUTIOMODE4_RW, LINUX);

    assertWhole(layouts);
    assertThat(files.extentsRead()).isBetween(2L * EXTENTS, 2 * (EXTENTS + (long) PAGES_MAX));
    files.giveBack(file, layouts.stateid());
  }

  @Test
  void theNextSealReadsAnew() {
    files.giveBack(file, files.layouts(file, LAYOUTIOMODE4_READ, ROOMY).stateid());
    long before = files.extentsRead();

    files.giveBack(file, files.layouts(file, LAYOUTIOMODE4_READ, ROOMY).stateid());

    assertThat(files.extentsRead() - before).isGreaterThanOrEqualTo(EXTENTS);
  }

  @Test
  void afterAChangeThroughTheServerTheMapIsReadAnew() {
    var first = files.get(file, ExactFiles.OPEN, LAYOUTIOMODE4_READ, 0, file.bytes(), LINUX);
    ChangePermit permit =
        files
            .arbiter()
            .beforeChange(file.identity(), FileChange.WRITE, new ByteRange(0, ExactFiles.BLOCK), 7);
    assertThat(permit).isInstanceOf(ChangePermit.Granted.class);
    long before = files.extentsRead();

    var second = files.get(file, first.stateid(), LAYOUTIOMODE4_READ, 0, file.bytes(), LINUX);
    long during = files.extentsRead();
    ((ChangePermit.Granted) permit).close();
    var third = files.get(file, second.stateid(), LAYOUTIOMODE4_READ, 0, file.bytes(), LINUX);
    long after = files.extentsRead();
    var fourth = files.get(file, third.stateid(), LAYOUTIOMODE4_READ, 0, file.bytes(), LINUX);

    assertThat(during - before).as("while it is made").isGreaterThanOrEqualTo(EXTENTS);
    assertThat(after - during).as("when it is over").isGreaterThanOrEqualTo(EXTENTS);
    assertThat(files.extentsRead() - after).as("then it is known again").isZero();
    files.giveBack(file, fourth.stateid());
  }
}
