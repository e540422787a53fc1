package io.selkie.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Goal: a key that was taken back is known for as long as it is promised, and no longer. */
class RetiredKeysTest {

  @Test
  void keysAreKnownUntilAsManyOthersWereTakenBack() {
    RetiredKeys keys = new RetiredKeys(3);
    assertThat(keys.has(1)).isFalse();
    keys.add(1);
    keys.add(2);
    keys.add(3);
    assertThat(keys.has(1)).isTrue();
    keys.add(4);
    assertThat(keys.has(1)).isFalse();
    assertThat(keys.has(2)).isTrue();
    assertThat(keys.has(3)).isTrue();
    assertThat(keys.has(4)).isTrue();
  }

  @Test
  void keyThatIsTakenBackTwiceHasOnePlace() {
    RetiredKeys keys = new RetiredKeys(2);
    keys.add(1);
    keys.add(1);
    keys.add(2);
    assertThat(keys.has(1)).isTrue();
    keys.add(3);
    assertThat(keys.has(1)).isFalse();
    assertThat(keys.has(2)).isTrue();
  }

  @Test
  void withoutRoomNoneIsKnown() {
    RetiredKeys keys = new RetiredKeys(0);
    keys.add(1);
    assertThat(keys.has(1)).isFalse();
  }
}
