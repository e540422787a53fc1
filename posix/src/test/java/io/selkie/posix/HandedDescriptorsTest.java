package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.HandedDescriptors.Handed;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Goal: a process takes the descriptors that are its own, and no other ones. */
class HandedDescriptorsTest {

  private static Map<String, String> environment(String pid, String count, String names) {
    return Map.of("LISTEN_PID", pid, "LISTEN_FDS", count, "LISTEN_FDNAMES", names);
  }

  @Test
  void eachHasItsName() {
    // From 3 on; what those are in this process is close-on-exec already.
    assertThat(HandedDescriptors.of(environment("17", "2", "a:selkie-1-2-3"), 17))
        .containsExactly(new Handed(3, "a"), new Handed(4, "selkie-1-2-3"));
  }

  @Test
  void whatIsMeantForAnotherOrNotUnderstoodIsLeftAlone() {
    assertThat(HandedDescriptors.of(Map.of(), 17)).isEmpty();
    assertThat(HandedDescriptors.of(environment("18", "1", "a"), 17)).isEmpty();
    assertThat(HandedDescriptors.of(environment("17", "2", "a"), 17)).isEmpty();
    assertThat(HandedDescriptors.of(environment("17", "-1", "a"), 17)).isEmpty();
    assertThat(HandedDescriptors.of(environment("17", "x", ""), 17)).isEmpty();
    assertThat(HandedDescriptors.of(environment("17", "9999999999", "a"), 17)).isEmpty();
  }
}
