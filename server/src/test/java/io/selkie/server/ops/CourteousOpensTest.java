package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: opens and locks of a client whose lease is over stand until somebody wants what they keep
 * from him. Method: a whole server with leases of two seconds.
 */
@Tag("slow")
@Timeout(120)
class CourteousOpensTest {

  private static final int DENY_WRITE = OpenConst4.OPEN4_SHARE_DENY_WRITE;
  private static final int WRITE_LOCK = 2;
  private static final long LEASE_NANOS = 2_000_000_000L;

  private RestartingServer server;
  private FileCalls silent;
  private FileCalls other;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new RestartingServer("leaseSeconds: 2, graceSeconds: 30");
    Files.write(server.export().resolve("file"), new byte[1 << 16]);
    Files.write(server.export().resolve("kept"), new byte[1]);
    silent = server.client("silent");
    root = silent.handleOf("data");
    keep(silent);
    other = server.client("other");
    keep(other);
  }

  @AfterEach
  void close() throws IOException {
    server.close();
  }

  /** Who holds something is not forgotten when he is late, however slow the machine is. */
  private void keep(FileCalls client) {
    assertThat(client.open(root, "kept", FileCalls.READ, FileCalls.DENY_NONE).status())
        .isEqualTo("NFS4_OK");
  }

  /**
   * Asks until it is NFS4_OK, which is not before the lease is over; on a slow machine it may be
   * over when this begins.
   *
   * @param refusal what is answered as long as it is not
   * @param lastHeardNanos not later than the last that was heard of the silent client
   */
  private static void awaitOk(String refusal, long lastHeardNanos, Supplier<String> call) {
    Set<String> seen = new HashSet<>();
    String status;
    do {
      status = call.get();
      seen.add(status);
    } while (!status.equals("NFS4_OK"));
    assertThat(System.nanoTime() - lastHeardNanos).isGreaterThanOrEqualTo(LEASE_NANOS);
    assertThat(seen).contains("NFS4ERR_DELAY").isSubsetOf(refusal, "NFS4ERR_DELAY", "NFS4_OK");
  }

  private void awaitEndOfLease() {
    while (server.server().sessions().courteousCount() == 0) {
      // Keeps the other one's lease.
      other.attributes(root);
    }
  }

  @Test
  void conflictingOpenWaitsForTheLeaseAndThenWins() throws IOException {
    long start = System.nanoTime();
    Opened opened = silent.open(root, "file", FileCalls.READ, DENY_WRITE);
    assertThat(opened.status()).isEqualTo("NFS4_OK");
    awaitOk(
        "NFS4ERR_SHARE_DENIED",
        start,
        () -> other.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE).status());
    assertThat(silent.connection().call(silent.session().next(0, false)).status())
        .isEqualTo("NFS4ERR_BADSESSION");
    server.crash();
    FileCalls late = server.reclaiming("silent", 1);
    Opened reclaimed =
        late.open(
            opened.handle(),
            FileCalls.READ,
            DENY_WRITE,
            "owner",
            o -> o.int32(OpenConst4.OPEN4_NOCREATE),
            o -> {
              o.int32(OpenConst4.CLAIM_PREVIOUS);
              o.int32(OpenConst4.OPEN_DELEGATE_NONE);
            });
    assertThat(reclaimed.status()).as("somebody has had it since").isEqualTo("NFS4ERR_NO_GRACE");
  }

  @Test
  void conflictingLockWaitsForTheLeaseAndThenWins() {
    Opened opened = silent.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    LockCalls locks = new LockCalls(silent, opened.handle());
    long start = System.nanoTime();
    assertThat(locks.lock(opened.stateid(), "o", WRITE_LOCK, 0, 10).status()).isEqualTo("NFS4_OK");
    Opened others = other.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    LockCalls otherLocks = new LockCalls(other, opened.handle());
    awaitOk(
        "NFS4ERR_DENIED",
        start,
        () -> otherLocks.lock(others.stateid(), "o", WRITE_LOCK, 5, 1).status());
  }

  @Test
  void anonymousWriteWaitsForTheLeaseAndThenWins() {
    long start = System.nanoTime();
    Opened opened = silent.open(root, "file", FileCalls.READ, DENY_WRITE);
    awaitOk(
        "NFS4ERR_LOCKED",
        start,
        () -> other.write(opened.handle(), Stateids.ANONYMOUS, 0, 0, new byte[1]).status());
  }

  @Test
  void clientThatComesBackHasItsOpensAndLocksButNotItsLayouts() {
    Opened opened = silent.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    LockCalls locks = new LockCalls(silent, opened.handle());
    var locked = locks.lock(opened.stateid(), "o", WRITE_LOCK, 0, 10);
    assertThat(
            silent
                .layoutGet(opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_READ)
                .status())
        .isEqualTo("NFS4_OK");
    awaitEndOfLease();
    while (server.server().arbiter().layoutCount() > 0) {
      other.attributes(root);
    }
    assertThat(silent.read(opened.handle(), opened.stateid(), 0, 1).status()).isEqualTo("NFS4_OK");
    assertThat(locks.unlock(locked.stateid(), 0, 10).status()).isEqualTo("NFS4_OK");
    int flags = silent.connection().call(silent.session().next(0, false)).sequenceOk();
    assertThat(flags & SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED).isNotZero();
    // Each may be silent for too long again, here or on its way.
    while (server.server().sessions().courteousCount() != 0) {
      silent.attributes(root);
      other.attributes(root);
    }
  }
}
