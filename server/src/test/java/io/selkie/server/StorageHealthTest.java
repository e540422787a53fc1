package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Goal: what a file system answers is understood, whatever it was before. */
class StorageHealthTest {

  private final StorageHealth health = new StorageHealth();

  @ParameterizedTest
  @EnumSource(
      value = Errno.class,
      names = {"ENODATA", "EOPNOTSUPP", "EPERM", "EACCES"})
  void whoLooksForTheAttributeCouldHaveChangedSomething(Errno answer) {
    assertThat(health.answered(answer.result(), true)).isFalse();
    assertThat(health.state()).isEqualTo(StorageState.SOUND);
  }

  @ParameterizedTest
  @EnumSource(
      value = Errno.class,
      names = {"EIO", "EUCLEAN", "ENODEV", "ENXIO"})
  void whatHasShutDownIsBroken(Errno answer) {
    assertThat(health.answered(answer.result(), true)).isTrue();
    assertThat(health.state()).isEqualTo(StorageState.BROKEN);
  }

  @Test
  void withoutItsDeviceItIsBrokenWhateverItSays() {
    assertThat(health.answered(Errno.ENODATA.result(), false)).isTrue();
    assertThat(health.state()).isEqualTo(StorageState.BROKEN);
  }

  @Test
  void readOnlyFromTheStartIsNoChange() {
    assertThat(health.answered(Errno.EROFS.result(), true)).isFalse();
    assertThat(health.answered(Errno.EROFS.result(), true)).isFalse();
    assertThat(health.state()).isEqualTo(StorageState.SOUND);
    assertThat(health.answered(Errno.ENODATA.result(), true)).isFalse();
    assertThat(health.answered(Errno.EROFS.result(), true)).as("it could be written").isTrue();
    assertThat(health.state()).isEqualTo(StorageState.READ_ONLY);
  }

  @Test
  void silenceEndsWithAnAnswer() {
    assertThat(health.silent()).isTrue();
    assertThat(health.silent()).isFalse();
    assertThat(health.state()).isEqualTo(StorageState.SILENT);
    assertThat(health.answered(Errno.ENODATA.result(), true)).isTrue();
    assertThat(health.state()).isEqualTo(StorageState.SOUND);
    assertThat(StorageState.SILENT.isSound()).isFalse();
  }
}
