package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.FakeKernel.FakeTarget;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import io.selkie.posix.LeaseType;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/**
 * Goal: whatever happens in whatever order, S1 and S2 hold.
 *
 * <p>Method: random walks of few files on the fake kernel; after each step the invariants are
 * checked against what the kernel has, not against what the seal says.
 */
class SealWalkTest {
  private static final int FILES = 3;
  private static final int BLOCKS = 8;
  private static final long BYTES = (long) BLOCKS * FakeKernel.BLOCK_BYTES;

  /** One file and what is held on it. */
  private static final class Held {
    final FakeFile file;
    final FakeTarget target;
    final List<BlockMap> handles = new ArrayList<>();
    Sealed sealed;
    BlockMap stale;

    Held(FakeFile file) {
      this.file = file;
      this.target = file.target(true);
    }
  }

  @Property(tries = 400)
  void invariantsHoldOnEveryWalk(
      @ForAll @Size(min = 1, max = 120) List<@IntRange(min = 0, max = 59) Integer> steps) {
    var rig = new FakeRig();
    List<Held> all = new ArrayList<>();
    for (int i = 0; i < FILES; i++) {
      FakeFile file = rig.fake.file(BYTES).allocate(i, 2, 0);
      all.add(new Held(i == 0 ? file.dax() : file));
    }
    for (int step : steps) {
      Held held = all.get(step % FILES);
      take(rig, held, step / FILES);
      all.forEach(one -> assertInvariants(rig, one));
    }
    for (Held held : all) {
      finish(held);
      assertThat(held.file.lease).isEqualTo(LeaseType.NONE);
      assertThat(held.file.mappings).isZero();
      assertThat(held.target.retained).isZero();
    }
    assertThat(rig.runtime.keeper().size()).isZero();
    assertThat(rig.runtime.auditor().watched()).isZero();
  }

  private static void take(FakeRig rig, Held held, int what) {
    FakeFile file = held.file;
    switch (what) {
      case 0, 1, 2 -> seal(rig, held, what == 0 ? Purpose.READ : Purpose.READ_WRITE);
      case 3, 4 -> addHandle(held);
      case 5, 6 -> removeHandle(held);
      case 7 -> release(held);
      case 8 -> extend(rig, held, Purpose.READ);
      case 9 -> extend(rig, held, Purpose.READ_WRITE);
      case 10 -> rig.runtime.keeper().onSignal(file.fd, rig.time.nanoTime());
      case 11 -> {
        if (file.lease != LeaseType.NONE) {
          file.breakLease(LeaseType.NONE);
        }
      }
      case 12 -> rig.runtime.keeper().onSignalsLost(rig.time.nanoTime());
      case 13 -> rig.time.advance(TimeUnit.SECONDS.toNanos(2));
      case 14 -> rig.time.advance(TimeUnit.SECONDS.toNanos(50));
      case 15 -> file.otherOpeners = 1 - file.otherOpeners;
      case 16 -> {
        // As copy-on-write does it behind a page cache; on DAX it must be found.
        file.move();
        if (held.sealed != null) {
          rig.runtime.auditor().auditNow(held.sealed.seal());
          // Whoever changes a map through the description itself forgets what was read before.
          held.stale = held.sealed.map();
          extend(rig, held, Purpose.READ);
        }
      }
      case 17 -> rig.fake.freeBlocks = rig.fake.freeBlocks == 0 ? 1000 : 0;
      case 18 -> {
        if (held.sealed != null) {
          held.sealed.seal().flush(new ByteRange(0, BYTES));
        }
      }
      default -> rig.runtime.keeper().onSignal(9999, 1);
    }
  }

  private static void seal(FakeRig rig, Held held, Purpose purpose) {
    if (held.sealed == null && rig.seal(held.target, purpose, 0, BYTES) instanceof Sealed sealed) {
      held.sealed = sealed;
    }
  }

  private static void extend(FakeRig rig, Held held, Purpose purpose) {
    if (held.sealed == null) {
      return;
    }
    if (rig.runtime.sealer().extend(held.sealed.seal(), purpose, new ByteRange(0, BYTES))
        instanceof Sealed more) {
      held.sealed = more;
    } else {
      // A refusal may come after the range was prepared: what was read before is not to be used.
      held.stale = held.sealed.map();
    }
  }

  private static void addHandle(Held held) {
    if (held.sealed != null
        && !held.sealed.map().equals(held.stale)
        && held.sealed.seal().addHandle(held.sealed.map())) {
      assertThat(held.file.lease).as("S1: a handle without a lease").isNotEqualTo(LeaseType.NONE);
      held.handles.add(held.sealed.map());
    }
  }

  private static void removeHandle(Held held) {
    if (!held.handles.isEmpty()) {
      held.sealed.seal().removeHandle(held.handles.removeLast());
    }
  }

  private static void release(Held held) {
    if (held.sealed == null) {
      return;
    }
    Seal seal = held.sealed.seal();
    if (!held.handles.isEmpty()) {
      assertThatThrownBy(seal::release).hasMessageContaining("S1");
    } else {
      seal.release();
      held.sealed = null;
    }
  }

  private static void finish(Held held) {
    while (!held.handles.isEmpty()) {
      removeHandle(held);
    }
    release(held);
  }

  private static void assertInvariants(FakeRig rig, Held held) {
    if (held.sealed == null) {
      assertThat(held.file.lease).isEqualTo(LeaseType.NONE);
      assertThat(held.target.retained).isZero();
      return;
    }
    Seal seal = held.sealed.seal();
    assertThat(seal.liveHandles()).isEqualTo(held.handles.size());
    assertThat(held.file.lease).as("S1: the lease goes last").isEqualTo(LeaseType.WRITE);
    assertThat(held.target.retained).isEqualTo(1);
    if (seal.state() == SealState.HELD) {
      for (BlockMap granted : held.handles) {
        assertThat(isTrue(rig, seal, granted)).as("S2: " + granted).isTrue();
      }
    }
    assertThat(seal.deadlineNanos().isPresent()).isEqualTo(seal.state() == SealState.BREAKING);
  }

  private static boolean isTrue(FakeRig rig, Seal seal, BlockMap granted) {
    var read =
        (BlockMapReader.MapRead.Found)
            new BlockMapReader(rig.kernel, 64, 64)
                .read(seal.target().fd(), granted.device(), granted.range());
    return seal.exact()
        ? MapDifference.exact(granted, read.map()).isEmpty()
        : MapDifference.pageCache(granted, read.map(), BYTES).isEmpty();
  }
}
