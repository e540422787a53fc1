package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import jnr.posix.POSIXFactory;
import org.junit.jupiter.api.Test;

/** Goal: notice at once when jnr stops working on the JDK we build for. */
class JnrTest {

  @Test
  void nativePosixAnswersWithThisProcess() {
    var posix = POSIXFactory.getNativePOSIX();

    assertThat(posix.isNative()).isTrue();
    assertThat(posix.getpid()).isEqualTo((int) ProcessHandle.current().pid());
  }
}
