package io.selkie.server.keeper;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.Errno;
import io.selkie.posix.LeaseType;
import io.selkie.posix.OpenFlags;
import io.selkie.server.keeper.KeeperException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what is sealed is kept, what is given up is not, in this order, and what cannot be kept is
 * said.
 *
 * <p>Method: a service manager that deals with one message when the test says so.
 */
@Timeout(600)
class NotifyKeeperTest {

  /** SIGURG: a break would else end this process. */
  private static final int IGNORED_SIGNAL = 23;

  private static final FileIdentity ONE = new FileIdentity(1, 1, 0);
  private static final FileIdentity TWO = new FileIdentity(1, 2, 0);

  private final List<Reason> troubles = new CopyOnWriteArrayList<>();
  private Path file;
  private FakeManager manager;
  private NotifyKeeper keeper;
  private KeptFile first;

  @BeforeEach
  void start() throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    Files.createDirectories(base);
    file = Files.createTempFile(base, "kept", null);
    manager = new FakeManager("keeper-test");
    keeper = keeper(2);
    first = new KeptFile(file, ONE);
  }

  @AfterEach
  void stop() throws Exception {
    first.close();
    manager.close();
    keeper.close();
    Files.delete(file);
  }

  private NotifyKeeper keeper(int capacity) throws IOException {
    return new NotifyKeeper(
        manager.socket(),
        Duration.ofSeconds(7),
        4711,
        capacity,
        () -> 0,
        e -> troubles.add(e.reason()));
  }

  @Test
  void leaseStaysWhileACopyIsKeptAndGoesWithIt() {
    assertThat(KeptFile.KERNEL.setLeaseSignal(first.fd(), IGNORED_SIGNAL)).isZero();
    assertThat(KeptFile.KERNEL.setLease(first.fd(), LeaseType.WRITE)).isZero();
    assertThat(keeper.keep(first)).isTrue();
    // As when this process was killed: its own descriptor is gone, the copy not even taken yet.
    first.close();
    assertBusy();
    assertThat(manager.next()).isEqualTo("FDSTORE=1");
    assertThat(manager.store.holdMillis()).isEqualTo(7000);
    assertBusy();

    keeper.letGo(first);
    assertThat(manager.next()).isEqualTo("FDSTOREREMOVE=1");

    int fd = KeptFile.open(file, OpenFlags.RDWR | OpenFlags.NONBLOCK);
    assertThat(fd).as("nobody has it any more").isNotNegative();
    KeptFile.KERNEL.close(fd);
  }

  private void assertBusy() {
    assertThat(KeptFile.open(file, OpenFlags.RDWR | OpenFlags.NONBLOCK))
        .isEqualTo(Errno.EAGAIN.result());
  }

  @Test
  void anotherDescriptionWaitsUntilTheOldCopyIsClosed() throws Exception {
    try (KeptFile next = new KeptFile(file, ONE)) {
      assertThat(keeper.keep(first)).isTrue();
      assertThat(keeper.isLeaving(next)).isFalse();
      keeper.letGo(first);

      assertThat(keeper.isLeaving(first)).as("the same description is no obstacle").isFalse();
      assertThat(keeper.isLeaving(next)).isTrue();
      assertThat(manager.next()).isEqualTo("FDSTORE=1");
      assertThat(manager.next()).isEqualTo("FDSTOREREMOVE=1");
      assertThat(keeper.isLeaving(next)).as("it may not have been closed yet").isTrue();
      assertThat(manager.next()).isEqualTo("BARRIER=1");
      // Its thread deals with the answer before it ends.
      keeper.close();
      assertThat(keeper.size()).isZero();
      assertThat(keeper.isLeaving(next)).isFalse();
      assertThat(manager.store.size()).isZero();
      assertThat(troubles).isEmpty();
    }
  }

  /** systemd takes no second copy of a description: it must have been told of the first. */
  @Test
  void sealedAgainAtOnceIsKeptAgain() throws Exception {
    assertThat(keeper.keep(first)).isTrue();
    keeper.letGo(first);
    assertThat(manager.next()).isEqualTo("FDSTORE=1");
    assertThat(manager.next()).isEqualTo("FDSTOREREMOVE=1");
    assertThat(keeper.keep(first)).isTrue();
    assertThat(List.of(manager.next(), manager.next()))
        .containsExactlyInAnyOrder("FDSTORE=1", "BARRIER=1");
    keeper.close();
    assertThat(keeper.size()).isOne();
    assertThat(manager.store.size()).isOne();
    assertThat(troubles).isEmpty();
  }

  @Test
  void sealedAgainBeforeTheKeeperWasToldStaysKept() throws Exception {
    try (KeptFile second = new KeptFile(file, TWO)) {
      assertThat(keeper.keep(first)).isTrue();
      assertThat(keeper.keep(second)).isTrue();
      keeper.letGo(second);
      assertThat(manager.next()).isEqualTo("FDSTORE=1");
      assertThat(manager.next()).isEqualTo("FDSTORE=1");
      assertThat(manager.next()).isEqualTo("FDSTOREREMOVE=1");
      // Its thread waits for an answer from now on, which the manager does not give.
      keeper.letGo(first);
      assertThat(keeper.keep(first)).isTrue();
      assertThat(manager.next()).isEqualTo("BARRIER=1");
      keeper.close();
      assertThat(manager.isIdle()).as("nothing more was said").isTrue();
      assertThat(keeper.size()).isOne();
      assertThat(manager.store.size()).isOne();
      assertThat(troubles).isEmpty();
      keeper.letGo(first);
      assertThat(manager.next()).isEqualTo("FDSTOREREMOVE=1");
      assertThat(manager.store.size()).isZero();
    }
  }

  @Test
  void noMoreAreKeptThanThereIsRoomFor() {
    try (KeptFile second = new KeptFile(file, TWO);
        KeptFile third = new KeptFile(file, new FileIdentity(1, 3, 0))) {
      assertThat(keeper.keep(first)).isTrue();
      assertThat(keeper.keep(second)).isTrue();
      assertThat(keeper.keep(third)).isFalse();
      assertThat(troubles).containsExactly(Reason.FULL);
      keeper.letGo(third);
      assertThat(keeper.size()).isEqualTo(2);
    }
  }

  @Test
  void keeperThatIsGoneKeepsNothingAndStandsInNobodysWay() {
    try (KeptFile next = new KeptFile(file, ONE)) {
      assertThat(keeper.keep(first)).isTrue();
      keeper.letGo(first);
      manager.close();

      keeper.fail(new IOException("it ended"));

      assertThat(keeper.isLeaving(next)).isFalse();
      assertThat(keeper.isWorking()).isFalse();
      assertThat(keeper.keep(next)).isFalse();
      assertThat(keeper.size()).isZero();
      assertThat(troubles).contains(Reason.GONE);
    }
  }

  @Test
  void keeperThatDoesNotListenAnyMoreIsNoticed() {
    manager.close();
    assertThat(keeper.keep(first)).isFalse();
    assertThat(keeper.isWorking()).isFalse();
    assertThat(troubles).containsExactly(Reason.GONE);
  }

  @Test
  void stopInGoodOrderLeavesNoCopy() throws Exception {
    try (KeptFile second = new KeptFile(file, TWO)) {
      assertThat(keeper.keep(first)).isTrue();
      assertThat(keeper.keep(second)).isTrue();
      manager.next();
      manager.next();
      keeper.letGo(first);
      CompletableFuture<Void> closed =
          CompletableFuture.runAsync(() -> {
            try {
              keeper.close();
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
          });
      assertThat(manager.next()).isEqualTo("FDSTOREREMOVE=1");
      assertThat(manager.next()).isEqualTo("BARRIER=1");
      assertThat(closed).succeedsWithin(60, TimeUnit.SECONDS);
      assertThat(manager.store.size()).as("what is sealed still").isOne();
      keeper.letGo(second);
      assertThat(manager.next()).isEqualTo("FDSTOREREMOVE=1");
      assertThat(manager.store.size()).isZero();
    }
  }

  @Test
  void whatTheStoreDoesNotUnderstandLeavesNothingBehind() throws Exception {
    try (var socket = manager.socket()) {
      socket.send("FDSTORE=1\nFDNAME=another", first.fd());
      socket.send("FDSTORE=1", first.fd());
      socket.send("FDSTOREREMOVE=1\nFDNAME=selkie-1-2-3");
      socket.send("WATCHDOG=1", first.fd());
      for (int i = 0; i < 4; i++) {
        manager.next();
      }
      assertThat(manager.store.size()).isZero();
      assertThat(manager.isIdle()).isTrue();
    }
  }
}
