package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.Calls42.Range;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: who comes into the way of a delegation that its holder gives back at once is served, and
 * not sent away. Method: a slow machine may make any single wait too long, so each is tried again
 * until one was served at its first try; without the waiting none ever is.
 */
@Timeout(300)
class DelegationWaitTest extends DelegationFixture {

  private static final int NONE = OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;

  /** Has the first client hold a delegation again and again until a call is served at once. */
  private void servedAtOnce(Supplier<Given> hold, Supplier<String> call)
      throws InterruptedException {
    Semaphore returned = new Semaphore(0);
    one.onRecall(recall -> {
      one.giveBack(recall.handle(), recall.stateid());
      returned.release();
    });
    while (true) {
      insist(hold, given -> given.stateid() == null);
      String status = call.get();
      // The holder has but one slot: it must be done before it is used again.
      assertThat(returned.tryAcquire(120, TimeUnit.SECONDS)).as("recalled").isTrue();
      if (status.equals("NFS4_OK")) {
        return;
      }
      assertThat(status).isEqualTo("NFS4ERR_DELAY");
      assertThat(insistOn(call)).isEqualTo("NFS4_OK");
    }
  }

  /** Opens and closes the file again. */
  private String open(DelegationPeer who, int access) {
    Given opened = who.open(root, "file", access | NONE);
    if (opened.status().equals("NFS4_OK")) {
      assertThat(who.calls.close(opened.handle(), opened.open())).isEqualTo("NFS4_OK");
    }
    return opened.status();
  }

  private Given held(int access) {
    Given given = one.open(root, "file", access);
    if (given.status().equals("NFS4_OK")) {
      // Only the delegation is to be in the way.
      assertThat(one.calls.close(given.handle(), given.open())).isEqualTo("NFS4_OK");
    }
    return given;
  }

  @Test
  void openForReadingWaitsForAWriteDelegation() throws InterruptedException {
    servedAtOnce(() -> held(BOTH), () -> open(two, READ));
  }

  @Test
  void openForWritingWaitsForAReadDelegation() throws InterruptedException {
    servedAtOnce(() -> held(READ), () -> open(two, WRITE));
  }

  @Test
  void changesOfAttributesAndDataWait() throws InterruptedException {
    byte[] handle = two.calls.handleOf("data", "file");
    servedAtOnce(
        () -> held(BOTH),
        () -> two.calls.setAttr(handle, Stateids.ANONYMOUS, FileCalls.mode(0600)));
    servedAtOnce(
        () -> held(BOTH), () -> two.calls.setAttr(handle, Stateids.ANONYMOUS, FileCalls.size(3)));
    servedAtOnce(
        () -> held(READ),
        () -> two.calls.write(handle, Stateids.ANONYMOUS, 0, 0, new byte[] {1}).status());
    servedAtOnce(() -> held(BOTH), () -> two.calls.read(handle, Stateids.ANONYMOUS, 0, 1).status());
  }

  @Test
  void copiesWait() throws Exception {
    Files.write(file.resolveSibling("source"), new byte[100]);
    Opened source = opened(two.calls.handleOf("data", "source"));
    Opened target = opened(two.calls.handleOf("data", "file"));
    Calls42 calls = new Calls42(two.calls);
    servedAtOnce(() -> held(READ), () -> calls.copy(source, target, Range.ALL, true, 0).status());
    servedAtOnce(() -> held(BOTH), () -> calls.copy(target, source, Range.ALL, true, 0).status());
  }

  /** Neither of these breaks a delegation. */
  private void deleteLocally(String name) {
    try {
      Files.deleteIfExists(file.resolveSibling(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void linkLocally(String name) {
    Path link = file.resolveSibling(name);
    try {
      if (Files.notExists(link)) {
        Files.createLink(link, file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Opened opened(byte[] handle) {
    return new Opened("NFS4_OK", Stateids.ANONYMOUS, handle, null, 0);
  }

  @Test
  void changesOfNamesWait() throws InterruptedException {
    byte[] handle = two.calls.handleOf("data", "file");
    servedAtOnce(
        () -> held(READ),
        () -> {
          deleteLocally("again");
          return two.calls.onTwo(handle, root, NfsOp4.OP_LINK, FileCalls.name("again")).status();
        });
    servedAtOnce(
        () -> held(READ),
        () -> {
          linkLocally("again");
          return two.calls.remove(root, "again");
        });
    servedAtOnce(() -> held(READ), () -> two.calls.rename(root, "file", root, "file"));
  }
}
