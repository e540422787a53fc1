package io.selkie.server.trace;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.server.trace.EventRing.Entry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: the last events are there, whole and in order, however many threads add them. */
@Timeout(600)
class EventRingTest {

  private static ServerEvent event(long number) {
    return new ServerEvent(number, "E", number, number, "");
  }

  private static List<Long> numbers(List<Entry> entries) {
    return entries.stream().map(Entry::number).toList();
  }

  @Test
  void oldestGoesWhenThereIsNoRoom() {
    EventRing ring = new EventRing(4);
    assertThat(ring.recent(10)).isEmpty();
    for (int i = 0; i < 6; i++) {
      ring.add(event(i));
    }
    assertThat(numbers(ring.recent(10))).containsExactly(2L, 3L, 4L, 5L);
    assertThat(numbers(ring.recent(2))).containsExactly(4L, 5L);
    assertThat(ring.count()).isEqualTo(6);
  }

  @Test
  void followerHearsWhatComesUntilItIsRemoved() {
    EventRing ring = new EventRing(4);
    List<Long> heard = new ArrayList<>();
    Consumer<Entry> follower = entry -> heard.add(entry.number());
    ring.add(event(0));
    ring.follow(follower);
    ring.add(event(1));
    ring.add(event(2));
    ring.unfollow(follower);
    ring.add(event(3));
    assertThat(heard).containsExactly(1L, 2L);
  }

  @Test
  void readersSeeNoEventUnderAnotherOnesNumber() throws Exception {
    EventRing ring = new EventRing(64);
    int writers = 3;
    int each = 20_000;
    CountDownLatch done = new CountDownLatch(writers);
    for (int w = 0; w < writers; w++) {
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            for (int i = 0; i < each; i++) {
              ring.add(event(i));
            }
            done.countDown();
          });
    }
    do {
      assertThat(numbers(ring.recent(64))).isSorted().doesNotHaveDuplicates();
    } while (done.getCount() > 0);
    done.await();
    assertThat(ring.count()).isEqualTo((long) writers * each);
    assertThat(numbers(ring.recent(64))).hasSize(64).last().isEqualTo((long) writers * each - 1);
  }
}
