package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Delegations as clients meet them: a whole server, real leases, raw clients, local processes. */
@Timeout(120)
class DelegationOperationsTest extends DelegationFixture {

  private static final int ANY = OpenConst4.OPEN4_SHARE_ACCESS_WANT_ANY_DELEG;

  // ---------------------------------------------------------------- giving

  @Test
  void openGivesWhatItsAccessCallsFor() {
    Given read = reader();
    assertThat(read.recalled()).isFalse();
    assertThat(one.giveBack(read.handle(), read.stateid())).isEqualTo("NFS4_OK");
    Given write = insist(() -> one.open(root, "file", BOTH));
    assertThat(write.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    assertThat(one.giveBack(write.handle(), write.stateid())).isEqualTo("NFS4_OK");
    assertThat(delegations()).isZero();
  }

  @Test
  void newFileIsDelegatedToItsMaker() {
    Given made =
        one.open(
            root, BOTH, FileCalls.unchecked(FileCalls.noAttributes()), FileCalls.claimName("new"));
    assertThat(made.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
  }

  @Test
  void wishesAreHeard() {
    int noDelegation = READ | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;
    assertThat(one.open(root, "file", noDelegation).why()).isEqualTo(OpenConst4.WND4_NOT_WANTED);
    int cancel = READ | OpenConst4.OPEN4_SHARE_ACCESS_WANT_CANCEL;
    assertThat(one.open(root, "file", cancel).why()).isEqualTo(OpenConst4.WND4_CANCELLED);
    int write = READ | OpenConst4.OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG;
    assertThat(one.open(root, "file", write).why())
        .as("the server has it open for reading only")
        .isEqualTo(OpenConst4.WND4_RESOURCE);
    assertThat(one.open(root, "file", READ | ANY).type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    assertThat(two.open(root, "file", READ | ANY).type())
        .as("so many as like")
        .isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    assertThat(one.open(root, "file", READ | ANY).why()).isEqualTo(OpenConst4.WND4_RESOURCE);
    assertThat(one.open(root, "file", READ).type()).isEqualTo(OpenConst4.OPEN_DELEGATE_NONE);
  }

  @Test
  void openOfAnotherClientForbidsWhatItIsAtOddsWith() {
    Given other = two.open(root, "file", BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
    assertThat(one.open(root, "file", READ | ANY).why()).isEqualTo(OpenConst4.WND4_CONTENTION);
    assertThat(two.calls.close(other.handle(), other.open())).isEqualTo("NFS4_OK");
    two.open(root, "file", READ | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
    assertThat(one.open(root, "file", READ | ANY).type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    assertThat(fixture.server().arbiter().delegations().delegationCount()).isEqualTo(1);
  }

  @Test
  void localProcessThatHasTheFileOpenForbidsIt() throws Exception {
    try (var _ = Files.newOutputStream(file)) {
      assertThat(one.open(root, "file", READ | ANY).why()).isEqualTo(OpenConst4.WND4_CONTENTION);
    }
    assertThat(one.open(root, "file", READ | ANY).type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
  }

  @Test
  void fileWhoseModeChangesWithItsBytesIsNotDelegatedToAWriter() throws Exception {
    for (int mode : new int[] {04755, 02755}) {
      Files.setAttribute(file, "unix:mode", mode);
      Given open = one.open(root, "file", BOTH | ANY);
      assertThat(open.why()).as("%o", mode).isEqualTo(OpenConst4.WND4_RESOURCE);
      assertThat(one.calls.close(open.handle(), open.open())).isEqualTo("NFS4_OK");
    }
    Files.setAttribute(file, "unix:mode", 02744);
    assertThat(one.open(root, "file", BOTH | ANY).type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
  }

  @Test
  void whoSetsSuchAModeGivesItsOwnDelegationBackBefore() throws Exception {
    one.honest();
    Given written = writer();
    assertThat(delegations()).isEqualTo(1);
    assertThat(
            insistOn(() ->
                one.calls.setAttr(written.handle(), Stateids.ANONYMOUS, FileCalls.mode(04755))))
        .isEqualTo("NFS4_OK");
    assertThat(delegations()).isZero();
    assertThat(Files.getAttribute(file, "unix:mode")).isEqualTo(0104755);
    assertThat(one.nextRecall().handle()).isEqualTo(written.handle());
  }

  @Test
  void clientWithoutABackChannelGetsNone() throws IOException {
    try (var connection =
        io.selkie.server.testing.Nfs41TestClient.connect(fixture.server().nfsAddress())
            .as(new LinuxKernel().effectiveUid())) {
      var session = io.selkie.server.testing.TestSession.open(connection, "deaf", 1, 0);
      session.call(Compound::reclaimComplete);
      CompoundReply reply =
          connection.call(
              FileCalls.putFh(root)
                  .apply(session.next(0, false))
                  .op(
                      NfsOp4.OP_OPEN,
                      o -> {
                        o.int32(0);
                        o.int32(READ);
                        o.int32(0);
                        o.int64(0);
                        o.opaque(new byte[] {1});
                        o.int32(0);
                        FileCalls.claimName("file").accept(o);
                      }));
      reply.sequenceOk();
      reply.next(NfsOp4.OP_PUTFH);
      assertThat(reply.next(NfsOp4.OP_OPEN)).isEqualTo("NFS4_OK");
      assertThat(delegations()).isZero();
    }
  }

  @Test
  void wantedWithoutAnOpen() {
    byte[] handle = one.calls.handleOf("data", "file");
    Given given = one.want(handle, OpenConst4.OPEN4_SHARE_ACCESS_WANT_READ_DELEG);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    assertThat(one.calls.read(handle, given.stateid(), 0, 4).bytes())
        .isEqualTo("some".getBytes(UTF_8));
    assertThat(one.want(root, ANY).status()).isEqualTo("NFS4ERR_ISDIR");
    assertThat(one.want(handle, 0).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(one.want(handle, OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG).status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(one.want(handle, OpenConst4.OPEN4_SHARE_ACCESS_WANT_CANCEL).why())
        .isEqualTo(OpenConst4.WND4_CANCELLED);
    assertThat(one.calls.on(handle, NfsOp4.OP_DELEGPURGE, o -> o.int64(0)).status())
        .isEqualTo("NFS4ERR_NOTSUPP");
  }

  // ---------------------------------------------------------------- use

  @Test
  void delegationStateidReadsAndWrites() {
    Given write = writer();
    assertThat(one.calls.close(write.handle(), write.open())).isEqualTo("NFS4_OK");
    assertThat(
            one.calls
                .write(write.handle(), write.stateid(), 0, Nfs4Const.FILE_SYNC4, new byte[] {'S'})
                .status())
        .isEqualTo("NFS4_OK");
    assertThat(one.calls.read(write.handle(), write.stateid(), 0, 4).bytes())
        .isEqualTo("Some".getBytes(UTF_8));
    assertThat(one.calls.setAttr(write.handle(), write.stateid(), FileCalls.size(4)))
        .isEqualTo("NFS4_OK");
    assertThat(two.calls.read(write.handle(), write.stateid(), 0, 4).status())
        .as("another's")
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(one.giveBack(root, write.stateid())).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(one.giveBack(write.handle(), write.stateid())).isEqualTo("NFS4_OK");
    assertThat(one.calls.read(write.handle(), write.stateid(), 0, 4).status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void readDelegationDoesNotWrite() {
    Given read = reader();
    assertThat(
            one.calls
                .write(read.handle(), read.stateid(), 0, Nfs4Const.FILE_SYNC4, new byte[1])
                .status())
        .isEqualTo("NFS4ERR_OPENMODE");
  }

  @Test
  void opensMadeUnderADelegationAreClaimedByIt() {
    Given write = writer();
    one.calls.close(write.handle(), write.open());
    Given byHandle =
        one.open(write.handle(), BOTH, o -> o.int32(0), DelegationPeer.claimUnder(write.stateid()));
    assertThat(byHandle.status()).isEqualTo("NFS4_OK");
    assertThat(byHandle.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_NONE);
    Given byName =
        one.open(root, READ, o -> o.int32(0), DelegationPeer.claimUnder(write.stateid(), "file"));
    assertThat(byName.status()).isEqualTo("NFS4_OK");
    assertThat(
            two.open(
                    write.handle(),
                    BOTH,
                    o -> o.int32(0),
                    DelegationPeer.claimUnder(write.stateid()))
                .status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void openOrDelegationLeavesTheOpenOut() {
    int access =
        BOTH
            | OpenConst4.OPEN4_SHARE_ACCESS_WANT_OPEN_XOR_DELEGATION
            | OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS;
    one.minorVersion(2);
    Given given = one.open(root, "file", access);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE_ATTRS_DELEG);
    assertThat(given.flags() & OpenConst4.OPEN4_RESULT_NO_OPEN_STATEID).isNotZero();
    assertThat(given.open()).isEqualTo(Stateids.ANONYMOUS);
    assertThat(fixture.server().opens().count()).isZero();
    assertThat(one.calls.read(given.handle(), given.stateid(), 0, 4).status()).isEqualTo("NFS4_OK");
    Given again = one.open(root, "file", access);
    assertThat(again.why()).isEqualTo(OpenConst4.WND4_RESOURCE);
    assertThat(again.flags() & OpenConst4.OPEN4_RESULT_NO_OPEN_STATEID).isZero();
    assertThat(fixture.server().opens().count()).isEqualTo(1);
  }

  // ---------------------------------------------------------------- conflicts of clients

  @Test
  void openOfAnotherWaitsForTheReturn() throws Exception {
    Given write = writer();
    assertThat(two.open(root, "file", READ).status()).isEqualTo("NFS4ERR_DELAY");
    DelegationPeer.Recall recall = one.nextRecall();
    assertThat(recall.stateid()).isEqualTo(write.stateid());
    assertThat(recall.handle()).isEqualTo(write.handle());
    assertThat(two.open(root, "file", READ).status()).isEqualTo("NFS4ERR_DELAY");

    Given kept =
        one.open(write.handle(), READ, o -> o.int32(0), DelegationPeer.claimUnder(write.stateid()));
    assertThat(kept.status()).isEqualTo("NFS4_OK");
    assertThat(one.giveBack(write.handle(), write.stateid())).isEqualTo("NFS4_OK");

    assertThat(two.open(root, "file", READ).status()).isEqualTo("NFS4_OK");
    assertThat(one.recalls).as("asked once").isEmpty();
  }

  @Test
  void readersDoNotDisturbReaders() {
    reader();
    assertThat(two.open(root, "file", READ).type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    assertThat(one.recalls).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "open",
        "truncate",
        "punch",
        "mode",
        "times",
        "remove",
        "rename",
        "replace",
        "link",
        "write",
        "read"
      })
  void whatAnotherClientDoesRecalls(String deed) throws Exception {
    Given held =
        switch (deed) {
          case "read", "truncate", "punch" -> writer();
          default -> reader();
        };
    one.calls.close(held.handle(), held.open());
    one.honest();
    byte[] handle = two.calls.handleOf("data", "file");
    Files.write(fixture.export().resolve("other"), new byte[3]);

    String status =
        insistOn(() ->
            switch (deed) {
              case "open" ->
                  two.open(root, "file", WRITE | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG)
                      .status();
              case "truncate" -> two.calls.setAttr(handle, Stateids.ANONYMOUS, FileCalls.size(0));
              case "punch" -> punch(handle);
              case "mode" -> two.calls.setAttr(handle, Stateids.ANONYMOUS, FileCalls.mode(0600));
              case "times" ->
                  two.calls.setAttr(
                      handle,
                      Stateids.ANONYMOUS,
                      FileCalls.fattr(
                          Bitmap4.of(FileAttributes.FATTR4_TIME_MODIFY_SET), o -> o.int32(0)));
              case "remove" -> two.calls.remove(root, "file");
              case "rename" -> two.calls.rename(root, "file", root, "elsewhere");
              case "replace" -> two.calls.rename(root, "other", root, "file");
              case "link" ->
                  two.calls.onTwo(handle, root, NfsOp4.OP_LINK, FileCalls.name("second")).status();
              case "write" ->
                  two.calls
                      .write(handle, Stateids.ANONYMOUS, 0, Nfs4Const.FILE_SYNC4, new byte[1])
                      .status();
              default -> two.calls.read(handle, Stateids.ANONYMOUS, 0, 4).status();
            });

    assertThat(status).isEqualTo("NFS4_OK");
    assertThat(one.nextRecall().truncate()).isEqualTo(deed.equals("truncate"));
    assertThat(delegations()).isZero();
  }

  private String punch(byte[] handle) {
    return new Calls42(two.calls)
        .on(
            handle,
            NfsOp4.OP_DEALLOCATE,
            o -> {
              Stateids.encode(o, Stateids.ANONYMOUS);
              o.int64(0);
              o.int64(4096);
            })
        .status();
  }

  @Test
  void holderDoesAllThatUndisturbed() {
    Given held = writer();
    assertThat(one.calls.setAttr(held.handle(), held.stateid(), FileCalls.size(2)))
        .isEqualTo("NFS4_OK");
    assertThat(one.calls.setAttr(held.handle(), held.stateid(), FileCalls.mode(0600)))
        .isEqualTo("NFS4_OK");
    assertThat(one.calls.rename(root, "file", root, "elsewhere")).isEqualTo("NFS4_OK");
    assertThat(one.calls.remove(root, "elsewhere")).isEqualTo("NFS4_OK");
    assertThat(one.recalls).isEmpty();
    assertThat(one.giveBack(held.handle(), held.stateid())).isEqualTo("NFS4_OK");
  }

  // ---------------------------------------------------------------- local processes

  private Process local(String command) throws IOException {
    return new ProcessBuilder("sh", "-c", command)
        .directory(fixture.export().toFile())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static void ends(Process process) throws InterruptedException {
    assertThat(process.waitFor(40, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
  }

  @Test
  void localWriterWaitsForTheReturnOfAReadDelegation() throws Exception {
    Given held = reader();
    one.calls.close(held.handle(), held.open());
    CountDownLatch mayReturn = new CountDownLatch(1);
    one.onRecall(recall -> {
      try {
        mayReturn.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      one.giveBack(recall.handle(), recall.stateid());
    });

    Process writer = local("dd if=/dev/zero of=file bs=1 count=1 conv=notrunc status=none");
    one.nextRecall();
    assertThat(writer.isAlive()).isTrue();
    assertThat(Files.readString(file)).as("readers pass").startsWith("some");
    mayReturn.countDown();

    ends(writer);
    assertThat(delegations()).isZero();
  }

  @Test
  void localReaderTakesAWriteDelegationBackAndSeesWhatWasWritten() throws Exception {
    Given held = writer();
    one.onRecall(recall -> {
      one.calls.write(
          recall.handle(), recall.stateid(), 0, Nfs4Const.FILE_SYNC4, "SOME".getBytes(UTF_8));
      one.calls.close(held.handle(), held.open());
      one.giveBack(recall.handle(), recall.stateid());
    });

    Process reader = local("cat file");

    ends(reader);
    assertThat(new String(reader.getInputStream().readAllBytes(), UTF_8)).isEqualTo("SOME content");
  }

  @Test
  void layoutAndDelegationOfOneClientShareTheLease() throws Exception {
    Given held = writer();
    assertThat(one.layoutUnder(held)).isEqualTo("NFS4_OK");
    assertThat(one.calls.close(held.handle(), held.open())).isEqualTo("NFS4_OK");
    assertThat(fixture.server().arbiter().layoutCount())
        .as("the delegation stands for an open")
        .isEqualTo(1);
    assertThat(one.giveBack(held.handle(), held.stateid())).isEqualTo("NFS4_OK");
    assertThat(fixture.server().arbiter().layoutCount()).isZero();
    ends(local("echo local >> file"));
  }

  /** There is no open that the file's handle could be known from. */
  @Test
  void layoutWithoutAnOpenIsRecalledBesideItsDelegation() throws Exception {
    Given held = writer();
    assertThat(one.calls.close(held.handle(), held.open())).isEqualTo("NFS4_OK");
    assertThat(one.layoutUnder(held)).isEqualTo("NFS4_OK");
    assertThat(fixture.server().opens().count()).isZero();
    CallbackInbox inbox = CallbackInbox.of(one.calls);

    Process writer = local("echo local >> file");

    assertThat(List.of(inbox.nextRecall(), inbox.nextRecall()))
        .containsExactlyInAnyOrder(NfsCbOp4.OP_CB_LAYOUTRECALL, NfsCbOp4.OP_CB_RECALL);
    // The layout hung on it alone, and goes with it.
    assertThat(one.giveBack(held.handle(), held.stateid())).isEqualTo("NFS4_OK");
    ends(writer);
  }

  // ---------------------------------------------------------------- everybody else

  @Test
  void recallHeldOpenSlowsNobodyElse() throws Exception {
    for (int i = 0; i < 16; i++) {
      Files.write(fixture.export().resolve("f" + i), new byte[10]);
      Given held = one.open(root, "f" + i, READ);
      assertThat(held.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
    }
    // Never returns any, and each opener waits a moment for it in vain.
    for (int i = 0; i < 16; i++) {
      assertThat(two.open(root, "f" + i, WRITE).status()).isEqualTo("NFS4ERR_DELAY");
    }
    DelegationPeer three = new DelegationPeer(fixture.client("three"));
    for (int i = 0; i < 50; i++) {
      Given open = three.open(root, "file", READ);
      assertThat(open.status()).isEqualTo("NFS4_OK");
      assertThat(three.calls.read(open.handle(), open.open(), 0, 4).status()).isEqualTo("NFS4_OK");
    }
    for (int i = 0; i < 16; i++) {
      assertThat(one.nextRecall()).isNotNull();
    }
  }

  @Test
  void departedClientLeavesNoLease() throws Exception {
    reader();
    fixture.server().sessions().revoke(one.calls.session().clientId());
    ends(local("echo local >> file"));
    assertThat(delegations()).isZero();
  }
}
