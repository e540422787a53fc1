package io.selkie.client.direct;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.direct.DirectIo.Outcome;
import io.selkie.config.time.NanoClock;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: however a file is cut into extents and chunks, every byte goes where it belongs. */
class DirectIoTest {
  static final int FILE_BYTES = 256 << 10;
  private static final int CHUNK_BYTES = 4096;

  /** A file whose extents lie scattered in remote memory. */
  private static final class Scattered implements AutoCloseable {
    final Arena arena = Arena.ofShared();
    final IwarpProvider provider = new IwarpProvider(IwarpConfig.DEFAULTS);
    final ProtectionDomain domain = provider.allocateProtectionDomain("test");
    final MemorySegment remote = arena.allocate(2 * FILE_BYTES);
    final byte[] file = new byte[FILE_BYTES];
    final MemoryQueuePair queuePair;
    final DirectChannel channel;
    final LocalMemory memory;
    final DirectIo io;
    ExtentTable table = ExtentTable.EMPTY;

    Scattered(List<Integer> cuts, int depth, boolean holes) throws Exception {
      queuePair = new MemoryQueuePair(remote, depth);
      memory = new LocalMemory(domain, provider.capabilities());
      channel = new DirectChannel(queuePair, memory, NanoClock.system(), 1_000_000_000L);
      io = new DirectIo(CHUNK_BYTES, 1_000_000_000L);
      new Random(cuts.hashCode()).nextBytes(file);
      List<Integer> bounds = new ArrayList<>(cuts);
      bounds.add(0);
      bounds.add(FILE_BYTES);
      List<Integer> sorted = bounds.stream().distinct().sorted().toList();
      List<GrantedExtent> extents = new ArrayList<>();
      for (int i = 0; i + 1 < sorted.size(); i++) {
        int start = sorted.get(i);
        int end = sorted.get(i + 1);
        boolean hole = holes && i % 3 == 1;
        // The extents stand in remote memory in reverse order.
        long address = 2L * FILE_BYTES - end;
        if (hole) {
          Arrays.fill(file, start, end, (byte) 0);
          extents.add(
              new GrantedExtent(start, end, RdmaExtentState4.PNFS_RDMA_NONE_DATA, 0, 0, null));
        } else {
          MemorySegment.copy(file, start, remote, ValueLayout.JAVA_BYTE, address, end - start);
          extents.add(
              new GrantedExtent(
                  start, end, RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA, 1, address, channel));
        }
      }
      table = ExtentTable.EMPTY.with(extents);
    }

    byte[] content() {
      byte[] all = new byte[FILE_BYTES];
      for (GrantedExtent extent : table.extents()) {
        if (extent.isReadable()) {
          MemorySegment.copy(
              remote,
              ValueLayout.JAVA_BYTE,
              extent.address(),
              all,
              (int) extent.start(),
              (int) extent.length());
        }
      }
      return all;
    }

    @Override
    public void close() {
      domain.close();
      memory.close();
      provider.close();
      arena.close();
    }
  }

  @Property(tries = 150)
  void readsGiveTheFilesBytes(
      @ForAll @Size(max = 12) List<@IntRange(min = 1, max = FILE_BYTES - 1) Integer> cuts,
      @ForAll @IntRange(min = 0, max = FILE_BYTES - 1) int position,
      @ForAll @IntRange(min = 1, max = FILE_BYTES) int wanted,
      @ForAll @IntRange(min = 2, max = 40) int depth,
      @ForAll boolean heap)
      throws Exception {
    int length = Math.min(wanted, FILE_BYTES - position);
    try (Scattered at = new Scattered(cuts, depth, true);
        Arena arena = Arena.ofConfined()) {
      MemorySegment target =
          heap ? MemorySegment.ofArray(new byte[length]) : arena.allocate(length);
      target.fill((byte) 0x55);
      assertThat(at.io.transfer(at.table, false, position, target)).isEqualTo(Outcome.DONE);
      assertThat(target.toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(Arrays.copyOfRange(at.file, position, position + length));
    }
  }

  @Property(tries = 150)
  void writesChangeTheirRangeAndNothingElse(
      @ForAll @Size(max = 12) List<@IntRange(min = 1, max = FILE_BYTES - 1) Integer> cuts,
      @ForAll @IntRange(min = 0, max = FILE_BYTES - 1) int position,
      @ForAll @IntRange(min = 1, max = FILE_BYTES) int wanted,
      @ForAll @IntRange(min = 2, max = 40) int depth,
      @ForAll boolean heap)
      throws Exception {
    int length = Math.min(wanted, FILE_BYTES - position);
    byte[] data = SelkieData.random(length, position);
    try (Scattered at = new Scattered(cuts, depth, false);
        Arena arena = Arena.ofConfined()) {
      MemorySegment source = MemorySegment.ofArray(data);
      if (!heap) {
        source = arena.allocate(length).copyFrom(source);
      }
      assertThat(at.io.transfer(at.table, true, position, source)).isEqualTo(Outcome.DONE);
      System.arraycopy(data, 0, at.file, position, length);
      assertThat(at.content()).isEqualTo(at.file);
      assertThat(at.queuePair.confirmed).as("the last write on the queue pair").isEqualTo(1);
    }
  }

  @Property(tries = 100)
  void aRefusalIsReportedWhereverItHappens(
      @ForAll @IntRange(min = 0, max = 63) int failAt, @ForAll boolean write) throws Exception {
    try (Scattered at = new Scattered(List.of(10_000, 70_000), 8, false)) {
      at.queuePair.failAfter(failAt);
      MemorySegment memory = MemorySegment.ofArray(new byte[FILE_BYTES]);
      Outcome outcome = Outcome.DONE;
      for (int i = 0; i < 64 && outcome == Outcome.DONE; i++) {
        outcome = at.io.transfer(at.table, write, 0, memory);
      }
      assertThat(outcome).isEqualTo(Outcome.REFUSED);
      assertThat(at.io.transfer(at.table, write, 0, memory)).isEqualTo(Outcome.BROKEN);
    }
  }

  @Test
  void severalChunksAreInFlight() throws Exception {
    try (Scattered at = new Scattered(List.of(), 64, false);
        Arena arena = Arena.ofConfined()) {
      at.io.transfer(at.table, false, 0, arena.allocate(FILE_BYTES));
      assertThat(at.queuePair.inFlightMax).isBetween(8, 16);
    }
  }

  @Test
  void whatIsNotCoveredIsNotTouched() throws Exception {
    try (Scattered at = new Scattered(List.of(8192), 8, false)) {
      ExtentTable part = at.table.withoutTouching(0, 100);
      MemorySegment memory = MemorySegment.ofArray(new byte[4096]);
      assertThat(at.io.transfer(part, false, 6000, memory)).isEqualTo(Outcome.NOT_COVERED);
      assertThat(at.queuePair.posted).isZero();
      assertThat(at.io.transfer(part, false, 8192, memory)).isEqualTo(Outcome.DONE);
    }
  }

  @Test
  void holesCannotBeWritten() throws Exception {
    try (Scattered at = new Scattered(List.of(4096, 8192), 8, true)) {
      MemorySegment memory = MemorySegment.ofArray(new byte[4096]);
      assertThat(at.io.transfer(at.table, true, 4096, memory)).isEqualTo(Outcome.NOT_COVERED);
    }
  }
}
