package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: signals go to the process that was meant and to nobody after it, and its end is seen. */
@Timeout(120)
class PidFdTest {

  @Test
  void signalReachesTheProcessAndItsEndIsSeen() throws Exception {
    Process process = new ProcessBuilder("sleep", "3600").start();
    try (PidFd held = PidFd.open(process.pid()).orElseThrow()) {
      assertThat(held.awaitEnd(0)).isFalse();
      assertThat(held.send(PidFd.signal("TERM").getAsInt())).isZero();
      assertThat(held.awaitEnd(60_000)).isTrue();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(128 + 15);
      assertThat(held.send(15)).isEqualTo(Errno.ESRCH.result());
      assertThat(PidFd.open(process.pid())).as("nobody has the number").isEmpty();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void signalsAreKnownByNameAndNumber() {
    assertThat(PidFd.signal("USR1")).hasValue(10);
    assertThat(PidFd.signal("sigusr2")).hasValue(12);
    assertThat(PidFd.signal("64")).hasValue(64);
    for (String none : new String[] {"", "0", "65", "SIG", "NONSENSE", "-1"}) {
      assertThat(PidFd.signal(none)).as(none).isEmpty();
    }
  }
}
