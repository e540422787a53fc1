package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a thousand clients reclaim an open and a lock each within the grace period there is by
 * default, and a tenth of them a delegation too. Method: a connection and a session for each, 32 of
 * them at work at a time; says how long it took.
 */
@Tag("slow")
@Timeout(300)
class ThousandClientsTest {

  private static final int CLIENTS = 1000;
  private static final int AT_WORK = 32;

  /** sessions.graceSeconds where nobody says otherwise. */
  private static final int GRACE_SECONDS = 90;

  /** Every so manieth holds a delegation. */
  private static final int DELEGATED = 10;

  private static final int PLAIN = FileCalls.BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;

  private static final int WRITE_LOCK = 2;
  private static final int CLOSED_SECONDS = 60;
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  @FunctionalInterface
  private interface Work {
    void of(int client) throws IOException;
  }

  private static void all(Work work) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(AT_WORK);
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        int client = i;
        running.add(
            threads.submit(() -> {
              work.of(client);
              return null;
            }));
      }
      for (Future<?> one : running) {
        one.get(200, TimeUnit.SECONDS);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  /**
   * A server that dies leaves nothing open; one that ends in its process closes on threads. Nothing
   * tells when it has: to look now and then leaves the processor to them.
   */
  private static void awaitClosed(Path export) throws IOException {
    NanoClock clock = NanoClock.system();
    long start = clock.nanoTime();
    while (holdsFileBelow(export)) {
      assertThat(clock.nanoTime() - start)
          .as("nanoseconds until all is closed")
          .isLessThan(TimeUnit.SECONDS.toNanos(CLOSED_SECONDS));
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }

  private static boolean holdsFileBelow(Path export) throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors.toList()) {
        if (Files.isSymbolicLink(descriptor)
            && isBelow(export, Files.readSymbolicLink(descriptor))) {
          return true;
        }
      }
      return false;
    } catch (NoSuchFileException e) {
      // One was closed in between: another look.
      return true;
    }
  }

  private static boolean isBelow(Path export, Path file) {
    return file.startsWith(export) && !file.equals(export);
  }

  @Test
  void allReclaimInTime() throws Exception {
    try (RestartingServer server = new RestartingServer("", "contentionMillis: 0")) {
      Files.write(server.export().resolve("file"), new byte[2 * CLIENTS]);
      byte[] root = server.client("first").handleOf("data");
      byte[][] handle = new byte[1][];
      Given[] delegated = new Given[CLIENTS];
      for (int i = 0; i < CLIENTS; i += DELEGATED) {
        Files.write(server.export().resolve("delegated" + i), new byte[1]);
      }
      all(i -> {
        FileCalls client = server.client("client " + i);
        if (i % DELEGATED == 0) {
          delegated[i] = new DelegationPeer(client).open(root, "delegated" + i, FileCalls.BOTH);
          assertThat(delegated[i].type()).as("before").isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
        }
        Opened opened = client.open(root, "file", PLAIN, FileCalls.DENY_NONE);
        assertThat(opened.status()).isEqualTo("NFS4_OK");
        assertThat(
                new LockCalls(client, opened.handle())
                    .lock(opened.stateid(), "locker", WRITE_LOCK, 2L * i, 1)
                    .status())
            .isEqualTo("NFS4_OK");
        handle[0] = opened.handle();
      });
      server.crash();
      awaitClosed(server.export());
      assertThat(server.server().recovery().outstandingClients()).isEqualTo(CLIENTS);
      NanoClock clock = NanoClock.system();
      long start = clock.nanoTime();
      all(i -> {
        FileCalls client = server.reclaiming("client " + i, 1);
        if (i % DELEGATED == 0) {
          Given again =
              DelegationReclaimTest.reclaim(
                  new DelegationPeer(client),
                  delegated[i],
                  FileCalls.BOTH,
                  OpenConst4.OPEN_DELEGATE_WRITE);
          assertThat(again.type()).as("reclaimed").isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
          assertThat(again.recalled()).isFalse();
        }
        Opened again = ReclaimTest.reclaim(client, handle[0], FileCalls.BOTH, FileCalls.DENY_NONE);
        assertThat(again.status()).isEqualTo("NFS4_OK");
        assertThat(
                new LockCalls(client, handle[0])
                    .lock(
                        new LockArgs4.Lock(
                            WRITE_LOCK, true, 2L * i, 1, again.stateid(), LockCalls.owner("l")))
                    .status())
            .isEqualTo("NFS4_OK");
        assertThat(client.call(c -> c.reclaimComplete(), NfsOp4.OP_RECLAIM_COMPLETE).status())
            .isEqualTo("NFS4_OK");
      });
      server.server().recovery().graceOver().toCompletableFuture().get(60, TimeUnit.SECONDS);
      double seconds = (clock.nanoTime() - start) / 1e9;
      System.out.printf("%d clients reclaimed in %.1f s%n", CLIENTS, seconds);
      assertThat(seconds).isLessThan(GRACE_SECONDS);
      assertThat(server.server().opens().count()).isEqualTo(CLIENTS + CLIENTS / DELEGATED);
      assertThat(server.server().arbiter().delegations().delegationCount())
          .isEqualTo(CLIENTS / DELEGATED);
    }
  }
}
