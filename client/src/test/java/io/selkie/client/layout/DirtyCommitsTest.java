package io.selkie.client.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.direct.DirectChannel;
import io.selkie.client.direct.DirtyRange.Taken;
import io.selkie.client.direct.GrantedExtent;
import io.selkie.client.direct.IoGate;
import io.selkie.client.direct.MemoryQueuePair;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.StateListener;
import io.selkie.config.time.NanoClock;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.nfs4.Stateid4;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/**
 * Goal: nothing that was written is forgotten, neither by who makes it durable nor by who has to
 * set the times; and a fence is not taken for a device that cannot flush. Method: a server that
 * takes commits, refuses them or is not there, as told.
 */
class DirtyCommitsTest {

  private static final Stateid4 HELD = new Stateid4(1, 2, 3);
  private static final Taken RANGE = new Taken(100, 200);
  private static final Deadline NEVER_ASKED = null;

  private final MemoryQueuePair pair = new MemoryQueuePair(MemorySegment.NULL, 64);
  private final AtomicBoolean mayFlush = new AtomicBoolean(true);
  private final IoGate gate = new IoGate();
  private final HeldExtents held = new HeldExtents();
  private final ClientCounters counters = new ClientCounters();
  private final List<Taken> committed = new ArrayList<>();
  private boolean takes = true;
  private Runnable meanwhile = () -> {};
  private boolean away;

  private final DirtyCommits commits =
      new DirtyCommits(
          new DirtyCommits.Wire() {
            @Override
            public boolean commit(Taken taken, Stateid4 presented, Deadline deadline)
                throws IOException {
              committed.add(taken);
              meanwhile.run();
              if (away) {
                throw new IOException("away");
              }
              return takes;
            }

            @Override
            public boolean reclaimCommit(
                Taken taken, Stateid4 lost, StateListener.RecoveryCalls calls) {
              throw new AssertionError("no restart here");
            }
          },
          gate,
          held,
          counters);

  private void flushable() {
    DirectChannel channel =
        new DirectChannel(pair, null, NanoClock.system(), TimeUnit.SECONDS.toNanos(60), mayFlush);
    GrantedExtent extent =
        new GrantedExtent(0, 4096, RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA, 7, 1 << 20, channel);
    held.add(new GrantedLayout.Extents(List.of(), List.of(extent)));
  }

  private void write() {
    commits.dirty().mark(RANGE.start(), RANGE.end());
  }

  private void writeAndFlush() throws IOException {
    flushable();
    write();
    assertThat(commits.forSync(HELD, false, NEVER_ASKED)).isEqualTo(Unsettled.NOTHING);
    assertThat(counters.get(Counter.FLUSHED_SYNCS)).isEqualTo(1);
    assertThat(committed).isEmpty();
  }

  @Test
  void whatWasFlushedIsToldAtTheClose() throws IOException {
    writeAndFlush();
    assertThat(commits.forSync(HELD, true, NEVER_ASKED)).isEqualTo(Unsettled.NOTHING);
    assertThat(committed).containsExactly(RANGE);
  }

  @Test
  void timesAreOwedWhenTheLayoutIsGoneAtTheClose() throws IOException {
    writeAndFlush();
    assertThat(commits.forSync(null, false, NEVER_ASKED)).isEqualTo(Unsettled.NOTHING);
    assertThat(commits.forSync(null, true, NEVER_ASKED)).isEqualTo(new Unsettled(null, true));
    assertThat(commits.forSync(null, true, NEVER_ASKED)).as("once").isEqualTo(Unsettled.NOTHING);
  }

  @Test
  void timesAreOwedWhenTheServerHasLostItsState() throws IOException {
    writeAndFlush();
    assertThat(commits.forget()).as("in doubt").isNull();
    assertThat(commits.forSync(null, true, NEVER_ASKED)).isEqualTo(new Unsettled(null, true));
  }

  @Test
  void timesAreOwedWhenTheServerDoesNotTakeTheCommit() throws IOException {
    writeAndFlush();
    write();
    takes = false;
    commits.beforeReturn(HELD, NEVER_ASKED);
    assertThat(commits.forSync(null, true, NEVER_ASKED)).isEqualTo(new Unsettled(RANGE, true));
  }

  @Test
  void timesAreOwedWhenTheCommitFails() throws IOException {
    writeAndFlush();
    away = true;
    assertThatThrownBy(() -> commits.beforeReturn(HELD, NEVER_ASKED)).hasMessage("away");
    assertThatThrownBy(() -> commits.forSync(HELD, true, NEVER_ASKED)).hasMessage("away");
    assertThat(commits.forSync(null, true, NEVER_ASKED)).isEqualTo(new Unsettled(null, true));
  }

  @Test
  void whateverGoesWrongItStaysDirty() throws IOException {
    write();
    meanwhile =
        () -> {
          throw new IllegalStateException("broken");
        };
    assertThatThrownBy(() -> commits.forSync(HELD, false, NEVER_ASKED)).hasMessage("broken");
    assertThatThrownBy(() -> commits.beforeReturn(HELD, NEVER_ASKED)).hasMessage("broken");
    meanwhile = () -> {};
    assertThat(commits.forSync(HELD, false, NEVER_ASKED)).isEqualTo(Unsettled.NOTHING);
    assertThat(committed).hasSize(3).containsOnly(RANGE);
  }

  @Test
  void whatIsInCommitIsInDoubtWhenTheServerLosesItsState() throws IOException {
    write();
    List<Taken> doubt = new ArrayList<>();
    meanwhile = () -> doubt.add(commits.forget());
    commits.forSync(HELD, false, NEVER_ASKED);
    assertThat(doubt).containsExactly(RANGE);
    assertThat(commits.forget()).isNull();
  }

  @Test
  void aFenceIsNoRefusal() throws IOException {
    flushable();
    write();
    pair.failAfter(0);
    takes = false;
    assertThat(commits.forSync(HELD, false, NEVER_ASKED)).isEqualTo(new Unsettled(RANGE, false));
    assertThat(mayFlush).as("a dead key says nothing of the device").isTrue();
    assertThat(counters.get(Counter.FLUSHES_REFUSED)).isZero();
  }

  @Test
  void aRefusalIsOneWhenTheLayoutIsAlive() throws IOException {
    flushable();
    write();
    pair.failAfter(0);
    assertThat(commits.forSync(HELD, false, NEVER_ASKED)).isEqualTo(Unsettled.NOTHING);
    assertThat(committed).containsExactly(RANGE);
    assertThat(mayFlush).isFalse();
    assertThat(counters.get(Counter.FLUSHES_REFUSED)).isEqualTo(1);
  }
}
