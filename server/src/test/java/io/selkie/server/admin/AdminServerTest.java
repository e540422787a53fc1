package io.selkie.server.admin;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.AdminConfig;
import io.selkie.posix.SystemNameService;
import io.selkie.server.SystemTimers;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: administrators are heard again after the machine had nothing left for them. */
@Timeout(600)
class AdminServerTest {

  @TempDir Path dir;

  private static AdminService service() {
    return new AdminService(new AdminParts(null, null, null, null, null, null, null, null, null));
  }

  @Test
  void connectionThatGetsNoThreadIsClosedAndTheNextOneIsServed() throws Exception {
    AtomicInteger started = new AtomicInteger();
    AdminConfig config =
        new AdminConfig(true, Optional.empty(), Optional.empty(), Optional.empty(), "0600", false);
    Path path = dir.resolve("s");
    try (SystemTimers timers = new SystemTimers("admin-test");
        AdminServer _ =
            new AdminServer(
                path,
                config,
                new SystemNameService(),
                service(),
                timers,
                (name, task) -> {
                  // The first one accepts.
                  if (started.incrementAndGet() == 2) {
                    throw new OutOfMemoryError("played: unable to create native thread");
                  }
                  Thread.ofPlatform().name(name).daemon().start(task);
                })) {
      try (SocketChannel first = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
        assertThat(first.read(ByteBuffer.allocate(1))).as("it is closed").isEqualTo(-1);
      }
      try (SocketChannel second = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
        second.write(ByteBuffer.wrap("{\n".getBytes(UTF_8)));
        ByteBuffer answer = ByteBuffer.allocate(4096);
        assertThat(second.read(answer)).isPositive();
        assertThat(UTF_8.decode(answer.flip()).toString()).startsWith("{\"error\"");
      }
    }
  }
}
