package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: what clients held before a restart they get back, and nobody else before them. */
@Timeout(120)
class ReclaimTest {

  private static final int DENY_READ = OpenConst4.OPEN4_SHARE_DENY_READ;
  private static final int WRITE_LOCK = 2;
  private static final boolean PRIVILEGED = new LinuxKernel().effectiveUid() == 0;
  private static final int USER = new LinuxKernel().effectiveUid() + 4711;

  private RestartingServer server;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new RestartingServer("leaseSeconds: 90");
    Files.writeString(server.export().resolve("file"), "0123456789");
    Files.write(server.export().resolve("large"), new byte[1 << 16]);
  }

  @AfterEach
  void close() throws IOException {
    server.close();
  }

  private FileCalls client(String owner) throws IOException {
    FileCalls client = server.client(owner);
    root = client.handleOf("data");
    return client;
  }

  /** OPEN by CLAIM_PREVIOUS. */
  static Opened reclaim(FileCalls client, byte[] handle, int access, int deny) {
    return client.open(
        handle,
        access,
        deny,
        "owner",
        o -> o.int32(OpenConst4.OPEN4_NOCREATE),
        o -> {
          o.int32(OpenConst4.CLAIM_PREVIOUS);
          o.int32(OpenConst4.OPEN_DELEGATE_NONE);
        });
  }

  private static String complete(FileCalls client) {
    return client.call(c -> c.reclaimComplete(), NfsOp4.OP_RECLAIM_COMPLETE).status();
  }

  private void awaitGraceOver() throws Exception {
    server.server().recovery().graceOver().toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  @Test
  void opensAndLocksAreReclaimedAfterACrash() throws Exception {
    opensAndLocksAreReclaimed(true);
  }

  @Test
  void opensAndLocksAreReclaimedAfterAnOrderlyStop() throws Exception {
    opensAndLocksAreReclaimed(false);
  }

  private void opensAndLocksAreReclaimed(boolean crash) throws Exception {
    FileCalls before = client("holder");
    Opened opened = before.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    byte[] handle = opened.handle();
    assertThat(
            new LockCalls(before, handle)
                .lock(opened.stateid(), "locker", WRITE_LOCK, 0, 5)
                .status())
        .isEqualTo("NFS4_OK");
    long verifier = before.write(handle, opened.stateid(), 0, 0, "abc".getBytes(UTF_8)).verifier();
    long clientId = before.session().clientId();
    if (crash) {
      server.crash();
    } else {
      server.restart();
    }
    FileCalls other = server.client("other");
    assertThat(other.open(root, "file", FileCalls.READ, FileCalls.DENY_NONE).status())
        .isEqualTo("NFS4ERR_GRACE");
    FileCalls holder = server.reclaiming("holder", 1);
    assertThat(holder.session().clientId()).isNotEqualTo(clientId);
    assertThat(holder.open(root, "file", FileCalls.READ, FileCalls.DENY_NONE).status())
        .as("nothing new before RECLAIM_COMPLETE")
        .isEqualTo("NFS4ERR_GRACE");
    Opened again = reclaim(holder, handle, FileCalls.BOTH, FileCalls.DENY_NONE);
    assertThat(again.status()).isEqualTo("NFS4_OK");
    assertThat(
            new LockCalls(holder, handle)
                .lock(
                    new LockArgs4.Lock(
                        WRITE_LOCK, true, 0, 5, again.stateid(), LockCalls.owner("locker")))
                .status())
        .isEqualTo("NFS4_OK");
    assertThat(holder.read(handle, again.stateid(), 0, 3).bytes()).isEqualTo("abc".getBytes(UTF_8));
    assertThat(holder.write(handle, again.stateid(), 0, 0, "xyz".getBytes(UTF_8)).verifier())
        .as("what was not committed has to be written again")
        .isNotEqualTo(verifier);
    assertThat(complete(holder)).isEqualTo("NFS4_OK");
    assertThat(complete(holder)).isEqualTo("NFS4ERR_COMPLETE_ALREADY");
    awaitGraceOver();
    Opened others = other.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    assertThat(others.status()).isEqualTo("NFS4_OK");
    assertThat(
            new LockCalls(other, handle)
                .lock(others.stateid(), "locker", WRITE_LOCK, 4, 1)
                .status())
        .isEqualTo("NFS4ERR_DENIED");
    assertThat(reclaim(holder, handle, FileCalls.READ, FileCalls.DENY_NONE).status())
        .isEqualTo("NFS4ERR_NO_GRACE");
  }

  @Test
  void ownerReclaimsWhateverBecameOfTheMode() throws Exception {
    Path file = server.export().resolve("file");
    if (PRIVILEGED) {
      Files.setAttribute(file, "unix:uid", USER);
    }
    FileCalls before = client("holder");
    before.connection().as(USER);
    Opened opened = before.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    assertThat(opened.status()).isEqualTo("NFS4_OK");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--r--r--"));
    server.crash();
    FileCalls holder = server.reclaiming("holder", 1);
    holder.connection().as(USER + 1);
    assertThat(reclaim(holder, opened.handle(), FileCalls.BOTH, FileCalls.DENY_NONE).status())
        .as("another user")
        .isEqualTo("NFS4ERR_ACCESS");
    holder.connection().as(USER);
    Opened again = reclaim(holder, opened.handle(), FileCalls.BOTH, FileCalls.DENY_NONE);
    assertThat(again.status())
        .as("without privileges the server itself cannot open it for writing")
        .isEqualTo(PRIVILEGED ? "NFS4_OK" : "NFS4ERR_ACCESS");
    complete(holder);
    awaitGraceOver();
    assertThat(holder.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE).status())
        .as("a new open is asked of the mode")
        .isEqualTo("NFS4ERR_ACCESS");
  }

  @Test
  void whoHeldNothingLeavesNoGracePeriod() throws Exception {
    FileCalls idle = client("idle");
    Opened opened = idle.open(root, "file", FileCalls.READ, FileCalls.DENY_NONE);
    idle.close(opened.handle(), opened.stateid());
    client("never opened anything");
    server.restart();
    assertThat(server.server().recovery().inGrace()).isFalse();
    FileCalls next = client("next");
    assertThat(next.open(root, "file", FileCalls.READ, FileCalls.DENY_NONE).status())
        .isEqualTo("NFS4_OK");
  }

  @Test
  void namesStandStillInTheGracePeriodWhileAttributesAndDataAreServed() throws Exception {
    FileCalls before = client("holder");
    byte[] handle = before.open(root, "file", FileCalls.READ, FileCalls.DENY_NONE).handle();
    server.crash();
    FileCalls other = server.client("other");
    assertThat(other.remove(root, "file")).isEqualTo("NFS4ERR_GRACE");
    assertThat(other.rename(root, "file", root, "renamed")).isEqualTo("NFS4ERR_GRACE");
    assertThat(other.create(root, "new").status()).isEqualTo("NFS4ERR_GRACE");
    assertThat(other.write(handle, Stateids.ANONYMOUS, 0, 0, new byte[1]).status())
        .isEqualTo("NFS4ERR_GRACE");
    assertThat(other.setAttr(handle, Stateids.ANONYMOUS, FileCalls.size(0)))
        .isEqualTo("NFS4ERR_GRACE");
    assertThat(other.read(handle, Stateids.ANONYMOUS, 0, 4).status()).isEqualTo("NFS4_OK");
    assertThat(other.attributes(handle).size()).isEqualTo(10);
    assertThat(other.list(root, 4096)).containsExactlyInAnyOrder("file", "large");
    assertThat(new LockCalls(other, handle).test("x", WRITE_LOCK, 0, 1).status())
        .isEqualTo("NFS4ERR_GRACE");
  }

  @Test
  void whatWasDeniedBeforeIsNotReadInTheGracePeriod() throws Exception {
    FileCalls before = client("denier");
    byte[] handle = before.open(root, "file", FileCalls.READ, DENY_READ).handle();
    assertThat(handle).isNotNull();
    server.crash();
    FileCalls other = server.client("other");
    assertThat(other.read(handle, Stateids.ANONYMOUS, 0, 4).status()).isEqualTo("NFS4ERR_GRACE");
    FileCalls denier = server.reclaiming("denier", 1);
    assertThat(reclaim(denier, handle, FileCalls.READ, DENY_READ).status()).isEqualTo("NFS4_OK");
    complete(denier);
    awaitGraceOver();
    assertThat(other.read(handle, Stateids.ANONYMOUS, 0, 4).status()).isEqualTo("NFS4ERR_LOCKED");
  }

  @Test
  void secondReclaimThatConflictsIsToldSo() throws Exception {
    FileCalls one = client("one");
    byte[] handle = one.open(root, "file", FileCalls.READ, FileCalls.DENY_NONE).handle();
    assertThat(client("two").open(root, "file", FileCalls.READ, FileCalls.DENY_NONE).status())
        .isEqualTo("NFS4_OK");
    server.crash();
    assertThat(reclaim(server.reclaiming("one", 1), handle, FileCalls.READ, DENY_READ).status())
        .isEqualTo("NFS4_OK");
    assertThat(
            reclaim(server.reclaiming("two", 1), handle, FileCalls.READ, FileCalls.DENY_NONE)
                .status())
        .isEqualTo("NFS4ERR_RECLAIM_CONFLICT");
  }

  @Test
  void strangersAndLaterIncarnationsReclaimNothing() throws Exception {
    FileCalls before = client("holder");
    byte[] handle = before.open(root, "file", FileCalls.READ, FileCalls.DENY_NONE).handle();
    server.crash();
    assertThat(reclaim(server.reclaiming("stranger", 1), handle, FileCalls.READ, 0).status())
        .isEqualTo("NFS4ERR_NO_GRACE");
    assertThat(reclaim(server.reclaiming("holder", 2), handle, FileCalls.READ, 0).status())
        .as("the client was started anew")
        .isEqualTo("NFS4ERR_NO_GRACE");
    awaitGraceOver();
  }

  @Test
  void fileRenamedWhileTheServerWasDownIsReclaimedByItsHandle() throws Exception {
    FileCalls before = client("holder");
    Opened opened = before.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    server.crash();
    Files.move(server.export().resolve("file"), server.export().resolve("elsewhere"));
    FileCalls holder = server.reclaiming("holder", 1);
    Opened again = reclaim(holder, opened.handle(), FileCalls.BOTH, FileCalls.DENY_NONE);
    assertThat(again.status()).isEqualTo("NFS4_OK");
    holder.write(opened.handle(), again.stateid(), 0, 2, "new".getBytes(UTF_8));
    assertThat(server.export().resolve("elsewhere")).hasContent("new3456789");
  }

  @Test
  void stateidsOfBeforeAreBad() throws Exception {
    FileCalls before = client("holder");
    Opened opened = before.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    server.crash();
    FileCalls holder = server.reclaiming("holder", 1);
    assertThat(holder.read(opened.handle(), opened.stateid(), 0, 1).status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void layoutsAreAskedForAnewAfterGraceAndWhatTheyWroteIsCommittedInIt() throws Exception {
    FileCalls before = client("holder");
    Opened opened = before.open(root, "large", FileCalls.BOTH, FileCalls.DENY_NONE);
    byte[] handle = opened.handle();
    client("late").open(root, "file", FileCalls.READ, FileCalls.DENY_NONE);
    server.crash();
    FileCalls stranger = server.reclaiming("stranger", 1);
    assertThat(commit(stranger, handle, opened.stateid(), 5)).isEqualTo("NFS4ERR_NO_GRACE");
    FileCalls holder = server.reclaiming("holder", 1);
    assertThat(commit(holder, handle, opened.stateid(), 5))
        .as("before its open is back")
        .isEqualTo("NFS4ERR_RECLAIM_BAD");
    Opened again = reclaim(holder, handle, FileCalls.BOTH, FileCalls.DENY_NONE);
    assertThat(commit(holder, handle, opened.stateid(), 5)).isEqualTo("NFS4_OK");
    assertThat(commit(holder, handle, opened.stateid(), 1 << 16))
        .as("behind the end of the file")
        .isEqualTo("NFS4ERR_RECLAIM_BAD");
    complete(holder);
    assertThat(commit(holder, handle, opened.stateid(), 5)).isEqualTo("NFS4ERR_NO_GRACE");
    assertThat(layoutGet(holder, handle, again.stateid())).isEqualTo("NFS4ERR_GRACE");
    complete(server.reclaiming("late", 1));
    awaitGraceOver();
    assertThat(layoutGet(holder, handle, again.stateid())).isEqualTo("NFS4_OK");
  }

  private static String commit(
      FileCalls client, byte[] handle, Stateid4 stateid, long lastWritten) {
    return client.layoutCommit(handle, stateid, true, lastWritten);
  }

  private static String layoutGet(FileCalls client, byte[] handle, Stateid4 stateid) {
    return client.layoutGet(handle, stateid, LayoutConst4.LAYOUTIOMODE4_READ).status();
  }
}
