package io.selkie.server.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LockOwner4;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/**
 * Goal: ranges are locked, cut, joined, found and freed as POSIX says, wherever in 64 bits they
 * lie.
 *
 * <p>Method: any sequence of requests against a model that knows each of 64 bytes by itself, once
 * at the beginning of the file, once across the sign bit, and once at the end of all.
 */
class FileLocksModelTest {

  private static final int BYTES = 64;
  private static final int OWNERS = 4;

  /** LOCK, LOCKU or the end of an open. */
  record Step(int kind, int owner, int open, int first, int length, boolean exclusive) {}

  /** What the model knows of a byte: who has locked it, how, and through which open. */
  private static final class ModelByte {
    final int[] mode = new int[OWNERS];
    final int[] open = new int[OWNERS];
  }

  private final FileIdentity file = new FileIdentity(1, 2, 3);

  @Property(tries = 400)
  void anySequenceOfRequestsIsAsWithSingleBytes(@ForAll("sequences") List<Step> steps) {
    for (long base : new long[] {0, Long.MAX_VALUE - BYTES / 2, -BYTES}) {
      new Run(base).all(steps);
    }
  }

  @Provide
  Arbitrary<List<Step>> sequences() {
    return Combinators.combine(
            Arbitraries.integers().between(0, 9),
            Arbitraries.integers().between(0, OWNERS - 1),
            Arbitraries.integers().between(0, 1),
            Arbitraries.integers().between(0, BYTES - 1),
            Arbitraries.integers().between(1, BYTES),
            Arbitraries.of(true, false))
        .as(Step::new)
        .list()
        .ofMinSize(1)
        .ofMaxSize(60);
  }

  private final class Run {
    private final long base;
    private final FileLocks locks = new FileLocks(file);
    private final ModelByte[] model = new ModelByte[BYTES];
    private final Map<FileLocks.Key, LockState> states = new HashMap<>();
    private final LockOwner4[] owners = new LockOwner4[OWNERS];
    private final OpenState[] opens = new OpenState[2];

    Run(long base) {
      this.base = base;
      for (int i = 0; i < BYTES; i++) {
        model[i] = new ModelByte();
      }
      for (int i = 0; i < OWNERS; i++) {
        owners[i] = new LockOwner4(1 + i % 2, new byte[] {(byte) i});
      }
      for (int i = 0; i < opens.length; i++) {
        opens[i] = new OpenState(new OpenOwner(1, new byte[] {(byte) i}), file, null, i, 0);
      }
    }

    void all(List<Step> steps) {
      for (Step step : steps) {
        int last = Math.min(BYTES - 1, step.first + step.length - 1);
        LockRange range = new LockRange(base + step.first, base + last);
        if (step.kind < 6) {
          lock(step, range, last);
        } else if (step.kind < 9) {
          unlock(step, range, last);
        } else {
          end(step);
        }
        compare();
      }
    }

    private void lock(Step step, LockRange range, int last) {
      boolean conflict = false;
      for (int i = step.first; i <= last; i++) {
        for (int other = 0; other < OWNERS; other++) {
          int mode = model[i].mode[other];
          conflict |= other != step.owner && (mode == 2 || (mode == 1 && step.exclusive));
        }
      }
      ByteLock found = locks.conflict(range, step.exclusive, owners[step.owner]);
      assertThat(found != null).as("conflict of %s", step).isEqualTo(conflict);
      if (conflict) {
        assertThat(found.owner()).isNotEqualTo(owners[step.owner]);
        assertThat(found.range.overlaps(range)).isTrue();
        return;
      }
      locks.lock(stateOf(step), range, step.exclusive);
      for (int i = step.first; i <= last; i++) {
        model[i].mode[step.owner] = step.exclusive ? 2 : 1;
        model[i].open[step.owner] = step.open;
      }
    }

    private LockState stateOf(Step step) {
      return states.computeIfAbsent(
          new FileLocks.Key(opens[step.open], owners[step.owner]),
          key -> new LockState(key.owner(), key.open(), states.size(), 0));
    }

    private void unlock(Step step, LockRange range, int last) {
      freed(locks.unlock(owners[step.owner], range), step, step.first, last, false);
    }

    private void end(Step step) {
      freed(locks.unlock(stateOf(step)), step, 0, BYTES - 1, true);
    }

    private void freed(
        List<LockRange> freed, Step step, int first, int last, boolean ofOneOpenOnly) {
      boolean[] expected = new boolean[BYTES];
      for (int i = first; i <= last; i++) {
        boolean held = model[i].mode[step.owner] != 0;
        expected[i] = held && (!ofOneOpenOnly || model[i].open[step.owner] == step.open);
        if (expected[i]) {
          model[i].mode[step.owner] = 0;
        }
      }
      boolean[] actual = new boolean[BYTES];
      freed.forEach(range -> mark(range, actual));
      assertThat(actual).as("freed by %s", step).isEqualTo(expected);
    }

    private void mark(LockRange range, boolean[] bytes) {
      for (int i = 0; i < BYTES; i++) {
        bytes[i] |= range.overlaps(new LockRange(base + i, base + i));
      }
    }

    /** What anybody could ask about each byte, and that no two neighbours should be one. */
    private void compare() {
      LockOwner4 nobody = new LockOwner4(99, new byte[0]);
      boolean[] free = new boolean[BYTES];
      locks.free(new LockRange(base, base + BYTES - 1), range -> mark(range, free));
      List<LockRange> exclusive = new ArrayList<>();
      List<LockRange> shared = new ArrayList<>();
      locks.locked((range, isExclusive) -> (isExclusive ? exclusive : shared).add(range));
      int ranges = 0;
      for (int i = 0; i < BYTES; i++) {
        LockRange one = new LockRange(base + i, base + i);
        int most = 0;
        for (int owner = 0; owner < OWNERS; owner++) {
          most = Math.max(most, model[i].mode[owner]);
          ranges += begins(i, owner) ? 1 : 0;
        }
        assertThat(free[i]).as("byte %d is free", i).isEqualTo(most == 0);
        assertThat(locks.conflict(one, true, nobody) != null).isEqualTo(most > 0);
        assertThat(locks.conflict(one, false, nobody) != null).isEqualTo(most == 2);
        assertThat(exclusive.stream().anyMatch(one::overlaps)).isEqualTo(most == 2);
        assertThat(shared.stream().anyMatch(one::overlaps)).isEqualTo(most == 1);
      }
      assertThat(locks.size()).isEqualTo(ranges);
      assertThat(states.values().stream().mapToInt(state -> state.locks).sum()).isEqualTo(ranges);
      for (int i = 1; i < shared.size(); i++) {
        assertThat(shared.get(i - 1).meets(shared.get(i))).isFalse();
      }
    }

    private boolean begins(int i, int owner) {
      return model[i].mode[owner] != 0
          && (i == 0
              || model[i - 1].mode[owner] != model[i].mode[owner]
              || model[i - 1].open[owner] != model[i].open[owner]);
    }
  }
}
