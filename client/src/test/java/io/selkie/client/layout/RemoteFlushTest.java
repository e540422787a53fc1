package io.selkie.client.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.direct.DirectChannel;
import io.selkie.client.direct.DirtyRange;
import io.selkie.client.direct.DirtyRange.Taken;
import io.selkie.client.direct.GrantedExtent;
import io.selkie.client.direct.IoGate;
import io.selkie.client.direct.MemoryQueuePair;
import io.selkie.client.direct.MemoryQueuePair.Flushed;
import io.selkie.config.time.NanoClock;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/**
 * Goal: what was written is flushed where all of it may be, and nothing of it else.
 *
 * <p>Method: extents over a queue pair that notes what it is asked for.
 */
class RemoteFlushTest {

  private final MemoryQueuePair pair = new MemoryQueuePair(MemorySegment.NULL, 64);
  private final AtomicBoolean mayFlush = new AtomicBoolean(true);
  private final DirectChannel channel = channel(mayFlush);
  private final DirectChannel other = channel(new AtomicBoolean());
  private final IoGate gate = new IoGate();
  private final HeldExtents held = new HeldExtents();
  private final ClientCounters counters = new ClientCounters();
  private final DirtyRange untold = new DirtyRange();
  private final RemoteFlush flush = new RemoteFlush(gate, held, counters, untold);

  private DirectChannel channel(AtomicBoolean may) {
    return new DirectChannel(pair, null, NanoClock.system(), TimeUnit.SECONDS.toNanos(60), may);
  }

  private void hold(int start, int end, int key, long address, DirectChannel by) {
    GrantedExtent extent =
        new GrantedExtent(start, end, RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA, key, address, by);
    held.add(new GrantedLayout.Extents(List.of(), List.of(extent)));
  }

  private boolean isDurable(Taken taken) {
    return flush.flush(taken).isDurable();
  }

  @Test
  void eachExtentIsFlushedAsFarAsItWasWritten() {
    hold(0, 4096, 7, 1 << 20, channel);
    hold(4096, 12_288, 8, 5 << 20, channel);
    assertThat(isDurable(new Taken(100, 5000))).isTrue();
    assertThat(pair.flushed)
        .containsExactly(new Flushed(7, (1 << 20) + 100, 3996), new Flushed(8, 5 << 20, 904));
    assertThat(counters.get(Counter.FLUSHED_SYNCS)).isEqualTo(1);
    assertThat(untold.take()).as("the server is to hear of it").isEqualTo(new Taken(100, 5000));
    assertThat(gate.inside()).isZero();
  }

  @Test
  void whatNeedNotBeFlushableIsLeftToACommitAsAWhole() {
    hold(0, 4096, 7, 1 << 20, channel);
    hold(4096, 8192, 8, 5 << 20, other);
    assertThat(isDurable(new Taken(100, 5000))).isFalse();
    assertThat(isDurable(new Taken(8000, 9000))).as("not held").isFalse();
    assertThat(pair.flushed).isEmpty();
    assertThat(counters.get(Counter.FLUSHED_SYNCS)).isZero();
  }

  @Test
  void nothingIsFlushedWhileALayoutGoesBack() {
    hold(0, 4096, 7, 1 << 20, channel);
    gate.close();
    assertThat(isDurable(new Taken(100, 200))).isFalse();
    assertThat(pair.flushed).isEmpty();
  }

  @Test
  void manyExtentsAreQuickerCommitted() {
    for (int i = 0; i < 5; i++) {
      hold(i * 4096, (i + 1) * 4096, i, i << 20, channel);
    }
    assertThat(isDurable(new Taken(0, 5 * 4096))).isFalse();
    assertThat(pair.flushed).isEmpty();
    assertThat(isDurable(new Taken(0, 4 * 4096))).isTrue();
  }

  @Test
  void aRefusalIsCountedAndTheLast() {
    hold(0, 4096, 7, 1 << 20, channel);
    pair.failAfter(0);
    RemoteFlush.Outcome outcome = flush.flush(new Taken(100, 200));
    assertThat(outcome.isDurable()).isFalse();
    assertThat(outcome.refusedBy()).isSameAs(channel);
    assertThat(mayFlush).as("it may have been a fence").isTrue();
    assertThat(untold.isDirty()).isFalse();
    flush.refused(outcome);
    flush.refused(outcome);
    assertThat(counters.get(Counter.FLUSHES_REFUSED)).isEqualTo(1);
    assertThat(counters.get(Counter.FLUSHED_SYNCS)).isZero();
    assertThat(mayFlush).isFalse();
    assertThat(isDurable(new Taken(100, 200))).isFalse();
    assertThat(pair.flushed).hasSize(1);
    assertThat(gate.inside()).isZero();
  }

  @Test
  void aBrokenQueuePairIsNoRefusal() {
    hold(0, 4096, 7, 1 << 20, channel);
    pair.abort("lost");
    assertThat(flush.flush(new Taken(100, 200))).isEqualTo(RemoteFlush.Outcome.LEFT);
    assertThat(counters.get(Counter.FLUSHES_REFUSED)).isZero();
    assertThat(mayFlush).isTrue();
  }
}
