package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.NotifyReceiver;
import io.selkie.posix.NotifyReceiver.Event;
import io.selkie.posix.NotifyReceiver.Message;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a server that is started again after a kill gives nobody a file that the one before had
 * under a block layout for writing, until the time is over; then it and the service manager let go
 * of it (S5, D66).
 *
 * <p>Method: a service manager that is this test, and a file whose lease the server gets at its
 * start as systemd would hand it on: perl takes it, and then becomes the server.
 */
@Timeout(600)
class KeptBeforeTest {

  private static final long HOLD_MILLIS = 10_000;
  private static final String NAME = "selkie-" + HOLD_MILLIS + "-1-1";

  /** F_SETLEASE is 1024, F_WRLCK 1. The break's signal would end whoever does not expect it. */
  private static final String BECOME_THE_SERVER =
      """
      my ($file, $socket, $name) = splice(@ARGV, 0, 3);
      $^F = 255;
      open(my $held, "+<", $file) or die "open: $!";
      fileno($held) == 3 or die "descriptor " . fileno($held);
      $SIG{IO} = "IGNORE";
      fcntl($held, 1024, 1) or die "lease: $!";
      @ENV{qw(NOTIFY_SOCKET LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)} = ($socket, $$, 1, $name);
      exec { $ARGV[0] } @ARGV;
      """;

  @Test
  void filesOfAKilledServerAreNobodysUntilItsClientsMustHaveStopped() throws Exception {
    NanoClock clock = NanoClock.system();
    String address = "@selkie-kept-before-" + ProcessHandle.current().pid();
    try (ScratchDirectory scratch = ServerUnderTest.scratch();
        NotifyReceiver manager = new NotifyReceiver(address)) {
      Path export = Files.createDirectory(scratch.resolve("export"));
      Path file = Files.write(export.resolve("held"), new byte[4096]);
      long before = clock.nanoTime();
      try (ServerProcess server =
              ServerUnderTest.serverOf(export, "")
                  .under(List.of("perl", "-e", BECOME_THE_SERVER, file.toString(), address, NAME))
                  .start();
          RawNfs nfs = RawNfs.connect(server.nfs(), "somebody else")) {
        int first = open(nfs, server);
        if (millisSince(before, clock) < HOLD_MILLIS) {
          assertThat(first).as("while it is held").isEqualTo(NfsStat4.NFS4ERR_DELAY);
        }

        assertThat(awaitRemoval(manager)).isEqualTo("FDSTOREREMOVE=1\nFDNAME=" + NAME);

        assertThat(millisSince(before, clock)).isGreaterThanOrEqualTo(HOLD_MILLIS);
        assertThat(open(nfs, server)).as("when it was let go").isEqualTo(NfsStat4.NFS4_OK);
      }
    }
  }

  private static long millisSince(long begunNanos, NanoClock clock) {
    return TimeUnit.NANOSECONDS.toMillis(clock.nanoTime() - begunNanos);
  }

  private static int open(RawNfs nfs, ServerProcess server) throws IOException {
    return nfs.compound(
            Op.putRootFh(),
            Op.lookup(server.exportName()),
            Op.open(nfs.clientId(), "owner", "held", false))
        .status();
  }

  /** What it hears besides is that the server is ready. */
  private static String awaitRemoval(NotifyReceiver manager) {
    while (manager.await(Optional.empty(), 120_000) == Event.MESSAGE) {
      Optional<Message> message = manager.receive();
      if (message.isPresent() && message.get().text().contains("FDSTOREREMOVE")) {
        return message.get().text();
      }
    }
    throw new AssertionError("the service manager was not told");
  }
}
