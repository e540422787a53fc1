package io.selkie.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Goal: greedy connections leave something for those that hold nothing, however they take it. */
class MemorySharesTest {

  private static final int TOTAL = 8 << 20;

  private final MemoryBudget budget = new MemoryBudget(TOTAL);
  private long shares;

  private MemoryBudget.Share share() {
    return budget.share(shares++, () -> {});
  }

  @Test
  void oneReplyDoesNotTakeWhatIsKeptForOthers() {
    assertThat(share().tryTake(TOTAL / 2)).isTrue();
    assertThat(share().tryTake(TOTAL / 2)).isFalse();
    assertThat(share().tryTake(TOTAL / 4)).isTrue();
    MemoryBudget.Share modest = share();
    assertThat(modest.mayBegin()).isTrue();
    assertThat(modest.tryTake(MemoryBudget.LITTLE_BYTES)).isTrue();
  }

  @Test
  void whoComesAfterManyGreedyOnesIsServed() {
    List<MemoryBudget.Share> greedy = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      greedy.add(share());
    }
    // Each takes requests as long as it may, and with each of them the largest reply it can have.
    boolean taken = true;
    while (taken) {
      taken = false;
      for (MemoryBudget.Share one : greedy) {
        if (one.mayBegin()) {
          one.take(1024);
          taken = true;
        }
        for (int bytes = TOTAL; bytes > MemoryBudget.LITTLE_BYTES; bytes /= 2) {
          taken |= one.tryTake(bytes - 7);
        }
      }
    }
    assertThat(budget.free()).isGreaterThan(MemoryBudget.LITTLE_BYTES);
    MemoryBudget.Share modest = share();
    assertThat(modest.mayBegin()).isTrue();
    modest.take(1024);
    assertThat(modest.mayGoOn()).isTrue();
    assertThat(modest.tryTake(8 * 1024)).isTrue();
  }
}
