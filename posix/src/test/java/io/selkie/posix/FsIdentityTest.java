package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: a thread is somebody else exactly as long as it should, or ends. */
@Timeout(120)
class FsIdentityTest {

  private final FakeCredentials credentials = new FakeCredentials();

  @Test
  void becomesTheUserAndItselfAgain() throws IOException {
    FsIdentity identity = FsIdentity.of(credentials, 0, 0);
    identity.become(FsUser.of(1000, 100, 7, 8));
    assertThat(credentials.fsUid).isEqualTo(1000);
    assertThat(credentials.fsGid).isEqualTo(100);
    assertThat(credentials.groups).containsExactly(7, 8);
    assertThat(identity.isOwnNow()).isFalse();
    identity.comeBack();
    assertThat(credentials.fsUid).isZero();
    assertThat(credentials.fsGid).isZero();
    assertThat(credentials.groups).isEmpty();
    assertThat(identity.isOwnNow()).isTrue();
  }

  @Test
  void groupsChangeWhileTheThreadIsRoot() throws IOException {
    FsIdentity identity = FsIdentity.of(credentials, 0, 0);
    identity.become(FsUser.of(1, 2, 3));
    credentials.changes.clear();
    identity.comeBack();
    assertThat(credentials.changes).containsExactly("uid 0", "gid 0", "groups []");
    identity.become(FsUser.of(1, 2, 3));
    assertThat(credentials.changes.subList(3, 6)).containsExactly("groups [3]", "gid 2", "uid 1");
  }

  @Test
  void whateverChangeFailsTheThreadEnds() throws IOException {
    FsIdentity identity = FsIdentity.of(credentials, 0, 0);
    identity.become(FsUser.of(1, 2, 3));
    identity.comeBack();
    for (int change = 1; change <= 6; change++) {
      credentials.changes.clear();
      credentials.failAt = change;
      assertThatThrownBy(
              () -> {
                identity.become(FsUser.of(1, 2, 3));
                identity.comeBack();
              })
          .as("change %d", change)
          .isInstanceOf(StuckIdentityError.class)
          .hasMessageContaining("CAP_SETUID");
      credentials.failAt = Integer.MAX_VALUE;
      identity.comeBack();
      assertThat(identity.isOwnNow()).isTrue();
    }
  }

  @Test
  void doesNothingForItsOwnUser() throws IOException {
    FsIdentity identity = FsIdentity.of(credentials, 0, 0);
    assertThat(identity.isOwn(FsUser.of(0, 0, 0))).isTrue();
    assertThat(identity.isOwn(FsUser.of(0, 1))).isFalse();
    assertThat(identity.isOwn(FsUser.of(0, 0, 1))).isFalse();
  }

  @Test
  void actingTwiceIsADefect() throws IOException {
    FsIdentity identity = FsIdentity.of(credentials, 0, 0);
    identity.become(FsUser.of(1, 2));
    assertThatThrownBy(() -> identity.become(FsUser.of(3, 4)))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void saysWhyItCannot() {
    assertThatThrownBy(() -> FsIdentity.of(credentials, 1000, 1000))
        .hasMessageContaining("not run as root")
        .hasMessageContaining("1000");
    credentials.keepsCapabilities = true;
    assertThatThrownBy(() -> FsIdentity.of(credentials, 0, 0))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("CAP_DAC_OVERRIDE");
    credentials.failAt = 0;
    assertThatThrownBy(() -> FsIdentity.of(credentials, 0, 0))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("CAP_SETGID");
  }

  @Test
  void virtualThreadMayNot() throws Exception {
    FsIdentity identity = FsIdentity.of(credentials, 0, 0);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var outcome = threads.submit(() -> identity.become(FsUser.of(1, 2)));
      assertThatThrownBy(() -> outcome.get(60, TimeUnit.SECONDS))
          .hasCauseInstanceOf(IllegalStateException.class)
          .hasMessageContaining("virtual");
    }
  }

  @Test
  void groupsThatSayNothingNewAreLeftOut() {
    assertThat(FsUser.of(1, 2, 2, 3, 3)).isEqualTo(FsUser.of(1, 2, 3));
  }
}
