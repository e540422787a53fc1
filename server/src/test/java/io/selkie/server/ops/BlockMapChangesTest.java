package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.rdma.WorkStatus;
import io.selkie.server.ops.Calls42.Copied;
import io.selkie.server.ops.Calls42.Range;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: nothing that changes a block map through the server's own descriptions, which break no
 * lease of ours, happens while somebody holds a layout of these blocks; and what a holder wrote is
 * not lost.
 */
@Timeout(120)
class BlockMapChangesTest {

  private static final int SIZE = 1 << 20;
  private static final int READING = LayoutConst4.LAYOUTIOMODE4_READ;
  private static final int WRITING = LayoutConst4.LAYOUTIOMODE4_RW;

  private final byte[] bytes = new byte[SIZE];
  private ServerFixture server;
  private FileCalls holder;
  private CallbackInbox inbox;
  private FileCalls changer;
  private Calls42 calls;
  private byte[] root;
  private Opened held;

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  /** Two files of the same bytes; the holder opens {@code f}, the changer is somebody else. */
  private void start(Kernel kernel, int holderAccess) throws IOException {
    server = new ServerFixture(kernel, "");
    new Random(4).nextBytes(bytes);
    Files.write(path("f"), bytes);
    Files.write(path("g"), bytes);
    holder = server.client("holder");
    inbox = CallbackInbox.of(holder);
    changer = server.client("changer");
    calls = new Calls42(changer);
    root = holder.handleOf("data");
    held = holder.open(root, "f", holderAccess, DENY_NONE);
  }

  private Path path(String name) {
    return server.export().resolve(name);
  }

  private Opened open(String name, int access) {
    return changer.open(root, name, access, DENY_NONE);
  }

  private long layouts() {
    return server.server().arbiter().layoutCount();
  }

  /** The change is put off, the layout is recalled, and when it is back the change is made. */
  private void waitsForTheLayout(HeldLayout layout, Supplier<String> change) throws Exception {
    assertThat(change.get()).isEqualTo("NFS4ERR_DELAY");
    inbox.awaitRecall();
    assertThat(layouts()).isEqualTo(1);
    layout.giveBack();
    assertThat(change.get()).isEqualTo("NFS4_OK");
    assertThat(layouts()).isZero();
  }

  @Test
  void punchingWaitsForTheLayoutAndLosesNothingElse() throws Exception {
    start(new LinuxKernel(), BOTH);
    Opened mine = open("f", BOTH);
    HeldLayout layout = HeldLayout.get(holder, held.handle(), held.stateid(), WRITING);
    byte[] news = new byte[5000];
    Arrays.fill(news, (byte) 0x5A);
    RdmaExtent4 extent = layout.content().extents().get(0);
    try (DirectPeer peer =
        DirectPeer.connect(server.server().rdmaAddress().orElseThrow(), holder.session().id())) {
      assertThat(peer.write(extent.handle(), extent.storageOffset() + 100_000, news))
          .isEqualTo(WorkStatus.SUCCESS);
      waitsForTheLayout(layout, () -> calls.deallocate(mine.handle(), mine.stateid(), 0, 65_536));
      assertThat(peer.write(extent.handle(), extent.storageOffset(), news))
          .isEqualTo(WorkStatus.REMOTE_ACCESS_ERROR);
    }
    byte[] got = Files.readAllBytes(path("f"));
    assertThat(Arrays.copyOf(got, 65_536)).containsOnly(0);
    assertThat(Arrays.copyOfRange(got, 100_000, 105_000)).isEqualTo(news);
    assertThat(Arrays.copyOfRange(got, 105_000, SIZE))
        .isEqualTo(Arrays.copyOfRange(bytes, 105_000, SIZE));
  }

  @Test
  void punchingElsewhereRecallsNothing() throws Exception {
    start(new LinuxKernel(), BOTH);
    Opened mine = open("f", BOTH);
    HeldLayout.get(holder, held.handle(), held.stateid(), WRITING);
    assertThat(calls.deallocate(mine.handle(), mine.stateid(), 2L * SIZE, 65_536))
        .isEqualTo("NFS4_OK");
    assertThat(layouts()).isEqualTo(1);
    assertThat(inbox.recallCount()).isZero();
  }

  @Test
  void reservingAHoleThatSomebodyWasToldOfWaitsForTheLayout() throws Exception {
    start(new LinuxKernel(), READ);
    try (RandomAccessFile out = new RandomAccessFile(path("f").toFile(), "rw")) {
      out.setLength(4L * SIZE);
    }
    Opened mine = open("f", BOTH);
    HeldLayout layout = HeldLayout.get(holder, held.handle(), held.stateid(), READING);
    assertThat(layout.content().extents())
        .extracting(RdmaExtent4::state)
        .contains(RdmaExtentState4.PNFS_RDMA_NONE_DATA);
    assertThat(calls.allocate(mine.handle(), mine.stateid(), 0, 4096)).isEqualTo("NFS4_OK");
    assertThat(inbox.recallCount()).as("what is allocated already stays").isZero();
    waitsForTheLayout(
        layout, () -> calls.allocate(mine.handle(), mine.stateid(), 2L * SIZE, 65_536));
  }

  @Test
  void cloneFromAFileThatSomebodyReadsDirectlyWaitsForTheLayout() throws Exception {
    start(PlayedKernel.withReflink(), READ);
    Opened source = open("f", READ);
    Opened target = open("g", BOTH);
    Files.write(path("g"), new byte[SIZE]);
    HeldLayout layout = HeldLayout.get(holder, held.handle(), held.stateid(), READING);
    waitsForTheLayout(layout, () -> calls.cloneRange(source, target, Range.ALL));
    assertThat(Files.readAllBytes(path("g"))).isEqualTo(bytes);
  }

  @Test
  void cloneIntoAFileThatSomebodyWritesDirectlyWaitsForTheLayout() throws Exception {
    start(PlayedKernel.withReflink(), BOTH);
    Opened source = open("g", READ);
    Opened target = open("f", BOTH);
    HeldLayout layout = HeldLayout.get(holder, held.handle(), held.stateid(), WRITING);
    waitsForTheLayout(
        layout, () -> calls.cloneRange(source, target, new Range(0, 65_536, 131_072)));
    byte[] got = Files.readAllBytes(path("f"));
    assertThat(Arrays.copyOf(got, 65_536)).isEqualTo(Arrays.copyOf(bytes, 65_536));
    assertThat(Arrays.copyOfRange(got, 65_536, 196_608)).isEqualTo(Arrays.copyOf(bytes, 131_072));
  }

  @Test
  void copyThatMayShareBlocksWaitsForTheLayout() throws Exception {
    start(PlayedKernel.withReflink(), READ);
    Opened source = open("f", READ);
    Opened target = open("g", BOTH);
    HeldLayout layout = HeldLayout.get(holder, held.handle(), held.stateid(), READING);
    waitsForTheLayout(layout, () -> calls.copy(source, target, Range.ALL, true, 0).status());
  }

  @Test
  void copyWhereNoBlockCanBeSharedLeavesTheLayoutAndSeesWhatWasWrittenDirectly() throws Exception {
    start(new LinuxKernel(), BOTH);
    Opened source = open("f", READ);
    Opened target = open("g", BOTH);
    HeldLayout layout = HeldLayout.get(holder, held.handle(), held.stateid(), WRITING);
    RdmaExtent4 extent = layout.content().extents().get(0);
    try (DirectPeer peer =
        DirectPeer.connect(server.server().rdmaAddress().orElseThrow(), holder.session().id())) {
      assertThat(peer.write(extent.handle(), extent.storageOffset() + 7, new byte[] {1, 2, 3}))
          .isEqualTo(WorkStatus.SUCCESS);
      Copied copied = calls.copy(source, target, Range.ALL, true, 0);
      assertThat(copied.count()).isEqualTo(SIZE);
      assertThat(layouts()).isEqualTo(1);
      // And the other way round: what is copied into the file is what a peer reads.
      Opened into = open("f", BOTH);
      Opened from = open("g", READ);
      assertThat(calls.copy(from, into, new Range(0, 1000, 10), true, 0).count()).isEqualTo(10);
      byte[] read = new byte[10];
      assertThat(peer.read(extent.handle(), extent.storageOffset() + 1000, read))
          .isEqualTo(WorkStatus.SUCCESS);
      byte[] copy = Files.readAllBytes(path("g"));
      assertThat(Arrays.copyOfRange(copy, 7, 10)).containsExactly(1, 2, 3);
      assertThat(read).isEqualTo(Arrays.copyOf(copy, 10));
    }
    assertThat(inbox.recallCount()).isZero();
  }

  @Test
  void writeSameIntoAHoleThatSomebodyWasToldOfWaitsForTheLayout() throws Exception {
    start(new LinuxKernel(), READ);
    try (RandomAccessFile out = new RandomAccessFile(path("f").toFile(), "rw")) {
      out.setLength(4L * SIZE);
    }
    Opened mine = open("f", BOTH);
    HeldLayout layout = HeldLayout.get(holder, held.handle(), held.stateid(), READING);
    waitsForTheLayout(
        layout, () -> WriteSameTest.writeSame(calls, mine, 2L * SIZE, 4096, 4, 0, 0, 8).status());
  }

  // ---------------------------------------------------------------- CLONE itself

  @Test
  void cloneWithoutReflinkIsNotSupportedAndRecallsNothing() throws Exception {
    start(new LinuxKernel(), READ);
    Opened source = open("f", READ);
    Opened target = open("g", BOTH);
    HeldLayout.get(holder, held.handle(), held.stateid(), READING);
    assertThat(calls.cloneRange(source, target, Range.ALL)).isEqualTo("NFS4ERR_NOTSUPP");
    assertThat(layouts()).isEqualTo(1);
    assertThat(inbox.recallCount()).isZero();
  }

  @Test
  void cloneOfWhatIsNotThereOrNotAlignedIsRefused() throws Exception {
    start(PlayedKernel.withReflink(), READ);
    Opened source = open("f", READ);
    Opened target = open("g", BOTH);
    assertThat(calls.cloneRange(source, target, new Range(0, 100, 4096)))
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.cloneRange(source, target, new Range(SIZE, 0, 1))).isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.cloneRange(source, target, new Range(-1, 0, 1))).isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.cloneRange(source, target, new Range(0, -1, 0))).isEqualTo("NFS4ERR_FBIG");
    assertThat(calls.cloneRange(source, target, new Range(SIZE, 0, 0))).isEqualTo("NFS4_OK");
    Opened readOnly = open("g", READ);
    assertThat(readOnly.status()).isEqualTo("NFS4_OK");
    FileCalls third = server.client("third");
    Opened noWriting = third.open(root, "g", READ, DENY_NONE);
    Opened thirds = third.open(root, "f", READ, DENY_NONE);
    assertThat(new Calls42(third).cloneRange(thirds, noWriting, Range.ALL))
        .isEqualTo("NFS4ERR_OPENMODE");
  }
}
