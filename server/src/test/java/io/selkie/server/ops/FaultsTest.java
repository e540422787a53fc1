package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FaultInjectingKernel.When;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.ops.FileCalls.Written;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Goal: what goes wrong beneath the server is told as it is, and nothing is acknowledged that is
 * not.
 */
@Timeout(120)
class FaultsTest {

  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
  private ServerFixture server;
  private FileCalls client;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture(kernel, "");
    client = server.client("alice");
    root = client.handleOf("data");
  }

  @AfterEach
  void stop() throws IOException {
    kernel.heal();
    server.close();
  }

  @ParameterizedTest
  @CsvSource({
    "ENOSPC, NFS4ERR_NOSPC",
    "EDQUOT, NFS4ERR_DQUOT",
    "EIO, NFS4ERR_IO",
    "EFBIG, NFS4ERR_FBIG",
    "EAGAIN, NFS4ERR_DELAY"
  })
  void failingWriteIsToldAsItIs(Errno errno, String status) {
    Opened opened = client.create(root, "f");
    kernel.failAll(KernelCall.PWRITE, errno);
    assertThat(write(opened, 0, Nfs4Const.FILE_SYNC4).status()).isEqualTo(status);
    kernel.heal();
    assertThat(write(opened, 0, Nfs4Const.FILE_SYNC4).status()).isEqualTo("NFS4_OK");
  }

  @ParameterizedTest
  @CsvSource({"EIO, NFS4ERR_IO", "EAGAIN, NFS4ERR_DELAY"})
  void failingReadIsToldAsItIs(Errno errno, String status) {
    Opened opened = client.create(root, "f");
    assertThat(write(opened, 0, Nfs4Const.FILE_SYNC4).status()).isEqualTo("NFS4_OK");
    kernel.failAll(KernelCall.PREAD, errno);
    assertThat(client.read(opened.handle(), opened.stateid(), 0, 3).status()).isEqualTo(status);
    kernel.heal();
    assertThat(client.read(opened.handle(), opened.stateid(), 0, 3).bytes())
        .isEqualTo(new byte[] {1, 2, 3});
  }

  @Test
  void failingFlushIsNoAcknowledgementAndChangesTheVerifier() {
    Opened opened = client.create(root, "f");
    Written before = write(opened, 0, Nfs4Const.UNSTABLE4);
    kernel.failNth(KernelCall.FDATASYNC, 1, Errno.EIO, When.AFTERWARDS);
    assertThat(write(opened, 10, Nfs4Const.DATA_SYNC4).status()).isEqualTo("NFS4ERR_IO");
    Written after = write(opened, 0, Nfs4Const.UNSTABLE4);
    assertThat(after.verifier()).isNotEqualTo(before.verifier());
  }

  @Test
  void failingCommitIsNoAcknowledgement() {
    Opened opened = client.create(root, "f");
    Written before = write(opened, 0, Nfs4Const.UNSTABLE4);
    kernel.failAll(KernelCall.FDATASYNC, Errno.EIO);
    assertThat(commit(opened)).isEqualTo("NFS4ERR_IO");
    kernel.heal();
    assertThat(commit(opened)).isEqualTo("NFS4_OK");
    assertThat(write(opened, 0, Nfs4Const.UNSTABLE4).verifier()).isNotEqualTo(before.verifier());
  }

  @ParameterizedTest
  @CsvSource({"ENOSPC, NFS4ERR_NOSPC", "EDQUOT, NFS4ERR_DQUOT", "EIO, NFS4ERR_IO"})
  void unstableWritesThatFoundNoRoomAreToldByCommitAndSentAgain(Errno errno, String status) {
    Opened opened = client.create(root, "f");
    long before = writeUnstable(opened);
    kernel.failNth(KernelCall.FDATASYNC, 1, errno, When.AFTERWARDS);
    assertThat(commit(opened)).isEqualTo(status);
    long after = writeUnstable(opened);
    assertThat(after).as("whoever wrote anything writes it again").isNotEqualTo(before);
    FileCalls.Answer committed = client.commit(opened.handle());
    assertThat(committed.status()).isEqualTo("NFS4_OK");
    assertThat(committed.in().int64()).as("nothing is left to be sent").isEqualTo(after);
    assertThat(server.export().resolve("f")).hasSize(8 * 3);
  }

  private long writeUnstable(Opened opened) {
    long verifier = write(opened, 0, Nfs4Const.UNSTABLE4).verifier();
    for (int i = 1; i < 8; i++) {
      Written written = write(opened, 3L * i, Nfs4Const.UNSTABLE4);
      assertThat(written.status()).isEqualTo("NFS4_OK");
      assertThat(written.verifier()).isEqualTo(verifier);
    }
    return verifier;
  }

  @ParameterizedTest
  @CsvSource({"ENOSPC, NFS4ERR_NOSPC", "EDQUOT, NFS4ERR_DQUOT"})
  void roomThatEndsAmongUnstableWritesCostsNoneOfThoseBefore(Errno errno, String status) {
    Opened opened = client.create(root, "f");
    Written first = write(opened, 0, Nfs4Const.UNSTABLE4);
    kernel.failNth(KernelCall.PWRITE, 2, errno, When.INSTEAD);
    assertThat(write(opened, 3, Nfs4Const.UNSTABLE4).status()).isEqualTo("NFS4_OK");
    assertThat(write(opened, 6, Nfs4Const.UNSTABLE4).status()).isEqualTo(status);
    FileCalls.Answer committed = client.commit(opened.handle());
    assertThat(committed.status()).isEqualTo("NFS4_OK");
    assertThat(committed.in().int64()).as("none is lost").isEqualTo(first.verifier());
    assertThat(server.export().resolve("f")).hasBinaryContent(new byte[] {1, 2, 3, 1, 2, 3});
  }

  private String commit(Opened opened) {
    return client.commit(opened.handle()).status();
  }

  @Test
  void fileThatSomebodyElseHasLeasedAnswersDelay() throws IOException {
    Files.writeString(server.export().resolve("f"), "x");
    byte[] handle = client.handleOf("data", "f");
    kernel.failAll(KernelCall.OPENAT2, Errno.EAGAIN);
    assertThat(client.read(handle, Stateids.ANONYMOUS, 0, 1).status()).isEqualTo("NFS4ERR_DELAY");
    kernel.heal();
    assertThat(client.read(handle, Stateids.ANONYMOUS, 0, 1).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void descriptorsThatRunOutAnswerDelayAndRecover() throws IOException {
    Files.writeString(server.export().resolve("f"), "x");
    kernel.failAll(KernelCall.OPENAT2, Errno.EMFILE);
    assertThat(client.open(root, "f", READ, DENY_NONE).status()).isEqualTo("NFS4ERR_DELAY");
    kernel.heal();
    assertThat(client.open(root, "f", READ, DENY_NONE).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void exportThatIsGoneIsStaleAndOthersAreUnharmed() throws IOException {
    Opened opened = client.create(root, "f");
    Path export = server.export();
    Files.delete(export.resolve("f"));
    Files.delete(export);
    assertThat(client.create(root, "g").status()).isIn("NFS4ERR_STALE", "NFS4ERR_NOENT");
    assertThat(client.lookup(root, "f").status()).isIn("NFS4ERR_STALE", "NFS4ERR_NOENT");
    // What is open stays open, and the root of all is still there.
    assertThat(write(opened, 0, Nfs4Const.FILE_SYNC4).status()).isEqualTo("NFS4_OK");
    assertThat(client.list(client.handleOf(), 4096)).containsExactly("data");
    Files.createDirectory(export);
  }

  @Test
  void openThatIsRefusedHasCutNothing() throws IOException {
    Files.writeString(server.export().resolve("f"), "precious");
    assertThat(client.open(root, "f", READ, READ).status()).isEqualTo("NFS4_OK");
    FileCalls other = server.client("bob");
    String status =
        other
            .open(
                root,
                READ,
                DENY_NONE,
                "bob",
                FileCalls.unchecked(FileCalls.size(0)),
                FileCalls.claimName("f"))
            .status();
    assertThat(status).isEqualTo("NFS4ERR_SHARE_DENIED");
    assertThat(Files.readString(server.export().resolve("f"))).isEqualTo("precious");
  }

  @Test
  void truncationThatFailsLeavesNoOpen() throws IOException {
    Files.writeString(server.export().resolve("f"), "precious");
    kernel.failAll(KernelCall.FTRUNCATE, Errno.EIO);
    String status =
        client
            .open(
                root,
                READ,
                READ,
                "alice",
                FileCalls.unchecked(FileCalls.size(0)),
                FileCalls.claimName("f"))
            .status();
    assertThat(status).isEqualTo("NFS4ERR_IO");
    assertThat(server.server().opens().count()).isZero();
    assertThat(server.client("bob").open(root, "f", READ, READ).status()).isEqualTo("NFS4_OK");
  }

  private Written write(Opened opened, long offset, int stable) {
    return client.write(opened.handle(), opened.stateid(), offset, stable, new byte[] {1, 2, 3});
  }
}
